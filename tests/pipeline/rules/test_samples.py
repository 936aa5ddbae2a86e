"""Fields that mappings read, compared with those of recorded events."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.rules.lint import lint
from pipeline.rules.mapping_set import MappingSet
from pipeline.rules.notes import notes
from pipeline.rules.problems import RulesError
from pipeline.rules.reader import builtin_mappings, read_set
from pipeline.rules.ruleset import RuleSet
from pipeline.rules.samples import Samples, read_samples
from tests.pipeline.rules.write_samples import recorded_fields

TRAIL = "log.aws.cloudtrail"
FIELDS = frozenset({"eventSource", "eventName", "errorCode", "requestParameters.name"})


def warned(mapping_set: MappingSet, samples: Samples) -> list[tuple[int, str, str]]:
    return [(p.line, p.message, p.hint) for p in lint(mapping_set, samples) if p.severity == "warning"]


def test_fields_that_were_recorded_or_documented_are_known(make_set: Callable[..., MappingSet], stopped: str) -> None:
    assert warned(make_set(stopped), Samples({TRAIL: FIELDS})) == []
    half = Samples({TRAIL: FIELDS - {"errorCode"}}, {TRAIL: frozenset({"errorCode"})})
    assert warned(make_set(stopped), half) == []
    assert "known from documentation alone, in no recorded event: errorCode" in {
        p.message for p in notes(RuleSet.compile(make_set(stopped)), half)
    }


def test_a_field_that_no_event_has_is_named_with_its_line(make_set: Callable[..., MappingSet], stopped: str) -> None:
    [(line, said, hint)] = warned(make_set(stopped.replace("errorCode", "errorCodes")), Samples({TRAIL: FIELDS}))
    assert (line, hint) == (12, "did you mean 'errorCode'?")
    assert "'errorCodes'" in said


def test_a_source_that_was_never_recorded_is_named(make_set: Callable[..., MappingSet], stopped: str) -> None:
    [(_, said, _)] = warned(make_set(stopped), Samples({"snapshot.aws.iam.user": FIELDS}))
    assert said == "no event of type log.aws.cloudtrail was recorded: the mapping's fields cannot be checked"


def test_rules_of_others_are_not_asked(make_set: Callable[..., MappingSet], third_party: str) -> None:
    assert warned(make_set(third_party), Samples({TRAIL: FIELDS})) == []


def test_notes_say_how_far_a_word_goes(make_set: Callable[..., MappingSet], stopped: str, third_party: str) -> None:
    weak = stopped.replace("A.8.16: partial", "A.8.16: weak").replace("level: high\n", "no_match: silent\n")
    other = third_party.replace("level: medium\n", "")
    said = {(p.path, p.message.split(":")[0]) for p in notes(RuleSet.compile(make_set(weak, other)), Samples())}
    assert {("m0.yaml", "one-sided"), ("m0.yaml", "no level"), ("m0.yaml", "weak for A.8.16"), ("m1.yaml", "no level"),
            ("m1.yaml", "speaks to no control"), ("annex_a.yaml", "92 controls that no mapping judges")} == said  # fmt: skip
    assert notes(RuleSet.compile(make_set(stopped)), Samples())[0].path == "annex_a.yaml"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- 1", "a map with recorded and documented"),
        ("recordet: {}", "did you mean 'recorded'"),
        ("recorded: [a]", "a map of event types"),
        ("recorded: {log.a.b: x}", "a map of event types"),
        ("recorded: [", "s.yaml:1"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "s.yaml").write_text(text)
    with pytest.raises(RulesError, match=words):
        read_samples([tmp_path])


def test_samples_of_ones_own_stand_beside_the_products_and_decide_no_judgement(tmp_path: Path) -> None:
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "s.yaml").write_text("recorded: {log.own.app: [user.name]}")
    samples = read_samples([tmp_path])
    assert samples.recorded["log.own.app"] == {"user.name"}
    assert "snapshot.aws.iam.user" in samples.recorded
    assert read_set([tmp_path]).files == {}


def test_what_the_product_calls_recorded_was_recorded() -> None:
    """`python -m tests.pipeline.rules.write_samples` writes the file after a change of the recorded events."""
    found, recorded = read_samples([]).recorded, recorded_fields()
    more = {kind: names - recorded.get(kind, set()) for kind, names in found.items() if kind != TRAIL}  # written by hand
    assert {kind: names for kind, names in more.items() if names} == {}


def test_every_field_of_the_builtin_mappings_is_known() -> None:
    found = lint(read_set([builtin_mappings()]), read_samples([]))
    assert [str(p) for p in found if "recorded" in p.message] == []
