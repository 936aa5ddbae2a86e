"""The coverage table."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.rules.coverage import coverage
from pipeline.rules.ruleset import RuleSet


def test_mappings_are_counted_by_control_and_kind(compiled: Callable[..., RuleSet], stopped: str, third_party: str) -> None:
    table = coverage(compiled(stopped, third_party))
    assert table["mappings"] == 2  # the rule of others, with no control, among them
    controls = table["controls"]
    assert isinstance(controls, dict)
    assert len(controls) == 93
    assert controls["A.8.15"] == {"log": 1, "snapshot": 0, "ticket": 0, "finding": 0, "attestation": 1}
    assert controls["A.5.1"] == {"log": 0, "snapshot": 0, "ticket": 0, "finding": 0, "attestation": 1}
