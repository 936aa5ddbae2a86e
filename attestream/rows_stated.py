"""What people state, as JSON: the same for every command that prints it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from store.reports import ControlStatus
from store.stated_views import Act, AttestationView, ExceptionView, RiskView, SoaView, Version
from store.times import format_time


def _time(micros: int | None) -> str | None:
    return format_time(micros) if micros is not None else None


def _acts(acts: Sequence[Act]) -> list[dict[str, Any]]:
    return [{"entry": a.idx, "act": a.act, "event_time": _time(a.event_time), "by": a.by, "text": a.text} for a in acts]


def exception_row(view: ExceptionView) -> dict[str, Any]:
    """An exception. `subject` is null where it is of all subjects."""
    return {
        "id": view.id,
        "state": view.state,
        "mapping": view.mapping,
        "subject": view.subject,
        "subject_handle": view.subject_handle,
        "from": _time(view.start),
        "until": _time(view.until),
        "reason": view.reason,
        "approver": view.approver,
        "by": view.by,
        "entry": view.idx,
        "acts": _acts(view.acts),
    }


def attestation_row(view: AttestationView) -> dict[str, Any]:
    """An attestation, with the statement that speaks and the one that waits for review."""
    return {
        "id": view.id,
        "state": view.state,
        "title": view.title,
        "controls": list(view.controls),
        "template": view.template,
        "since": _time(view.since),
        "speaking": _version(view.speaking),
        "waiting": _version(view.waiting),
        "acts": _acts(view.acts),
    }


def _version(version: Version | None) -> dict[str, Any] | None:
    if version is None:
        return None
    return {
        "entry": version.idx,
        "says": version.says,
        "made": _time(version.made),
        "until": _time(version.until),
        "four_eyes": version.four_eyes,
        "by": version.by,
        "owner": version.owner,
        "statement": version.statement,
        "files": [{"entry": f.idx, "name": f.name, "size": f.size, "sha256": f.sha256} for f in version.files],
    }


def soa_row(view: SoaView, title: str, status: ControlStatus | None) -> dict[str, Any]:
    """What is stated of a control, and its status."""
    return {
        "control": view.control,
        "title": title,
        "applicable": view.applicable,
        "stated": view.idx is not None,
        "justification": view.justification,
        "implementation": view.implementation,
        "owner": view.owner,
        "risks": list(view.risks),
        "state": str(status.state) if status is not None else "not-assessed",
        "event_time": _time(view.event_time),
        "by": view.by,
        "entry": view.idx,
    }


def risk_row(view: RiskView, states: Mapping[str, ControlStatus]) -> dict[str, Any]:
    """A risk, with the state of each control that treats it."""
    return {
        "id": view.id,
        "title": view.title,
        "treatment": view.treatment,
        "owner": view.owner,
        "controls": {id_: str(states[id_].state) if id_ in states else "not-assessed" for id_ in view.controls},
        "event_time": _time(view.event_time),
        "by": view.by,
        "entry": view.idx,
    }
