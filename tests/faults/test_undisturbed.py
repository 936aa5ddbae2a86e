"""What every fault test compares with: it must itself hold all that can go wrong, or the comparisons prove little."""

from __future__ import annotations

from collections import Counter

from tests.faults.probe import NAMES


def test_an_undisturbed_run_holds_all_there_is_to_compare(undisturbed):
    outcome = undisturbed.outcome
    assert sum(outcome.evidence.values()) > 200
    assert set(outcome.evidence.values()) == {1}
    assert set(outcome.dead.values()) == {1}
    assert len(outcome.dead) >= 6
    assert any(key[7] for key in outcome.evidence), "no conflict of bytes under one id"
    states = Counter(state for changes in outcome.findings.values() for _, state in changes)
    assert {"not-satisfied", "satisfied", "closed", "stale"} <= states.keys()
    assert max(len(changes) for changes in outcome.findings.values()) > 8
    assert {control[0] for control in outcome.controls.values()} >= {"not-satisfied", "stale", "not-assessed"}
    assert outcome.unmatched > 500


def test_an_undisturbed_run_begins_every_operation(undisturbed):
    assert set(undisturbed.begun) == set(NAMES)
    assert all(undisturbed.begun.values()), undisturbed.begun
