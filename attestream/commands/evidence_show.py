"""attestream evidence show"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from attestream.console import emit, facts, moment, say, table
from attestream.errors import AttestreamError
from attestream.options import AsJson, Config
from attestream.rows import erased_row, evidence_row
from attestream.settings import load
from attestream.wiring import opened
from store.errors import VerificationError
from store.reports import EntryView, Erased, EvidenceRow


def evidence_show(
    item: Annotated[str, typer.Argument(help="A log index, or the event's own id.")],
    config: Config = None,
    as_json: AsJson = False,
    raw: Annotated[bool, typer.Option("--raw", help="Print exactly the bytes that the source delivered, nothing else.")] = False,
) -> None:
    """Show one piece of evidence: its tags with reasons, its place in the log, and its bytes.

    Example: attestream evidence show 1204 --raw
    """
    with opened(load(config)) as parts:
        found = [int(item)] if item.isdigit() and len(item) < 16 else list(parts.query.evidence_by_id(item))
        if not found:
            raise AttestreamError(f"no evidence with the id {item!r}")
        entry, row = parts.query.entry(found[0]), parts.query.evidence_row(found[0])
    if entry is None or row is None:
        raise AttestreamError(f"entry {found[0]} is no evidence")
    if entry.payload is None and entry.erased is None:
        text = f"entry {entry.idx} lacks its payload, and no erasure says so; run attestream evidence verify"
        raise VerificationError(text, index=entry.idx)
    payload = entry.payload if entry.payload is not None else b""
    if raw:
        if entry.erased is not None and entry.payload is None:
            raise AttestreamError(f"entry {entry.idx}: {_erased(entry.erased)}")
        sys.stdout.buffer.write(payload)
        return
    if as_json:
        emit(
            {
                **evidence_row(row),
                "leaf": entry.leaf.hex(),
                "entry": dict(entry.fields),
                "payload": payload.decode("utf-8", "replace") if entry.erased is None else None,
                "erased": erased_row(entry.erased),
            }
        )
        return
    _tell(row, entry)


def _tell(row: EvidenceRow, entry: EntryView) -> None:
    """What it is, for people."""
    facts(
        {
            "index": row.idx,
            "event": row.id,
            "source": f"{row.source} ({row.type})",
            "account": f"{row.account} {row.region}",
            "event time": moment(row.event_time),
            "recorded": moment(row.recorded_at),
            "controls": " ".join(row.controls) or "none",
            "leaf hash": entry.leaf.hex(),
        }
    )
    if row.conflicts_with is not None:
        say(f"it has the source and id of entry {row.conflicts_with}, and other bytes")
    table(("mapping", "verdict", "controls", "reason"), [(t.title, t.verdict, " ".join(t.controls), t.reason) for t in row.tags])
    if entry.erased is not None:
        say(_erased(entry.erased))
    else:
        facts({"payload": (entry.payload or b"").decode("utf-8", "replace")})


def _erased(erased: Erased) -> str:
    what = "detail and payload were" if "detail" in erased.parts else "the payload was"
    return f"{what} erased {moment(erased.recorded_at)} by {erased.by}: {erased.reason} (entry {erased.idx})"
