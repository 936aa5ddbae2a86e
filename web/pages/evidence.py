"""Evidence: the list, one entry with its bytes, tags and proof, and its bytes alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from store.reports import EntryView, EvidenceRow, Query
from web.errors import NotFound
from web.lookups import Text, control_id_of, find_entry, find_evidence
from web.params import PAGE, Cursor, Limit, cut, read_time
from web.site import SiteOf
from web.templating import render
from web.views.proof import prove
from web.words import number

router = APIRouter(include_in_schema=False)

SHOWN_BYTES: Final = 64 * 1024
"""Bytes of a payload that a page shows; the whole is one link away."""


@router.get("/evidence")
def evidence(
    request: Request,
    site: SiteOf,
    control: Text = "",
    mapping: Text = "",
    source: Text = "",
    start: Text = "",
    end: Text = "",
    id: Text = "",
    after: Cursor = "",
    limit: Limit = PAGE,
) -> HTMLResponse:
    """Evidence, filtered, in pages, newest event first. With `id`: the entries of that event id."""
    if id:
        rows, more = rows_of_id(site.query, id, source or None, limit), False
    else:
        rows, more = cut(
            site.query.evidence(
                control=control_id_of(site, control),
                mapping=mapping or None,
                source=source or None,
                start=read_time("start", start),
                end=read_time("end", end),
                after=after or None,
                limit=limit + 1,
            ),
            limit,
        )
    filters = {"control": control, "mapping": mapping, "source": source, "start": start, "end": end, "id": id}
    return render(
        request,
        "evidence_list.html",
        rows=rows,
        next=rows[-1].cursor if more else "",
        filters=filters,
        after=after,
        limit=limit,
        mappings=site.query.mappings(),
        sources=site.query.sources(site.clock()),
    )


def rows_of_id(query: Query, event_id: str, source: str | None, limit: int) -> list[EvidenceRow]:
    """The first entries of an event id: what the source said first under it, and what conflicts with that."""
    indexes = query.evidence_by_id(event_id, source)[:limit]
    return [row for idx in indexes if (row := query.evidence_row(idx)) is not None]


@dataclass(frozen=True, slots=True)
class Shown:
    """Bytes as a page shows them: the beginning as text, how many there are, how many are left out, what could not be read."""

    text: str
    size: int
    left_out: int
    media_type: str
    is_utf8: bool


def shown(data: bytes | None, media_type: str) -> Shown | None:
    """Decode the beginning of some bytes for a <pre>; None when they are not there. Nothing is interpreted."""
    if data is None:
        return None
    head = data[:SHOWN_BYTES]
    try:
        data.decode()
        is_utf8 = True
    except UnicodeDecodeError:
        is_utf8 = False
    # A character that the cut goes through is left out; bytes that are no UTF-8 are shown one by one as \xNN.
    text = head.decode("utf-8", "ignore") if is_utf8 else head.decode("utf-8", "backslashreplace")
    return Shown(text, len(data), len(data) - len(head), media_type, is_utf8)


def media_type_of(entry: EntryView, part: str) -> str:
    """The media type that the entry states for a committed part, "" when it states none."""
    field = entry.fields.get(part)
    return str(field.get("media_type", "")) if isinstance(field, dict) else ""


@router.get("/evidence/{index}")
def evidence_page(request: Request, site: SiteOf, index: str) -> HTMLResponse:
    """One evidence entry: what it is, what is said of it and why, its bytes, and the proof that the log holds it."""
    entry, row = find_evidence(site, index)
    return render(
        request,
        "evidence.html",
        row=row,
        entry=entry,
        metadata=shown(entry.metadata, "application/json"),
        payload=shown(entry.payload, media_type_of(entry, "payload")),
        proof=prove(site.query, entry, site.checkpoints()),
        raw=f"/evidence/{entry.idx}/raw",
    )


@router.get("/evidence/{index}/raw")
def evidence_raw(site: SiteOf, index: str) -> Response:
    """The payload's bytes, all of them, as a text file to be saved: never as what they might claim to be."""
    return raw_payload(find_entry(site, index))


def raw_payload(entry: EntryView) -> Response:
    """An entry's payload as a plain text attachment. Raises NotFound when there is none, or it was erased."""
    if entry.payload is None:
        raise NotFound(f"Entry {number(entry.idx)} has no payload here: it never had one, or it was erased.")
    headers = {"content-disposition": f'attachment; filename="entry-{entry.idx}.txt"'}
    return Response(entry.payload, media_type="text/plain; charset=utf-8", headers=headers)
