"""The fast matcher says what the plain evaluator says: of random rules over random and hostile payloads, of the built-in set over
its own test events and recorded samples, with its memory full, and whatever else is in the set.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipeline.rules import field_bits
from pipeline.rules.mapping_set import MappingSet
from pipeline.rules.members import PREFIX, always
from pipeline.rules.nodes import Atom
from pipeline.rules.plain import PlainRuleSet
from pipeline.rules.reader import builtin_mappings, read_set
from pipeline.rules.rule import Rule
from pipeline.rules.ruleset import RuleSet
from pipeline.rules.view import FieldPath
from store.records import Event

LOG, OBSERVED = "log.aws.cloudtrail", "snapshot.aws.kms.key"
LISTS = {"l": ("alice", "10.1.2.3", "b*")}
SAID = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


def event(payload: bytes, type: str = LOG, subject: str | None = None) -> Event:
    return Event("s", "1", type, 1_764_060_000_000_000, payload, subject=subject, account="111122223333")


def both(rules: Sequence[Rule]) -> tuple[RuleSet, PlainRuleSet]:
    return RuleSet("", tuple(rules), (), ()), PlainRuleSet("", tuple(rules), (), ())


def agree(fast: RuleSet, plain: PlainRuleSet, events: Sequence[Event]) -> None:
    """Twice, so that what is remembered answers too. Sets have been read, as a worker reads them, and hold a few names."""
    sets = always({rule.record.id.removeprefix(PREFIX): ("111122223333", "orders") for rule in fast.sets})
    for one in (*events, *events):
        assert fast.judge(one, sets) == plain.judge(one, sets)


# -- random rules

FIELDS = st.sampled_from(["a", "b", "n", "c.d", "c.e", "c", "c.d.e", "a.b", "eventName", "x y", "ü.n", 'q"uote', "l"])
TEXTS = st.sampled_from(
    ["x", "X", "alice", "Alice", "al*", "*ice", "*lic*", "a?ice", "a*e", "*", "", "1", "1.0", "true", "null", "a\\*b", "ß", "SS",
     "İ", "10.1.2.3", "::ffff:10.1.2.3", "2026-11-25T08:46:58Z", "StopLogging", "-enc", "/enc"]
)  # fmt: skip
SCALARS = st.one_of(TEXTS, st.integers(-2, 3), st.booleans(), st.none(), st.sampled_from([1.0, 1.5, 10**20, 1764060000]))
ITEMS: st.SearchStrategy[tuple[str, Any]] = st.one_of(
    st.tuples(st.sampled_from(["", "|all", "|neq", "|cased"]), st.one_of(SCALARS, st.lists(SCALARS, min_size=1, max_size=3))),
    st.tuples(
        st.sampled_from(["|contains", "|startswith", "|endswith", "|contains|all", "|contains|cased", "|startswith|cased",
                         "|endswith|neq", "|windash|contains", "|base64offset|contains", "|wide|base64"]),
        st.one_of(TEXTS, st.lists(TEXTS, min_size=1, max_size=3)),
    ),
    st.tuples(
        st.sampled_from(["|re", "|re|i", "|re|m", "|re|s"]),
        st.sampled_from(["al.ce", "^a", "e$", "(?i)ALICE", "a|b", "[0-9]+", "lic(e|d)?", "lic{2}", "x.*y", ".", "\\d", "alice+"]),
    ),
    st.tuples(st.just("|cidr"), st.sampled_from(["10.0.0.0/8", "10.1.2.3/32", "::/0", "::ffff:0:0/96", ["0.0.0.0/0"]])),
    st.tuples(st.sampled_from(["|gt", "|gte", "|lt", "|lte"]), st.sampled_from([0, 1, 1.5, -1, 10**20])),
    st.tuples(st.just("|exists"), st.booleans()),
    st.tuples(st.sampled_from(["|fieldref", "|fieldref|startswith", "|fieldref|contains"]), FIELDS),
    st.tuples(st.sampled_from(["|hour", "|day", "|month|gt", "|year|lte", "|week"]), st.integers(1, 30)),
    st.tuples(st.just("|expand"), st.just("%l%")),
)  # fmt: skip
SELECTIONS: st.SearchStrategy[Any] = st.one_of(
    st.lists(st.tuples(FIELDS, ITEMS), min_size=1, max_size=4).map(lambda items: {f + m: v for f, (m, v) in items}),
    st.lists(st.one_of(TEXTS.filter(bool), st.integers(0, 3)), min_size=1, max_size=3),
    st.lists(TEXTS.filter(bool), min_size=1, max_size=2).map(lambda values: {"|all": values}),
    st.sampled_from(["alice", "1"]).map(lambda value: {"|contains": value}),
)
CONDITIONS = st.sampled_from(
    ["s1", "not s1", "s1 and s2", "s1 or s2", "s1 and not s2", "not (s1 or s2)", "not (s1 and s2)", "1 of s*", "all of them",
     "s1 and (s2 or not s3)", "(s1 or s2) and (s2 or s3) and not (s1 and s3)", "not 1 of s*", "not all of them or s1"]
)  # fmt: skip


@st.composite
def detections(draw: st.DrawFn) -> dict[str, Any]:
    return {**{name: draw(SELECTIONS) for name in ("s1", "s2", "s3")}, "condition": draw(CONDITIONS)}


NUMBERS = st.sampled_from(
    ["count(l)", "count(c.d)", "ratio(a, b)", "ratio(c.d, c.e)", "hours_between(a, @time)", "days_between(c.d, c.e)"]
)
LISTS_OF = st.sampled_from(["c", "l", "c.d", "a", "a.b"])
INNER: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {}, optional={"each": LISTS_OF, "derive": st.fixed_dictionaries({"n": NUMBERS, "b": NUMBERS})}
)
"""The name b is a field's too."""


