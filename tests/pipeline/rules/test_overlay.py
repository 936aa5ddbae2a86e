"""Rules of others, mapped by an overlay."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.rules.lint import lint
from pipeline.rules.mapping_set import MappingSet
from pipeline.rules.ruleset import RuleSet
from store.records import DAY, Event, MappingRecord, Verdict

MakeEvent = Callable[..., Event]
ROOT_ID = "8ad1600d-e9dc-4251-b0ee-a65268f29add"
ENTRY = "rules: rules\nmap:\n  - where: {where}\n    controls: [A.8.2, A.5.15]\n    rationale: Root is for emergencies.\n"


@pytest.fixture
def overlaid(annex: str, third_party: str) -> Callable[..., MappingSet]:
    """A set of one overlay over some rules of others."""

    def make(overlay: str, **rules: str) -> MappingSet:
        texts = {f"{name}.yml": text for name, text in rules.items()} or {"aws/root.yml": third_party}
        return MappingSet(annex=annex, overlays={"o.yaml": overlay}, overlay_rules={"o.yaml": texts})

    return make


def only(mapping_set: MappingSet) -> MappingRecord:
    (record,) = RuleSet.compile(mapping_set).mappings
    return record


@pytest.mark.parametrize(
    ("where", "fits"),
    [
        (f"{{id: {ROOT_ID}}}", True),
        ("{id: 8AD1600D-*}", True),
        ("{id: 00000000-*}", False),
        ("{tags: attack.t1078*}", True),
        ("{tags: attack.t1562*}", False),
        ("{tags: [attack.t1562*, attack.t1078*]}", True),
        ("{path: aws/*}", True),
        ("{path: '*.yml'}", True),
        ("{path: gcp/*}", False),
        ("{level: medium}", True),
        ("{level: [high, critical]}", False),
        ("{logsource: {product: aws}}", True),
        ("{logsource: {product: a*, service: cloudtrail}}", True),
        ("{logsource: {product: aws, service: config}}", False),
        ("{logsource: {category: '*'}}", True),
        ("{level: medium, tags: attack.t1078*, path: aws/*}", True),
        ("{level: medium, tags: attack.t1562*}", False),
    ],
)
def test_where(overlaid: Callable[..., MappingSet], where: str, fits: bool) -> None:
    mapping_set = overlaid(ENTRY.replace("{where}", where))
    assert [control for control, _ in only(mapping_set).controls] == (["A.8.2", "A.5.15"] if fits else [])
    assert any("fits no rule" in problem.message for problem in lint(mapping_set)) is not fits


def test_the_first_entry_that_fits_wins(overlaid: Callable[..., MappingSet]) -> None:
    overlay = ENTRY.replace("{where}", "{path: '*'}") + "  - where: {level: medium}\n    controls: [A.8.15]\n"
    assert [control for control, _ in only(overlaid(overlay)).controls] == ["A.8.2", "A.5.15"]


def test_an_entry_says_what_the_rule_means(overlaid: Callable[..., MappingSet]) -> None:
    more = (
        "    finding: not-satisfied\n    strength: {A.8.2: strong}\n    subject: userIdentity.arn|tail\n    quiet_for: 3d\n"
        "    no_until: Nothing undoes it.\n    remediation: Lock root away.\n"
    )
    record = only(overlaid(ENTRY.replace("{where}", "{path: '*'}") + more))
    assert (record.id, record.finding, record.silence) == (ROOT_ID, "not-satisfied", False)
    assert record.controls == (("A.8.2", "strong"), ("A.5.15", "partial"))
    assert (record.rationale, record.remediation, record.quiet_for) == ("Root is for emergencies.", "Lock root away.", 3 * DAY)
    assert record.path == "o.yaml:aws/root.yml"


@pytest.mark.parametrize(
    ("no_match", "silence"), [("", False), ("    no_match: silent\n", False), ("    no_match: opposite\n", True)]
)
def test_mapped_rules_are_one_sided_unless_they_say_so(overlaid: Callable[..., MappingSet], no_match: str, silence: bool) -> None:
    more = "    finding: not-satisfied\n    no_until: x\n" + no_match
    assert only(overlaid(ENTRY.replace("{where}", "{path: '*'}") + more)).silence is silence


def test_population_and_until_of_an_entry(overlaid: Callable[..., MappingSet], event: MakeEvent) -> None:
    more = "    finding: not-satisfied\n    population: {awsRegion: eu-west-1}\n    until: {eventName: Resolved}\n"
    rules = RuleSet.compile(overlaid(ENTRY.replace("{where}", "{path: '*'}") + more))
    root = {"userIdentity": {"type": "Root"}}
    assert rules.judge(event(root)) == ()
    assert [said.verdict for said in rules.judge(event({**root, "awsRegion": "eu-west-1"}))] == [Verdict.MATCHED]
    assert [said.verdict for said in rules.judge(event({"eventName": "Resolved", "awsRegion": "eu-west-1"}))] == [Verdict.UNTIL]


def test_a_rule_that_no_entry_fits_is_plain_evidence(overlaid: Callable[..., MappingSet], third_party: str) -> None:
    tagged = third_party.replace("tags:\n", "tags:\n    - iso27001-2022.a.8.2\n")
    record = only(overlaid(ENTRY.replace("{where}", "{level: high}"), root=tagged))
    assert (record.finding, record.controls, record.silence) == ("evidence", (), False)


def test_one_bad_rule_of_others_stops_no_other(overlaid: Callable[..., MappingSet], third_party: str) -> None:
    bad = third_party.replace(ROOT_ID, "8ad1600d-e9dc-4251-b0ee-a65268f29ade").replace("type: Root", "type|re: '(?<=x)y'")
    mapping_set = overlaid(
        ENTRY.replace("{where}", "{path: '*'}"),
        bad=bad,
        broken="title: [",
        good=third_party,
        counted="title: x\ncorrelation: {}\n",
    )
    assert only(mapping_set).id == ROOT_ID
    problems = [(p.path, p.line, p.severity) for p in lint(mapping_set)]
    assert problems == [
        ("o.yaml:bad.yml", 16, "warning"),
        ("o.yaml:broken.yml", 1, "warning"),
        ("o.yaml:counted.yml", 2, "warning"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "line", "message", "hint"),
    [
        ("where: {path: '*'}", "where: {paths: '*'}", 3, "unknown key 'paths' in where", "did you mean 'path'?"),
        ("where: {path: '*'}", "where: {}", 3, "an entry needs where", ""),
        ("where: {path: '*'}", "where: {path: 5}", 3, "must be text", ""),
        ("where: {path: '*'}", "where: {logsource: aws}", 3, "must be a map of product", ""),
        ("where: {path: '*'}", "where: {logsource: {produkt: aws}}", 3, "unknown key 'produkt'", "did you mean 'product'?"),
        (
            "controls: [A.8.2, A.5.15]",
            "control: [A.8.2]",
            4,
            "unknown key 'control' in an overlay's entry",
            "did you mean 'controls'?",
        ),
        ("controls: [A.8.2, A.5.15]", "controls: [A.8.2, A.5.51]", 4, "'A.5.51' is no control", "did you mean 'A.5."),
        ("controls: [A.8.2, A.5.15]", "controls: A.8.2", 4, "names the controls", ""),
        ("controls: [A.8.2, A.5.15]", "controls: [A.8.2]\n    fact: a.b", 5, "fact is for ticket and finding logsources", ""),
        ("controls: [A.8.2, A.5.15]", "controls: [A.8.2]\n    population: {a|wrong: b}", 5, "unknown modifier 'wrong'", ""),
        (
            "    rationale: Root is for emergencies.\n",
            "    finding: not-satisfied\n    no_until: x\n",
            5,
            "needs a rationale",
            "",
        ),
        ("map:\n", "title: x\nmaps: 1\nmap:\n", 3, "unknown key 'maps' in an overlay", "did you mean 'map'?"),
    ],
)
def test_faults_of_an_overlay_are_errors_at_their_line(
    overlaid: Callable[..., MappingSet], old: str, new: str, line: int, message: str, hint: str
) -> None:
    good = ENTRY.replace("{where}", "{path: '*'}")
    assert old in good
    found = [problem for problem in lint(overlaid(good.replace(old, new, 1))) if message in problem.message]
    assert [(problem.path, problem.line, problem.severity) for problem in found] == [("o.yaml", line, "error")]
    assert hint in found[0].hint


def test_a_finding_that_nothing_ends_is_a_warning_in_an_overlay(overlaid: Callable[..., MappingSet]) -> None:
    more = "    finding: not-satisfied\n"
    (problem,) = lint(overlaid(ENTRY.replace("{where}", "{path: '*'}") + more))
    assert (problem.severity, problem.line) == ("warning", 6)
    assert "what ends this finding" in problem.message
