"""Questions to GetFindings, and whether a finding is an answer to them: that a filter was applied is never taken on trust."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from collectors.asff import updated
from store.records import SECOND
from store.times import format_time, parse_time

Filters = Mapping[str, Sequence[Mapping[str, str]]]
"""As GetFindings takes them."""


def _values(*values: str, comparison: str = "EQUALS") -> tuple[Mapping[str, str], ...]:
    return tuple({"Value": value, "Comparison": comparison} for value in values)


_ACTIVE: Final = _values("ACTIVE")
OPEN: Final[tuple[Filters, ...]] = (
    {"RecordState": _ACTIVE, "WorkflowStatus": _values("NEW", "NOTIFIED", "SUPPRESSED")},
    # Resolved by hand while the check still fails (a check that passes is set to RESOLVED by Security Hub itself) ...
    {
        "RecordState": _ACTIVE,
        "WorkflowStatus": _values("RESOLVED"),
        "ComplianceStatus": _values("FAILED", "WARNING", "NOT_AVAILABLE"),
    },
    # ... and resolved findings of providers that check no control.
    {
        "RecordState": _ACTIVE,
        "WorkflowStatus": _values("RESOLVED"),
        "ProductName": _values("Security Hub", comparison="NOT_EQUALS"),
    },
)
"""What may have changed without a newer UpdatedAt, or is judged by how long it stands."""
_PATHS: Final[Mapping[str, tuple[str, ...]]] = {
    "RecordState": ("RecordState",),
    "ProductName": ("ProductName",),
    "WorkflowStatus": ("Workflow", "Status"),
    "ComplianceStatus": ("Compliance", "Status"),
}


def period(start: int, end: int) -> Filters:
    """Updated from `start` to `end` (microseconds), widened to whole seconds; both ends belong to it."""
    last = -(-end // SECOND) * SECOND
    return {"UpdatedAt": ({"Start": _text(start // SECOND * SECOND), "End": _text(last)},)}


def _text(micros: int) -> str:
    return format_time(micros)[:-4] + "Z"


def matches(finding: Mapping[str, Any], filters: Filters) -> bool:
    """Is the finding an answer to the question? One whose UpdatedAt cannot be read answers every question about it."""
    return all(
        _dated(finding, values) if name == "UpdatedAt" else _said(finding, name, values) for name, values in filters.items()
    )


def _dated(finding: Mapping[str, Any], values: Sequence[Mapping[str, str]]) -> bool:
    time = updated(finding)
    return time is None or any(parse_time(value["Start"]) <= time <= parse_time(value["End"]) for value in values)


def _said(finding: Mapping[str, Any], name: str, values: Sequence[Mapping[str, str]]) -> bool:
    found: Any = finding
    for word in _PATHS[name]:
        found = found.get(word) if isinstance(found, Mapping) else None
    same = found in [value["Value"] for value in values]
    return same is (values[0]["Comparison"] == "EQUALS")
