"""The set as bytes: deterministic, exact, refused when they are not what was written."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.rules.mapping_set import MappingSet
from pipeline.rules.problems import RulesError
from pipeline.rules.ruleset import RuleSet

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TEXTS = st.dictionaries(TEXT, TEXT, max_size=3)
SETS = st.builds(
    MappingSet,
    annex=TEXT,
    files=TEXTS,
    overlays=TEXTS,
    overlay_rules=st.dictionaries(TEXT, TEXTS, max_size=2),
    profiles=TEXTS,
    lists=st.dictionaries(TEXT, st.lists(TEXT, max_size=3).map(tuple), max_size=2),
)


@settings(deadline=None)
@given(SETS)
def test_round_trip(mapping_set: MappingSet) -> None:
    data = mapping_set.to_bytes()
    again = MappingSet.from_bytes(data)
    assert again == mapping_set
    assert again.to_bytes() == data
    assert again.digest == mapping_set.digest == hashlib.sha256(data).hexdigest()


def test_order_does_not_change_the_digest() -> None:
    assert MappingSet(files={"a": "1", "b": "2"}).digest == MappingSet(files={"b": "2", "a": "1"}).digest


@pytest.mark.parametrize("change", [{"annex": "x"}, {"files": {"a": "2"}}, {"lists": {"l": ("x",)}}, {"profiles": {"p": ""}}])
def test_everything_in_it_changes_the_digest(change: dict[str, object]) -> None:
    mapping_set = MappingSet(files={"a": "1"})
    assert replace(mapping_set, **change).digest != mapping_set.digest  # type: ignore[arg-type]


def test_rules_compile_from_the_bytes_alone(annex: str, stopped: str) -> None:
    data = MappingSet(annex=annex, files={"x.yaml": stopped}).to_bytes()
    rules = RuleSet.compile(MappingSet.from_bytes(data))
    assert rules.digest == hashlib.sha256(data).hexdigest()
    assert [record.path for record in rules.mappings] == ["x.yaml"]


def _changed(**change: object) -> bytes:
    return json.dumps({**json.loads(MappingSet().to_bytes()), **change}, separators=(",", ":"), sort_keys=True).encode()


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b"\xff", MappingSet().to_bytes() + b" ", _changed(format=2), _changed(files={"a": 1}), _changed(more=1)],
)
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(RulesError, match="mapping set"):
        MappingSet.from_bytes(data)
