"""Makers of invented rows, and names as hostile as a log may bring."""

from __future__ import annotations

from typing import Any

from store.records import DAY, HOUR, MINUTE, ControlState, Counts, MappingRecord, State
from store.reports import ControlStatus, DriftView, FindingStatus, SourceStatus, WindowView
from store.times import parse_time
from web.catalogue import ControlInfo

NOW = parse_time("2026-11-24T15:00:00Z")
ACCOUNT = "123456789012"
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\x1b[31m\u202eevil\x00{{7*7}}"
"""What somebody may call a bucket."""
LONG = "arn:aws:iam::123456789012:role/" + "very-long-name-" * 30
HANDLE = "ab" * 16
COUNTS = {"organizational": 37, "people": 8, "physical": 14, "technological": 34}


def catalogue() -> dict[str, ControlInfo]:
    """93 controls with invented titles."""
    made: dict[str, ControlInfo] = {}
    pair = ("projects", "supplier relationships and their contracts")
    titles = {
        "A.8.15": "Logging",
        "A.8.2": "Privileged access rights",
        "A.8.12": "Data leakage prevention",
        "A.8.5": "Secure authentication",
    }
    for number, (theme, count) in enumerate(COUNTS.items(), start=5):
        for place in range(1, count + 1):
            id_ = f"A.{number}.{place}"
            attributes = {
                "control_type": [("Preventive", "Detective", "Corrective")[place % 3]],
                "properties": ["Confidentiality", "Integrity"][: 1 + place % 2],
                "concepts": [("Protect", "Detect")[place % 2]],
                "capabilities": [("Governance", "Application_security")[place % 2]],
                "domains": [("Protection", "Governance_and_Ecosystem")[place % 2]],
            }
            title = titles.get(id_, f"Information security in {pair[place % 2]}")
            needs = ("attestation",) if place % 9 == 0 else ("aws-account", "jira", "attestation")
            if number == 8:
                needs = ("cloudtrail-files", "cloudtrail-lookup", "cloudtrail-s3", "aws-account")
            made[id_] = ControlInfo(id_, title, theme, attributes, "Somebody looks after it, and it shows.", needs)
    return made


def mapping(
    id_: str, title: str, controls: dict[str, str], finding: str = "not-satisfied", silence: bool = True
) -> MappingRecord:
    """A mapping over CloudTrail."""
    return MappingRecord(
        id_,
        title,
        "d" * 64,
        "log",
        ("log.aws.cloudtrail",),
        finding,
        silence,
        tuple(controls.items()),
        "high",  # type: ignore[arg-type]
        7 * DAY,
        27 * HOUR,
        "It bypasses what the control asks for.",
        "Someone did it.",
        "Undo it, and find out who did.",
        "aws/x.yaml",
    )


MAPPINGS = (
    mapping("5a1f0c2e-0001", "CloudTrail trail stopped", {"A.8.15": "strong", "A.8.16": "partial", "A.5.28": "weak"}),
    mapping("5a1f0c2e-0002", "Bucket made public", {"A.8.12": "strong", "A.8.3": "partial"}),
    mapping("5a1f0c2e-0003", "Root account used", {"A.8.2": "strong", "A.5.15": "partial"}),
    mapping("5a1f0c2e-0004", "Console sign-in", {"A.8.5": "weak", "A.8.34": "weak"}, "evidence", False),
    mapping("5a1f0c2e-0005", HOSTILE, {"A.8.24": "partial"}),
)


def control_status(id_: str, state: str, since: int | None = None, **counts: int) -> ControlStatus:
    """A control's status."""
    return ControlStatus(
        id_,
        ControlState(state),
        since,
        counts.get("bad", 0),
        counts.get("good", 0),
        counts.get("late", 0),
        counts.get("accepted", 0),
        counts.get("last"),
        counts.get("idx"),
    )


def finding(
    number: int, record: MappingRecord, subject: str, state: str, since: int, *, silence: bool = False, **more: Any
) -> FindingStatus:
    """A finding."""
    return FindingStatus(
        record.id,
        record.title,
        record.level,
        subject,
        f"{number:032x}",
        silence,
        more.get("source", "aws-prod"),
        f"{ACCOUNT}/eu-west-1",
        State(state),
        since,
        more.get("row_idx", 1),
        more.get("cites", (0,)),
        "matched",
        more.get("errors", 0),
        more.get("due_at"),
        record.speaks_for(),
        f"{since}.{number}",
    )


def drift(number: int, record: MappingRecord | None, subject: str, before: str, after: str, at: int, **more: Any) -> DriftView:
    """A drift of a finding, or of `kind`."""
    return DriftView(
        number,
        more.get("kind", "finding"),
        more.get("key", f"k/{number}"),
        before,
        after,
        record.id if record else None,
        record.title if record else "",
        subject,
        ACCOUNT,
        more.get("source", "aws-prod"),
        more.get("controls", record.speaks_for() if record else ()),
        "high",
        at,
        more.get("recorded_at", at + 5 * MINUTE),
        more.get("idx"),
        more.get("delivery", "alert"),
        more.get("text", record.title if record else ""),
        str(number),
    )


def window(number: int, source: str, start: int, end: int, state: str = "complete", **more: Any) -> WindowView:
    """A window."""
    counts = more.get("counts", Counts(4, 120, 2, 0))
    return WindowView(
        f"w-{number:06d}",
        source,
        more.get("kind", "scheduled"),
        state,
        (start, end),
        end,
        more.get("closed_at", end + MINUTE),
        1,
        counts,
        12,
        counts.collected,
        52_000,
        counts.dead_letter,
        "arn:aws:iam::123456789012:role/reader",
        more.get("errors", ()),
        ((f"{ACCOUNT}/eu-west-1", start, end),),
        f"{end}/w-{number:06d}",
    )


def source(name: str, type_: str, state: str, last: WindowView | None, **more: Any) -> SourceStatus:
    """A source."""
    return SourceStatus(
        name,
        type_,
        state,
        more.get("configured", True),
        more.get("schedule", 5 * MINUTE),
        HOUR,
        last,
        more.get("gaps", ()),
        240,
        more.get("failures", 0),
        more.get("counts", Counts(1200, 51_000, 300, 3)),
    )
