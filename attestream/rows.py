"""Rows of the outputs as JSON, the same for every command that prints them."""

from __future__ import annotations

from typing import Any

from pipeline.rules.annex import Control
from pipeline.rules.attestations import AttestationTemplate
from store.entries import counts_json
from store.records import DAY
from store.reports import (
    ControlStatus,
    DeadLetter,
    DriftView,
    Erased,
    EvidenceRow,
    FindingHistoryRow,
    FindingStatus,
    SourceStatus,
)
from store.times import format_time


def _time(micros: int | None) -> str | None:
    return format_time(micros) if micros is not None else None


def control_row(control: Control, status: ControlStatus | None) -> dict[str, Any]:
    """A control with its state."""
    return {
        "id": control.id,
        "title": control.title,
        "theme": control.theme,
        "state": str(status.state) if status else "not-assessed",
        "since": _time(status.since) if status else None,
        "findings": {
            "not_satisfied": status.not_satisfied if status else 0,
            "satisfied": status.satisfied if status else 0,
            "accepted": status.accepted if status else 0,
        },
        "last_evidence": _time(status.last_evidence) if status else None,
        "needs": list(control.needs),
    }


def template_row(template: AttestationTemplate) -> dict[str, Any]:
    """A template of an attestation."""
    return {
        "id": template.id,
        "control": template.control,
        "title": template.title,
        "kind": template.kind,
        "supply": template.supply,
        "ask": list(template.ask),
        "owner": template.owner,
        "max_age_days": template.max_age // DAY,
        "four_eyes": template.four_eyes,
        "strength": template.strength,
        "rationale": template.rationale,
        "unproven": template.unproven,
    }


def finding_row(finding: FindingStatus) -> dict[str, Any]:
    """A finding."""
    return {
        "mapping": finding.mapping,
        "title": finding.title,
        "level": finding.level,
        "subject": finding.subject,
        "subject_handle": finding.subject_handle,
        "silence": finding.silence,
        "source": finding.source,
        "part": finding.part,
        "state": str(finding.state),
        "since": _time(finding.since),
        "entry": finding.row_idx,
        "cites": list(finding.cites),
        "reason": finding.reason,
        "controls": list(finding.controls),
    }


def history_row(row: FindingHistoryRow) -> dict[str, Any]:
    """A row of a finding's history."""
    return {
        "event_time": _time(row.event_time),
        "recorded_at": _time(row.recorded_at),
        "entry": row.idx,
        "before": row.before,
        "after": row.after,
        "cites": list(row.cites),
        "reason": row.reason,
    }


def evidence_row(row: EvidenceRow) -> dict[str, Any]:
    """A piece of evidence without its bytes."""
    return {
        "index": row.idx,
        "source": row.source,
        "id": row.id,
        "type": row.type,
        "account": row.account,
        "region": row.region,
        "event_time": _time(row.event_time),
        "collected_at": _time(row.collected_at),
        "recorded_at": _time(row.recorded_at),
        "window": row.window,
        "controls": list(row.controls),
        "conflicts_with": row.conflicts_with,
        "tags": [
            {
                "mapping": t.mapping,
                "title": t.title,
                "verdict": t.verdict,
                "finding": t.finding,
                "subject": t.subject,
                "controls": list(t.controls),
                "reason": t.reason,
            }
            for t in row.tags
        ],
    }


def erased_row(erased: Erased | None) -> dict[str, Any] | None:
    """Since when and why bytes of an entry are gone; None where they are there."""
    if erased is None:
        return None
    return {
        "entry": erased.idx,
        "recorded_at": _time(erased.recorded_at),
        "parts": list(erased.parts),
        "reason": erased.reason,
        "by": erased.by,
    }


def drift_row(drift: DriftView) -> dict[str, Any]:
    """A drift."""
    return {
        "kind": drift.kind,
        "key": drift.key,
        "before": drift.before,
        "after": drift.after,
        "text": drift.text or drift.title,
        "mapping": drift.mapping,
        "subject": drift.subject,
        "account": drift.account,
        "source": drift.source,
        "controls": list(drift.controls),
        "level": drift.level,
        "event_time": _time(drift.event_time),
        "recorded_at": _time(drift.recorded_at),
        "entry": drift.idx,
        "delivery": drift.delivery,
    }


def dead_letter_row(letter: DeadLetter) -> dict[str, Any]:
    """A dead letter without its bytes."""
    return {
        "index": letter.idx,
        "source": letter.source,
        "window": letter.window,
        "place": letter.place,
        "size": letter.size,
        "recorded_at": _time(letter.recorded_at),
    }


def source_row(source: SourceStatus) -> dict[str, Any]:
    """A source with its last window."""
    last = source.last_window
    return {
        "name": source.name,
        "type": source.type,
        "state": source.state,
        "configured": source.configured,
        "last_window": None
        if last is None
        else {
            "attempt": last.attempt,
            "state": last.state,
            "from": _time(last.asked[0]),
            "to": _time(last.asked[1]),
            "counts": counts_json(last.counts),
            "errors": list(last.errors),
        },
        "gaps": [{"from": _time(start), "to": _time(end)} for start, end in source.gaps],
        "lag_seconds": source.lag_seconds,
        "counts": counts_json(source.counts),
    }
