"""`each` and `derive` of random mappings: the fast matcher says what the plain evaluator says, and that says what the mapping
without these keys says of events rewritten by hand: one per element, with the number put in.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.rules.mapping_set import MappingSet
from pipeline.rules.plain import PlainRuleSet
from pipeline.rules.ruleset import RuleSet
from store.records import Event, Judgement, Verdict

LOG, SNAPSHOT = "log.aws.cloudtrail", "snapshot.aws.iam.user"
SOURCES = {LOG: {"product": "aws"}, SNAPSHOT: {"category": "snapshot", "product": "aws", "service": "iam", "resource": "user"}}
SMALL = st.sampled_from([1, 1, 1, 2, "x", None])
FIELDS = st.sampled_from(["l.x", "l.x", "l.y", "l.m", "l", "n", "n", "k", "p.l.x", "p.q"])
ITEMS: st.SearchStrategy[tuple[str, Any]] = st.one_of(
    st.tuples(st.sampled_from(["", "", "|neq"]), SMALL),
    st.tuples(st.sampled_from(["|gt", "|lt"]), st.integers(0, 2)),
    st.tuples(st.just("|exists"), st.booleans()),
    st.tuples(st.just("|fieldref"), st.sampled_from(["k", "n", "l.y"])),
)
SELECTIONS = st.lists(st.tuples(FIELDS, ITEMS), min_size=1, max_size=2).map(lambda some: {f + m: v for f, (m, v) in some})
CONDITIONS = st.sampled_from(["s", "s", "s and t", "s or t", "s and not t", "not s", "not (s and t)"])
NUMBERS = st.sampled_from(["count(l)", "count(l.m)", "ratio(l.x, k)", "ratio(l.x, l.y)", "count(k)"])
DERIVE = st.fixed_dictionaries({"n": NUMBERS})
INNER: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries({"each": st.sampled_from(["l", "l", "p.l", "l.m"])}, optional={"derive": DERIVE}),
    st.fixed_dictionaries({"derive": DERIVE}),
)


@st.composite
def mappings(draw: st.DrawFn, each: st.SearchStrategy[dict[str, Any]] = INNER) -> dict[str, Any]:
    made: dict[str, Any] = {"title": "x", "rationale": "r", "logsource": SOURCES[draw(st.sampled_from([LOG, SNAPSHOT]))]}
    made["detection"] = {"s": draw(SELECTIONS), "t": draw(SELECTIONS), "condition": draw(CONDITIONS)}
    if draw(st.integers(0, 3)) == 0:
        made["population"] = {draw(st.sampled_from(["k", "p.q"])): draw(SMALL)}
    return made | draw(each)


OBJECT = st.fixed_dictionaries({"x": SMALL, "y": SMALL}, optional={"m": st.lists(SMALL, max_size=2)})
ELEMENTS: st.SearchStrategy[Any] = st.one_of(OBJECT, OBJECT, OBJECT, st.just({}), SMALL)
LISTS = st.one_of(*[st.lists(ELEMENTS, min_size=1, max_size=3)] * 3, st.just([]))
OBJECTS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"l": LISTS}, optional={"k": SMALL, "p": st.fixed_dictionaries({"q": SMALL, "l": LISTS})}
)
UNREAD = st.lists(st.sampled_from(["l", "l.x", "k", "p", "other"]), max_size=2)
ODD: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.dictionaries(
        st.sampled_from(["l.x", "p.l", "p.l.x", "l.m", "n"]), st.one_of(SMALL, st.lists(ELEMENTS, max_size=2)), max_size=2
    ),
    st.fixed_dictionaries({"_unread": UNREAD}),
)


def compiled(*made: dict[str, Any]) -> RuleSet:
    return RuleSet.compile(MappingSet("", {f"m{n}.yaml": json.dumps(one) for n, one in enumerate(made)}))


def events(payload: dict[str, Any]) -> list[Event]:
    return [Event("s", "1", type, 0, json.dumps(payload).encode(), subject="u", account="1") for type in (LOG, SNAPSHOT)]


def plainly(rules: RuleSet, payload: dict[str, Any]) -> list[Judgement]:
    plain = PlainRuleSet("", rules.rules, (), ())
    return [said for event in events(payload) for said in plain.judge(event)]


@settings(deadline=None, max_examples=250)
@given(st.lists(mappings(), min_size=1, max_size=3), OBJECTS, ODD)
def test_the_fast_matcher_says_what_the_plain_evaluator_says(
    made: list[Any], payload: dict[str, Any], odd: dict[str, Any]
) -> None:
    rules = compiled(*made)
    for one in (payload, payload | odd, odd | payload):
        assert [said for event in events(one) for said in rules.judge(event)] == plainly(rules, one)


def narrowed(payload: dict[str, Any], path: str) -> Iterator[dict[str, Any]]:
    """The event once per element of the list at `path`, with that element in its place."""
    head, _, tail = path.partition(".")
    if tail:
        for below in narrowed(payload.get(head) or {}, tail):
            yield payload | {head: below}
        return
    for element in payload.get(head, []):
        if element is not None:
            yield payload | {head: element}


EACH: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries({"each": st.sampled_from(["l", "p.l"])})


@settings(deadline=None, max_examples=250)
@given(mappings(EACH), OBJECTS)
@example(
    {"title": "x", "rationale": "r", "each": "l", "logsource": SOURCES[LOG],
     "detection": {"s": {"l.y": 1}, "t": {"l.x": 1}, "condition": "s and not t"}},
    {"l": [{"x": 1, "y": 2}, {"x": 2, "y": 1}]},
)  # fmt: skip
def test_each_matches_when_the_mapping_matches_an_event_of_one_element(made: dict[str, Any], payload: dict[str, Any]) -> None:
    [whole, single] = [compiled(made), compiled({key: value for key, value in made.items() if key != "each"})]
    said = plainly(whole, payload)
    apart = [one for event in narrowed(payload, made["each"]) for one in plainly(single, event)]
    assert any(one.verdict is Verdict.MATCHED for one in said) is any(one.verdict is Verdict.MATCHED for one in apart)
    if made["logsource"] == SOURCES[SNAPSHOT] and "population" not in made:
        assert len(said) == 1


@settings(deadline=None, max_examples=300)
@given(mappings(st.fixed_dictionaries({"derive": st.just({"n": "count(l)"})})), OBJECTS)
def test_a_derived_number_is_as_good_as_one_in_the_event(made: dict[str, Any], payload: dict[str, Any]) -> None:
    [deriving, reading] = [compiled(made), compiled({key: value for key, value in made.items() if key != "derive"})]
    number = {"n": len(payload["l"])} if "l" in payload else {}
    told = [(said.verdict, said.reason) for said in plainly(deriving, payload)]
    assert told == [(said.verdict, said.reason) for said in plainly(reading, payload | number)]