@st.composite
def rule_texts(draw: st.DrawFn) -> str:
    observed = draw(st.booleans())
    made: dict[str, Any] = {
        "title": "x",
        "logsource": {"product": "aws", "service": "kms", "category": "snapshot", "resource": "key"}
        if observed
        else {"product": "aws", "service": "cloudtrail"},
        "detection": draw(detections()),
        "rationale": "why",
        "finding": "evidence",
    }
    if draw(st.booleans()):
        made["population"] = draw(detections())
    if draw(st.booleans()):
        made |= draw(INNER)
    if not observed and draw(st.booleans()):
        made |= {"finding": "not-satisfied", "subject": draw(st.sampled_from(["a", "c.d|tail"])), "until": draw(detections())}
    return json.dumps(made)


def compiled(texts: Sequence[str]) -> tuple[Rule, ...]:
    return RuleSet.compile(MappingSet("", {f"m{n}.yaml": text for n, text in enumerate(texts)}, lists=LISTS)).rules


VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["d", "e", "d.e", "b", "n"]), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = st.sampled_from(["a", "b", "c", "c.d", "a.b", "c.d.e", "eventName", "x y", "ü", "ü.n", 'q"uote', "l", "other"])


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    """JSON objects in many spellings: keys that come twice, escaped ones, numbers as text; and what is no JSON at all."""
    pairs = draw(st.lists(st.tuples(KEYS, VALUES), max_size=6))
    ascii = draw(st.booleans())
    body = ",".join(f"{json.dumps(key, ensure_ascii=ascii)}:{json.dumps(value, ensure_ascii=ascii)}" for key, value in pairs)
    data = f"{{{body}}}".encode()
    match draw(st.integers(0, 9)):
        case 0:
            return data.replace(b'"a"', b'"\\u0061"').replace(b"alice", b"\\u0061lice")
        case 1:
            return data.replace(b"1.0", b"1.00e0").replace(b'"x"', b'"\\ud800"')
        case 2:
            return data[: len(data) // 2]
        case 3:
            return data.replace(b"x", b"\xff").replace(b":1", b":" + b"9" * 30)
        case _:
            return data


@settings(SAID, max_examples=250)
@given(st.lists(rule_texts(), min_size=1, max_size=6), st.lists(payloads(), min_size=1, max_size=4))
@example(
    [json.dumps({"title": "x", "logsource": {"product": "aws"}, "detection": {"s1": {"c.d": "x"}, "condition": "s1"}})],
    [b'{"c.d":"x"}', b'{"c":[{"d":"x"}]}', b'{"c":{"d":"y","d":"x"}}', b'{"c":{"d":"x"},"c":1}', b'{"c":{"d":"x"}}\xff',
     b'{"c":{"d":["x"]}}'],
)  # fmt: skip
def test_random_rules_say_what_the_plain_evaluator_says(texts: list[str], found: list[bytes]) -> None:
    rules = compiled(texts)
    events = [event(data, type, "key/1" if type is OBSERVED else None) for data in found for type in (LOG, OBSERVED)]
    agree(*both(rules), events)
    # Whatever else is in the set, a rule says the same.
    alone = [both([rule])[0] for rule in rules]
    fast = both(rules)[0]
    for one in events:
        assert fast.judge(one) == tuple(said for single in alone for said in single.judge(one))


@settings(SAID, max_examples=100)
@given(st.lists(rule_texts(), min_size=1, max_size=6), st.lists(payloads(), min_size=3, max_size=12))
def test_what_is_remembered_never_changes_what_is_said(
    monkeypatch: pytest.MonkeyPatch, texts: list[str], found: list[bytes]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(field_bits, "MAX_REMEMBERED", 2)
        patch.setattr(field_bits, "MAX_BYTES", 90)
        patch.setattr(field_bits, "MAX_VALUE", 3)
        agree(*both(compiled(texts)), [event(data, type) for data in found for type in (LOG, OBSERVED)])


# -- the built-in set


@pytest.fixture(scope="module")
def builtin() -> tuple[RuleSet, PlainRuleSet]:
    compiled = RuleSet.compile(read_set([builtin_mappings()]))
    return compiled, PlainRuleSet("", compiled.rules, (), (), compiled.sets)


def test_builtin_mappings_over_all_their_test_events(builtin: tuple[RuleSet, PlainRuleSet]) -> None:
    fast, plain = builtin
    events = []
    for rule in fast.rules:
        types = {name.replace("*", "x") for name in rule.record.types}
        for case in rule.tests:
            data = json.dumps(case.event).encode()
            events += [event(data, type, None if type.startswith("log.") else "a subject") for type in sorted(types)]
    assert len(events) > 400
    agree(fast, plain, events)


def test_builtin_mappings_over_recorded_samples_whole_and_damaged(builtin: tuple[RuleSet, PlainRuleSet]) -> None:
    fast, plain = builtin
    events = []
    for path in sorted((Path(__file__).parent / "recorded").glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            sample = json.loads(line)
            data = json.dumps(sample["payload"]).encode()
            spellings = (data, json.dumps(sample["payload"], indent=1).encode(), data[:-1], b'{"eventName":1,' + data[1:])
            events += [event(spelling, sample["type"], sample["subject"]) for spelling in spellings]
    assert len(events) > 300
    agree(fast, plain, events)


# -- one, few and three thousand


def numbered(count: int) -> list[Rule]:
    """Rules after the manner of public rule sets, nine in ten with something exact to go by."""
    texts = []
    for number in range(20):
        exact = {"eventSource": f"s{number % 7}.aws", "eventName": [f"Act{number}", f"Put{number}"]}
        loose = {"userAgent|contains": f"tool-{number}"}
        selection = exact if number % 10 else loose
        detection = {"s": selection, "f": {"who.type": "Service"}, "condition": "s and not f"}
        texts.append(json.dumps({"title": "x", "logsource": {"product": "aws"}, "detection": detection}))
    rules = []
    for batch in range(count // 20):
        more = [text.replace("Act", f"Act{batch or ''}").replace("tool-", f"tool{batch or ''}-") for text in texts]
        rules += [replace(rule, record=replace(rule.record, id=f"{batch}/{n}")) for n, rule in enumerate(compiled(more))]
    return rules


def test_a_rule_says_the_same_among_three_thousand() -> None:
    rules = numbered(3000)
    assert len(rules) == 3000
    many, plain = both(rules)
    few, _ = both(rules[:20])
    judged = 0
    for number in range(40):
        for agent in ("cli", f"tool-{number % 20}", f"TOOL3-{number % 20}"):
            record = {"eventSource": f"S{number % 7}.aws", "eventName": f"Act{number}", "userAgent": agent}
            for more in ({}, {"who": {"type": "Service"}}, {"who": [{"type": "User"}]}, {"who.type": "Service"}):
                one = event(json.dumps({**record, **more}).encode())
                said = many.judge(one)
                assert said == plain.judge(one)
                assert tuple(j for j in said if j.mapping.startswith("0/")) == few.judge(one)
                judged += bool(said)
    assert 40 < judged < 480


# -- what fails


def test_a_test_that_raises_is_an_error_of_its_rule_alone() -> None:
    def fail(value: object) -> bool:
        raise ValueError("no")

    detection = {"s": {"a": "x"}, "condition": "s"}
    texts = [json.dumps({"title": title, "logsource": {"product": "aws"}, "detection": detection}) for title in "ab"]
    [good, other] = compiled(texts)
    broken = replace(other, matches=Atom(FieldPath.of("a"), fail, ""))
    agree(*both([good, broken]), [event(b'{"a":"x"}'), event(b'{"a":"y"}'), event(b"{}"), event(b"["), event(b'{"a":["x",{}]}')])


@pytest.mark.parametrize("depth", [10, 900, 1500])
def test_deep_payloads_and_long_values(builtin: tuple[RuleSet, PlainRuleSet], depth: int) -> None:
    deep = b'{"eventName":' + b"[" * depth + b'"StopLogging"' + b"]" * depth + b"}"
    long = json.dumps({"eventName": "x" * depth * 100, "userIdentity": {"type": "Root" * depth}}).encode()
    twice = b'{"eventName":"StopLogging","eventName":' + b'"y"' + b',"userIdentity":{"type":"Root"},"userIdentity":null}'
    agree(*builtin, [event(data) for data in (deep, long, twice)])
