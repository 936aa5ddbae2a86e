"""What lint says, where, and with which advice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.rules.lint import lint
from pipeline.rules.mapping_set import MappingSet
from pipeline.rules.problems import Problem
from pipeline.rules.ruleset import RuleSet

MakeSet = Callable[..., MappingSet]


def said(mapping_set: MappingSet, words: str) -> Problem:
    """The one problem that says these words."""
    found = [problem for problem in lint(mapping_set) if words in f"{problem.message} {problem.hint}"]
    assert len(found) == 1, [str(problem) for problem in lint(mapping_set)]
    return found[0]


def test_nothing_against_good_mappings(make_set: MakeSet, stopped: str, third_party: str) -> None:
    assert lint(make_set(stopped, third_party)) == []


# What to replace in the good mapping, by what; the line, the severity, words of the message and of the hint.
CHANGES = [
    ("rationale: A", "rationle: A", 15, "error", "unknown key 'rationle'", "did you mean 'rationale'?"),
    ("rationale: A stopped trail records nothing.\n", "", 16, "error", "needs a rationale", ""),
    ("rationale: A stopped trail records nothing.", "rationale: ''", 15, "error", "rationale must be text", ""),
    ("iso27001-2022.a.8.15", "iso27001-2022.a.8.55", 6, "error", "names no control of Annex A", "did you mean 'A.8."),
    ("iso27001-2022.a.8.15", "iso27001-2022.8.15", 6, "error", "names no control; a tag is written", ""),
    ("iso27001-2022.a.8.15, iso27001-2022.a.8.16, ", "", 6, "error", "speaks to no control", "add a tag"),
    ("level: high", "level: hihg", 14, "error", "level is one of", "did you mean 'high'?"),
    ("status: stable", "status: stabel", 3, "error", "not a valid Sigma rule status", ""),
    ("date: 2026-11-22", "date: yesterday", 5, "error", "use yyyy-mm-dd", ""),
    ("id: 0c3b1f2e-5f0b-4b0e-9b53-6b3f0a4f6f01", "id: trail-stopped", 2, "error", "must be an UUID", ""),
    ("id: 0c3b1f2e-5f0b-4b0e-9b53-6b3f0a4f6f01\n", "", 1, "error", "needs an id", ""),
    (
        "eventName: StopLogging\n",
        "eventName|startwith: StopLogging\n",
        11,
        "error",
        "unknown modifier 'startwith'",
        "did you mean 'startswith'?",
    ),
    ("eventName: StopLogging\n", "eventName|re: '(?=a)'\n", 11, "error", "RE2 refuses the regular expression", ""),
    ("eventName: StopLogging\n", "eventName|cidr: 10.0.0.1/8\n", 11, "error", "Invalid CIDR", ""),
    ("eventName: StopLogging\n", "eventName|gt: many\n", 11, "error", "incompatible", ""),
    ("eventName: StopLogging\n", "eventName: []\n", 11, "error", "an empty list never matches", ""),
    ("eventName: StopLogging\n", "eventName: {a: b}\n", 11, "error", "cannot be a map", "with dots"),
    ("eventName: StopLogging\n", "eventName|base64: a*b\n", 11, "error", "with wildcards cannot be encoded", ""),
    ("eventName: StopLogging\n", "eventName|cased|base64: ab\n", 11, "error", "cannot come before 'base64'", ""),
    (
        "condition: selection\n",
        "condition: selektion\n",
        13,
        "error",
        "names no selection of the rule: 'selektion'",
        "'selection'",
    ),
    ("condition: selection\n", "condition: selection | count() > 5\n", 13, "error", "the condition cannot be read", "1 of name*"),
    ("condition: selection\n", "condition: 1 of sel_*\n", 13, "error", "no selection fits 'sel_*'", ""),
    ("condition: selection\n", "condition: ''\n", 13, "error", "condition cannot be read", ""),
    ("condition: selection\n", "timeframe: 5m\n  condition: selection\n", 13, "error", "timeframe", ""),
    ("condition: selection\n", "other: {a: 1}\n  condition: selection\n", 13, "warning", "never uses 'other'", ""),
    ("  condition: selection\n", "", 8, "error", "needs a condition", ""),
    ("finding: not-satisfied", "finding: not-satisfed", 17, "error", "finding is one of", "did you mean 'not-satisfied'?"),
    (
        "strength: {A.8.15: strong, A.8.16: partial}",
        "strength: {A.8.15: weak, A.8.16: weak}",
        17,
        "error",
        "only ever evidence",
        "",
    ),
    ("strength: {A.8.15: strong, A.8.16: partial}", "strength: week", 16, "error", "strength is one of", "did you mean 'weak'?"),
    (
        "strength: {A.8.15: strong, A.8.16: partial}",
        "strength: {A.8.15: strongly}",
        16,
        "error",
        "strength is one of",
        "'strong'",
    ),
    ("strength: {A.8.15: strong, A.8.16: partial}", "strength: {A.8.2: strong}", 16, "error", "does not speak to", ""),
    ("strength: {A.8.15: strong, A.8.16: partial}", "strength: {A.9.1: strong}", 16, "error", "'A.9.1' is no control", ""),
    ("until: {eventName: StartLogging, errorCode: null}\n", "", 17, "error", "what ends this finding is not said", "no_until"),
    (
        "until: {eventName: StartLogging, errorCode: null}\n",
        "until: {eventName: StartLogging, errorCode: null}\nno_until: x\n",
        20,
        "error",
        "exclude each other",
        "",
    ),
    (
        "until: {eventName: StartLogging,",
        "until: {eventName|strtswith: StartLogging,",
        19,
        "error",
        "unknown modifier",
        "'startswith'",
    ),
    ("finding: not-satisfied", "finding: not-satisfied\nmax_age: 26", 18, "error", "is no duration", ""),
    ("subject: requestParameters.name|tail", "subject: requestParameters.name|head", 18, "error", "path|tail", ""),
    (
        "finding: not-satisfied",
        "finding: not-satisfied\nfact: closed",
        18,
        "error",
        "fact is for ticket and finding logsources",
        "",
    ),
    ("service: cloudtrail}", "category: window}", 7, "error", "not supported yet", ""),
    ("service: cloudtrail}", "category: snapshot}", 18, "error", "subject is for logs", ""),
    ("logsource: {product: aws, service: cloudtrail}", "logsource: {definition: x}", 7, "error", "names no product", ""),
    ("match: true,", "match: yes please,", 21, "error", "match is true, false or until", ""),
    (
        "{name: stopped, match: true,",
        "{nam: stopped, match: true,",
        21,
        "error",
        "unknown key 'nam' in a test",
        "did you mean 'name'?",
    ),
    (
        "eventName: StopLogging}}",
        "eventName: StopLoggin}}",
        21,
        "error",
        "the test 'stopped' must match, and it says nothing",
        "",
    ),
    (", errorCode: AccessDenied}}", "}}", 22, "error", "the test 'denied' must not match, and it says matched (eventSource", ""),
    ("event: {eventName: StartLogging}}", "event: {eventName: Start}}", 23, "error", "the test 'started' must close", ""),
    (
        "  - {name: started, match: until, event: {eventName: StartLogging}}\n",
        "",
        1,
        "error",
        "no test event that closes",
        "match: until",
    ),
    ("selection:\n", "selection:\n    eventName: x\n", 12, "error", "is there twice", ""),
]


@pytest.mark.parametrize(("old", "new", "line", "severity", "message", "hint"), CHANGES)
def test_each_fault_is_named_at_its_line(
    make_set: MakeSet, stopped: str, old: str, new: str, line: int, severity: str, message: str, hint: str
) -> None:
    assert old in stopped
    problem = said(make_set(stopped.replace(old, new, 1)), message)
    assert (problem.path, problem.line, problem.severity) == ("m0.yaml", line, severity)
    assert hint in problem.hint


def test_a_satisfied_log_mapping_must_be_one_sided(make_set: MakeSet, stopped: str) -> None:
    until = "until: {eventName: StartLogging, errorCode: null}\n"
    base = (
        stopped.replace("finding: not-satisfied", "finding: satisfied").replace(until, "").replace("match: until", "match: false")
    )
    base = base.replace("subject: requestParameters.name|tail\n", "")
    assert lint(make_set(base + "no_match: silent\n")) == []
    assert said(make_set(base + "no_match: opposite\n"), "must be one-sided").hint == "add no_match: silent"
    assert said(make_set(base + "no_match: silent\nsubject: a\n"), "account alone").line == 23


def test_a_mapping_of_ours_needs_a_matching_and_a_failing_test(make_set: MakeSet, stopped: str) -> None:
    untested = stopped[: stopped.index("tests:")]
    messages = [problem.message for problem in lint(make_set(untested))]
    assert messages == [f"the mapping has no test event that {what}" for what in ("closes", "does not match", "matches")]


def test_no_until_with_a_reason_is_enough(make_set: MakeSet, stopped: str) -> None:
    text = stopped.replace("until: {eventName: StartLogging, errorCode: null}", "no_until: Nothing undoes it.")
    assert lint(make_set(text.replace("match: until", "match: false"))) == []


def test_a_taken_id_names_who_has_it(make_set: MakeSet, stopped: str) -> None:
    problem = said(make_set(stopped, stopped.replace("CloudTrail stopped", "Another")), "is taken by m0.yaml")
    assert (problem.path, problem.line, problem.severity) == ("m1.yaml", 2, "error")


def test_an_empty_list_is_a_warning_that_says_where_to_fill_it(make_set: MakeSet, third_party: str) -> None:
    text = third_party.replace("userIdentity.type: Root", "user|expand: '%admins%'")
    problem = said(make_set(text), "the list 'admins' is empty")
    assert (problem.line, problem.severity) == (16, "warning")
    assert "mappings.lists.admins" in problem.hint
    assert said(make_set(text, lists={"admin": ("x",)}), "is empty").hint == "did you mean 'admin'?"


@pytest.mark.parametrize(
    ("text", "line", "severity", "message"),
    [
        ("title: x\nid: 5\n", 1, "error", "no detection"),
        ("- 1\n", 1, "error", "a mapping is a map"),
        ("title: x\ncorrelation: {type: event_count}\n", 2, "warning", "correlation rules are not supported"),
        ("title: x\nfilter: {rules: any}\n", 2, "warning", "filters are not supported"),
        ("action: global\ntitle: x\n", 1, "warning", "collections with `action`"),
        ("title: [x\n", 1, "error", "not valid YAML"),
    ],
)
def test_files_that_are_no_mapping(make_set: MakeSet, stopped: str, text: str, line: int, severity: str, message: str) -> None:
    problem = said(make_set(text, stopped), message)
    assert (problem.path, problem.line, problem.severity) == ("m0.yaml", line, severity)


def test_a_file_of_several_documents_is_several_rules(make_set: MakeSet, stopped: str, third_party: str) -> None:
    assert lint(make_set(f"{stopped}---\n{third_party}")) == []
    second = third_party.replace("userIdentity.type: Root", "userIdentity.type|rex: Root")
    problem = said(make_set(f"{stopped}---\n{second}"), "unknown modifier 'rex'")
    assert problem.line == len(stopped.splitlines()) + 1 + 16


def test_metadata_of_others_is_only_a_warning(make_set: MakeSet, third_party: str) -> None:
    problem = said(make_set(third_party.replace("date: 2020/01/21", "date: someday")), "use yyyy-mm-dd")
    assert (problem.severity, problem.line) == ("warning", 5)


def test_a_key_of_ours_misspelt_in_a_plain_rule_is_noticed(make_set: MakeSet, third_party: str) -> None:
    assert said(make_set(third_party + "rationalle: x\n"), "unknown key").hint == "did you mean 'rationale'?"
    assert lint(make_set(third_party + "license: MIT\nregression_tests_path: x\n")) == []


def test_problems_read_as_lines(make_set: MakeSet) -> None:
    assert str(said(make_set("detecton: {}\n"), "no detection")) == (
        "m0.yaml:1: error: no detection: this is no mapping, no overlay and no Sigma rule (did you mean 'detecton'?)"
    )


def test_controls_without_evidence_are_listed(annex: str, stopped: str) -> None:
    text = annex.replace(
        "id: A.8.34, title: Control 8.34, theme: technological, evidence: [automated, attestation]",
        "id: A.8.34, title: Control 8.34, theme: technological, evidence: [automated]",
    )
    problem = said(MappingSet(annex=text, files={"m0.yaml": stopped}), "no evidence path")
    assert problem.severity == "warning"
    assert problem.message.endswith(": A.8.34")


def test_a_set_without_a_catalogue_is_an_error_of_lint_alone(stopped: str) -> None:
    bare = MappingSet(files={"m0.yaml": stopped})
    assert said(bare, "holds no catalogue").severity == "error"
    assert RuleSet.compile(bare).problems == ()


def test_a_rule_of_others_that_cannot_be_used_is_left_out_with_a_warning(make_set: MakeSet, third_party: str) -> None:
    broken = third_party.replace("not selection_eventtype", "not selection_eventtype | count() > 5")
    problem = said(make_set(broken), "the condition cannot be read")
    assert problem.severity == "warning"
    assert RuleSet.compile(make_set(broken)).mappings == ()
    assert said(make_set(broken + "rationale: ours now\n"), "the condition cannot be read").severity == "error"
