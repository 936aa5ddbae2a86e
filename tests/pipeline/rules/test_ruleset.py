"""What a compiled set says of events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from pipeline.rules.mapping_set import MappingSet
from pipeline.rules.nodes import Atom
from pipeline.rules.ruleset import RuleSet
from pipeline.rules.view import FieldPath
from store.records import DAY, HOUR, Event, Judgement, Verdict

Compiled = Callable[..., RuleSet]
MakeEvent = Callable[..., Event]
STOP = {"eventSource": "cloudtrail.amazonaws.com", "eventName": "StopLogging", "requestParameters": {"name": "main"}}
STOPPED_ID = "0c3b1f2e-5f0b-4b0e-9b53-6b3f0a4f6f01"


def test_a_match_says_what_of_whom_and_why(compiled: Compiled, stopped: str, event: MakeEvent) -> None:
    assert compiled(stopped).judge(event(STOP)) == (
        Judgement(
            mapping=STOPPED_ID,
            verdict=Verdict.MATCHED,
            finding="not-satisfied",
            subject="111122223333/main",
            controls=("A.8.15", "A.8.16"),
            reason="eventSource = cloudtrail.amazonaws.com; eventName = StopLogging; errorCode is absent",
        ),
    )


def test_an_until_match_closes_the_same_subject(compiled: Compiled, stopped: str, event: MakeEvent) -> None:
    arn = "arn:aws:cloudtrail:us-east-1:111122223333:trail/main"
    (said,) = compiled(stopped).judge(event({"eventName": "StartLogging", "requestParameters": {"name": arn}}))
    assert (said.verdict, said.subject) == (Verdict.UNTIL, "111122223333/main")
    assert said.reason == "eventName = StartLogging; errorCode is absent"


def test_a_log_event_that_does_not_match_is_not_judged(compiled: Compiled, stopped: str, event: MakeEvent) -> None:
    rules = compiled(stopped)
    assert rules.judge(event({"eventName": "DescribeTrails"})) == ()
    assert rules.judge(event({**STOP, "errorCode": "AccessDenied"})) == ()
    assert rules.judge(event(STOP, type="log.aws.config")) == ()
    assert rules.judge(event(STOP, type="window")) == ()


def test_a_match_wins_over_until(compiled: Compiled, stopped: str, event: MakeEvent) -> None:
    both = stopped.replace("until: {eventName: StartLogging, errorCode: null}", "until: {eventName: StopLogging}")
    (said,) = compiled(both).judge(event(STOP))
    assert said.verdict is Verdict.MATCHED


def test_the_record(compiled: Compiled, stopped: str) -> None:
    (record,) = compiled(stopped).mappings
    assert (record.id, record.title, record.kind, record.types) == (
        STOPPED_ID,
        "CloudTrail stopped",
        "log",
        ("log.aws.cloudtrail",),
    )
    assert record.controls == (("A.8.15", "strong"), ("A.8.16", "partial"))
    assert (record.finding, record.silence, record.level) == ("not-satisfied", True, "high")
    assert (record.quiet_for, record.max_age) == (7 * DAY, 27 * HOUR)
    assert (record.description, record.path) == ("Someone stopped a trail.", "m0.yaml")


@pytest.mark.parametrize(
    ("change", "silence"),
    [
        ("finding: not-satisfied", True),
        ("finding: not-satisfied\nno_match: opposite", True),
        ("finding: not-satisfied\nno_match: silent", False),
        ("finding: satisfied\nno_match: silent", False),
        ("finding: evidence", False),
    ],
)
def test_only_a_two_sided_not_satisfied_mapping_speaks_by_silence(
    compiled: Compiled, stopped: str, change: str, silence: bool
) -> None:
    (record,) = compiled(stopped.replace("finding: not-satisfied", change)).mappings
    assert record.silence is silence


def test_durations_of_its_own(compiled: Compiled, stopped: str) -> None:
    (record,) = compiled(stopped + "max_age: 30m\nquiet_for: 2d\n").mappings
    assert (record.max_age, record.quiet_for) == (HOUR // 2, 2 * DAY)


@pytest.mark.parametrize(
    ("subject", "parameters", "expected"),
    [
        ("subject: requestParameters.name", {"name": "a/b"}, "111122223333/a/b"),
        ("subject: requestParameters.name|tail", {"name": "a/b"}, "111122223333/b"),
        ("subject: requestParameters.name|tail", {"name": "arn:aws:sns:eu:1:topic"}, "111122223333/topic"),
        ("subject: requestParameters.name|tail", {"name": "b/"}, "111122223333/b/"),
        ("subject: requestParameters.name", {"name": 5}, "111122223333/5"),
        ("subject: requestParameters.name", {"name": ["x", "y"]}, "111122223333/x"),
        ("subject: requestParameters.name", {"name": {"x": 1}}, "111122223333"),
        ("subject: requestParameters.name", {"name": None}, "111122223333"),
        ("subject: requestParameters.name", {}, "111122223333"),
        ("subject: requestParameters.name", {"name": "a\x1b[0m"}, "111122223333/a\\x1b[0m"),
        ("", {"name": "main"}, "111122223333"),
        ("finding: satisfied", {"name": "main"}, "111122223333"),
    ],
)
def test_subjects(
    compiled: Compiled, stopped: str, event: MakeEvent, subject: str, parameters: dict[str, object], expected: str
) -> None:
    old = "finding: not-satisfied" if subject.startswith("finding") else "subject: requestParameters.name|tail"
    (said,) = compiled(stopped.replace(old, subject)).judge(event({**STOP, "requestParameters": parameters}))
    assert said.subject == expected


def test_a_long_subject_is_cut(compiled: Compiled, stopped: str, event: MakeEvent) -> None:
    (said,) = compiled(stopped).judge(event({**STOP, "requestParameters": {"name": "x" * 10_000}}))
    assert len(said.subject) < 400


def test_without_an_account_the_value_stands_alone(compiled: Compiled, stopped: str, event: MakeEvent) -> None:
    (said,) = compiled(stopped).judge(event(STOP, account=""))
    assert said.subject == "main"


POPULATION = (
    "population:\n  prod: {awsRegion|startswith: eu-}\n  filter: {awsRegion: eu-west-3}\n  condition: prod and not filter\n"
)


@pytest.mark.parametrize(("region", "judged"), [("eu-west-1", True), ("eu-west-3", False), ("us-east-1", False)])
def test_outside_the_population_a_mapping_does_not_exist(
    compiled: Compiled, stopped: str, event: MakeEvent, region: str, judged: bool
) -> None:
    rules = compiled(stopped + POPULATION)
    assert bool(rules.judge(event({**STOP, "awsRegion": region}))) is judged
    assert bool(rules.judge(event({"eventName": "StartLogging", "awsRegion": region}))) is judged


UNTILS = [
    "until: {eventName: DeleteTrail}",
    "until: [{eventName: DeleteTrail}, {eventName: Other}]",
    "until:\n  del: {eventName: DeleteTrail}\n  failed: {errorCode|exists: true}\n  condition: del and not failed",
]


@pytest.mark.parametrize("until", UNTILS)
def test_until_is_a_selection_or_selections_with_a_condition(
    compiled: Compiled, stopped: str, event: MakeEvent, until: str
) -> None:
    rules = compiled(stopped.replace("until: {eventName: StartLogging, errorCode: null}", until))
    (said,) = rules.judge(event({"eventName": "DeleteTrail"}))
    assert said.verdict is Verdict.UNTIL
    assert rules.judge(event({"eventName": "StartLogging"})) == ()


def test_a_rule_of_others_is_evidence_and_one_sided(compiled: Compiled, third_party: str, event: MakeEvent) -> None:
    rules = compiled(third_party)
    (record,) = rules.mappings
    assert (record.finding, record.silence, record.controls, record.level) == ("evidence", False, (), "medium")
    (said,) = rules.judge(event({"userIdentity": {"type": "Root"}, "eventType": "AwsApiCall"}))
    assert (said.verdict, said.finding, said.controls) == (Verdict.MATCHED, "evidence", ())
    assert said.reason == "userIdentity.type = Root; eventType = AwsApiCall, not AwsServiceEvent"


def test_a_rule_of_others_becomes_evidence_for_a_control_by_its_tags(compiled: Compiled, third_party: str) -> None:
    tagged = third_party.replace("tags:\n", "tags:\n    - iso27001-2022.a.8.2\n")
    (record,) = compiled(tagged).mappings
    assert (record.finding, record.silence, record.controls) == ("evidence", False, (("A.8.2", "partial"),))
    assert record.speaks_for() == ()


def test_a_rule_without_id_keeps_the_id_made_for_it(compiled: Compiled, third_party: str) -> None:
    nameless = third_party.replace("id: 8ad1600d-e9dc-4251-b0ee-a65268f29add\n", "")
    first, again = compiled(nameless), compiled(nameless)
    assert first.mappings[0].id == again.mappings[0].id


def test_rules_of_one_set_all_speak_in_order(compiled: Compiled, stopped: str, third_party: str, event: MakeEvent) -> None:
    rules = compiled(stopped, third_party)
    said = rules.judge(event({**STOP, "userIdentity": {"type": "Root"}}))
    assert [judgement.mapping for judgement in said] == [record.id for record in rules.mappings]


def test_a_service_less_logsource_reaches_every_service(compiled: Compiled, third_party: str, event: MakeEvent) -> None:
    rules = compiled(third_party.replace("    service: cloudtrail\n", ""))
    root = {"userIdentity": {"type": "Root"}}
    assert rules.mappings[0].types == ("log.aws.*",)
    assert rules.judge(event(root, type="log.aws.anything"))
    assert not rules.judge(event(root, type="log.gcp.audit"))


@pytest.mark.parametrize("depth", range(850, 1100, 50))
def test_lists_nested_by_the_thousand_never_raise(
    compiled: Compiled, stopped: str, third_party: str, event: MakeEvent, depth: int
) -> None:
    rules = compiled(stopped, third_party.replace("userIdentity.type: Root", "'|all': [x]"))
    for name in ("eventName", "other"):
        payload = f'{{"{name}": {"[" * depth}"StopLogging"{"]" * depth}}}'.encode()
        assert all(said.verdict is Verdict.ERROR for said in rules.judge(event(payload)))


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"a": NaN}', b"[" * 100_000])
def test_a_broken_payload_is_an_error_never_a_pass(compiled: Compiled, stopped: str, event: MakeEvent, payload: bytes) -> None:
    (said,) = compiled(stopped).judge(event(payload))
    assert (said.verdict, said.subject, said.controls) == (Verdict.ERROR, "111122223333", ("A.8.15", "A.8.16"))
    assert "payload" in said.reason


def test_one_failing_mapping_does_not_silence_the_others(
    compiled: Compiled, stopped: str, third_party: str, event: MakeEvent
) -> None:
    def fail(value: object) -> bool:
        raise ValueError("no\x1b[31m way")

    good = compiled(stopped, third_party)
    broken = replace(good.rules[0], matches=Atom(FieldPath.of("eventName"), fail, ""))
    rules = RuleSet("", (broken, good.rules[1]), good.controls, ())
    said = rules.judge(event({**STOP, "userIdentity": {"type": "Root"}}))
    assert [judgement.verdict for judgement in said] == [Verdict.ERROR, Verdict.MATCHED]
    assert said[0].reason == "ValueError: no\\x1b[31m way"


def test_a_lone_surrogate_is_judged_and_shown_safely(compiled: Compiled, third_party: str, event: MakeEvent) -> None:
    rules = compiled(third_party.replace("type: Root", "type|startswith: Root"))
    (said,) = rules.judge(event(b'{"userIdentity": {"type": "Root\\ud800"}}'))
    assert said.reason.encode("utf-8").startswith(b"userIdentity.type = Root\\ud800")


def test_exact_numbers_reach_the_rules(compiled: Compiled, third_party: str, event: MakeEvent) -> None:
    rules = compiled(third_party.replace("userIdentity.type: Root", "n: 9007199254740993"))
    assert rules.judge(event(b'{"n": 9007199254740993}'))
    assert not rules.judge(event(b'{"n": 9007199254740992}'))


@pytest.mark.parametrize("lists", [{}, {"admins": ()}])
def test_an_empty_list_makes_only_its_mapping_unusable(
    make_set: Callable[..., MappingSet], stopped: str, third_party: str, event: MakeEvent, lists: dict[str, tuple[str, ...]]
) -> None:
    expanding = third_party.replace("userIdentity.type: Root", "user|expand: '%admins%'")
    rules = RuleSet.compile(make_set(expanding, stopped, lists=lists))
    assert [record.id for record in rules.mappings] == [STOPPED_ID]
    assert rules.judge(event({"user": "alice"})) == ()
    assert rules.judge(event(STOP))
    filled = RuleSet.compile(make_set(expanding, stopped, lists={"admins": ("alice",)}))
    assert len(filled.mappings) == 2
    assert filled.judge(event({"user": "alice"}))


def test_a_mapping_digest_changes_when_what_it_says_changes(make_set: Callable[..., MappingSet], stopped: str) -> None:
    def digest(text: str, **more: object) -> str:
        return RuleSet.compile(make_set(text, **more)).mappings[0].digest

    expanding = stopped.replace("eventName: StopLogging", "eventName|expand: '%names%'", 1)
    assert digest(stopped) == digest(stopped + "# a remark\n")
    assert digest(stopped) == digest(stopped, lists={"other": ("x",)})
    assert digest(stopped) != digest(stopped.replace("StopLogging", "Stop*"))
    assert digest(stopped) != digest(stopped.replace("partial", "weak"))
    assert digest(expanding, lists={"names": ("a",)}) != digest(expanding, lists={"names": ("b",)})


def test_many_types_do_not_grow_without_bound(compiled: Compiled, stopped: str, event: MakeEvent) -> None:
    rules = compiled(stopped)
    for number in range(3000):
        assert rules.judge(event({}, type=f"log.other.service{number}")) == ()
    assert rules.judge(event(STOP))
