"""The store's rows as the API's models."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from store.records import SECOND, Counts
from store.reports import ControlStatus, DriftView, EntryView, EvidenceRow, FindingStatus, SourceStatus, Tag, WindowView
from web.api import models
from web.api.models import maybe, stamp
from web.catalogue import ControlInfo
from web.site import CheckpointInfo
from web.views.proof import Proof


def counts(row: Counts) -> models.CountsOut:
    """Counts, with their sum."""
    return models.CountsOut(
        collected=row.collected,
        evidence=row.evidence,
        unmatched=row.unmatched,
        duplicate=row.duplicate,
        dead_letter=row.dead_letter,
    )


def control_fields(info: ControlInfo, status: ControlStatus) -> dict[str, Any]:
    """What a control says in lists and alone."""
    found = models.FindingCounts(
        not_satisfied=status.not_satisfied, satisfied=status.satisfied, stale=status.stale, accepted=status.accepted
    )
    return {
        "id": info.id,
        "title": info.title,
        "theme": info.theme,
        "state": status.state.value,
        "since": maybe(status.since),
        "findings": found,
        "last_evidence": maybe(status.last_evidence),
        "last_index": status.last_idx,
    }


def finding(row: FindingStatus) -> models.FindingOut:
    """A finding."""
    return models.FindingOut(
        mapping=row.mapping,
        title=row.title,
        level=row.level,
        subject=row.subject,
        subject_handle=row.subject_handle,
        silence=row.silence,
        source=row.source,
        part=row.part,
        state=row.state.value,
        since=stamp(row.since),
        entry=row.row_idx,
        cites=list(row.cites),
        reason=row.reason,
        errors=row.errors,
        due_at=maybe(row.due_at),
        controls=list(row.controls),
    )


def tags(rows: Sequence[Tag]) -> list[models.TagOut]:
    """Tags with their reasons."""
    return [
        models.TagOut(
            mapping=t.mapping,
            title=t.title,
            verdict=t.verdict,
            finding=t.finding,
            subject=t.subject,
            controls=list(t.controls),
            reason=t.reason,
        )
        for t in rows
    ]


def evidence_fields(row: EvidenceRow) -> dict[str, Any]:
    """What an evidence entry says in lists and alone."""
    return {
        "index": row.idx,
        "source": row.source,
        "account": row.account,
        "region": row.region,
        "type": row.type,
        "id": row.id,
        "event_time": stamp(row.event_time),
        "collected_at": stamp(row.collected_at),
        "recorded_at": stamp(row.recorded_at),
        "window": row.window,
        "controls": list(row.controls),
        "tags": tags(row.tags),
        "conflicts_with": row.conflicts_with,
    }


def committed(entry: EntryView, part: str, salt: bytes | None, data: bytes | None) -> models.CommittedOut | None:
    """A committed part with its bytes; None when the entry has no such part."""
    field = entry.fields.get(part)
    if not isinstance(field, dict):
        return None
    return models.CommittedOut(
        commit=str(field.get("commit", "")),
        size=int(field.get("size", 0)),
        media_type=str(field.get("media_type", "")),
        salt=None if salt is None else salt.hex(),
        base64=None if data is None else base64.b64encode(data).decode(),
    )


def proof(row: Proof) -> models.ProofOut:
    """The proof with the checks that were made."""
    made = [models.CheckOut(name=c.name, outcome=c.outcome, text=c.text) for c in row.checks]
    return models.ProofOut(size=row.size, root=row.root, leaf=row.leaf, hashes=list(row.hashes), checks=made)


def drift(row: DriftView) -> models.DriftOut:
    """A drift."""
    return models.DriftOut(
        id=row.id,
        kind=row.kind,
        key=row.key,
        before=row.before,
        after=row.after,
        mapping=row.mapping,
        title=row.title,
        subject=row.subject,
        account=row.account,
        source=row.source,
        controls=list(row.controls),
        level=row.level,
        event_time=stamp(row.event_time),
        recorded_at=stamp(row.recorded_at),
        entry=row.idx,
        delivery=row.delivery,
        text=row.text,
    )


def window(row: WindowView) -> models.WindowOut:
    """A window."""
    return models.WindowOut(
        attempt=row.attempt,
        source=row.source,
        kind=row.kind,
        state=row.state,
        asked=models.Period.of(row.asked),
        registered_at=stamp(row.registered_at),
        closed_at=maybe(row.closed_at),
        entry=row.idx,
        counts=counts(row.counts),
        files=row.files,
        records=row.records,
        bytes=row.bytes,
        unreadable=row.unreadable,
        identity=row.identity,
        errors=list(row.errors),
        covers=[models.CoverOut.model_validate({"part": p, "from": stamp(a), "to": stamp(b)}) for p, a, b in row.covers],
    )


def source(row: SourceStatus) -> models.SourceOut:
    """A source's health."""
    return models.SourceOut(
        name=row.name,
        type=row.type,
        state=row.state,
        configured=row.configured,
        schedule_seconds=row.schedule // SECOND,
        lateness_seconds=row.lateness // SECOND,
        last_window=None if row.last_window is None else window(row.last_window),
        gaps=[models.Period.of(gap) for gap in row.gaps],
        lag_seconds=row.lag_seconds,
        failures=row.failures,
        counts=counts(row.counts),
    )


def checkpoint(row: CheckpointInfo | None) -> models.CheckpointOut | None:
    """The last checkpoint, None before the first."""
    if row is None:
        return None
    return models.CheckpointOut(
        size=row.size, root=row.root, signed_at=maybe(row.signed_at), origin=row.origin, note=row.note, vkey=row.vkey
    )
