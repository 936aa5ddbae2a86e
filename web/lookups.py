"""Single things by what an address names them, and the filters that pages and API share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import Query

from store.records import MappingRecord, State
from store.reports import EntryView, EvidenceRow, FindingHistoryRow, FindingStatus, Moment, WindowView
from store.reports import Query as StoreQuery
from web.catalogue import ControlInfo
from web.errors import NotFound
from web.params import LONGEST, AsOf, middle_quote, read_choice, read_index
from web.site import Site
from web.views.reason import Voices
from web.words import number

FINDING_STATES: Final = tuple(state.value for state in State)
DRIFT_KINDS: Final = (
    "finding",
    "control",
    "attestation",
    "exception",
    "source",
    "baseline",
    "conflict",
    "integrity",
    "log",
    "clock",
    "route",
)

SHOWN: Final = 50
"""Rows of a kind that the page of one thing shows; the rest is one link away."""

LATEST: Final = 10
"""Evidence rows that the page of one thing shows."""

Text = Annotated[str, Query(max_length=LONGEST)]

_HANDLE: Final = re.compile(r"(?:[0-9a-f]{2}){1,64}", re.ASCII)


def find_control(site: Site, control_id: str) -> ControlInfo:
    """A control by its id, with or without "A." before it. Raises NotFound."""
    found = site.catalogue.get(control_id) or site.catalogue.get(f"A.{control_id}")
    if found is None:
        raise NotFound(f"There is no control {middle_quote(control_id)}: Annex A has A.5.1 to A.8.34.")
    return found


def control_id_of(site: Site, text: str) -> str | None:
    """The id of the control that a filter names, None for "". Raises BadParameter."""
    if not text:
        return None
    return read_choice("control", text if text in site.catalogue else f"A.{text.removeprefix('A.')}", site.catalogue)


def read_silence(text: str) -> bool | None:
    """yes: only silence, no: only what matched, "": both. Raises BadParameter."""
    chosen = read_choice("silence", text, ("yes", "no"))
    return None if chosen is None else chosen == "yes"


def find_entry(site: Site, index: str) -> EntryView:
    """An entry of the log. Raises NotFound."""
    idx = read_index(index)
    entry = site.query.entry(idx)
    if entry is None:
        raise NotFound(f"There is no entry {number(idx)}: the log has {number(site.query.log().size)} entries, from 0 on.")
    return entry


def find_evidence(site: Site, index: str) -> tuple[EntryView, EvidenceRow]:
    """An entry of the log that is evidence. Raises NotFound."""
    entry = find_entry(site, index)
    row = site.query.evidence_row(entry.idx)
    if row is None:
        raise NotFound(f"Entry {number(entry.idx)} of the log is not evidence, its type is “{entry.type}”: see /log/{entry.idx}.")
    return entry, row


def read_history(query: StoreQuery, mapping_id: str, handle: str) -> Sequence[FindingHistoryRow]:
    """All rows of a finding. Raises NotFound."""
    history = query.finding_history(mapping_id, handle) if _HANDLE.fullmatch(handle) else ()
    if not history:
        raise NotFound(f"There is no finding of mapping {middle_quote(mapping_id)} about the subject {middle_quote(handle)}.")
    return history


def find_finding(query: StoreQuery, moment: Moment, mapping_id: str, handle: str) -> FindingStatus | None:
    """The status of one finding; None when it was not there yet."""
    rows = query.findings(moment, mapping=mapping_id, subject=handle)
    return next((row for row in rows if row.subject_handle == handle), None)


def find_window(query: StoreQuery, attempt: str, source: str | None) -> WindowView:
    """A window by its attempt. Raises NotFound."""
    rows = query.windows(source=source, attempt=attempt)
    if not rows:
        raise NotFound(f"There is no window {middle_quote(attempt)}.")
    return rows[0]


def latest_evidence(query: StoreQuery, asked: AsOf, control_id: str) -> Sequence[EvidenceRow]:
    """The newest evidence that is tagged with a control, up to the moment that is asked about."""
    end = asked.moment.as_of + 1 if asked.moment.as_of is not None else None
    return query.evidence(control=control_id, end=end, limit=LATEST)


def read_voices(query: StoreQuery, asked: AsOf, info: ControlInfo) -> Voices:
    """What speaks about a control: at most SHOWN findings of each kind, and the mappings that name it."""

    def findings(state: str, silence: bool) -> Sequence[FindingStatus]:
        return query.findings(asked.moment, control=info.id, state=state, silence=silence, limit=SHOWN)

    named = [m for m in query.mappings() if info.id in dict(m.controls)]
    return Voices(
        against=findings("not-satisfied", False),
        accepted=findings("accepted", False),
        stale=[*findings("stale", False), *findings("stale", True)],
        spoken=findings("satisfied", False),
        silences=findings("satisfied", True),
        mappings=sorted(named, key=lambda m: _weight(m, info.id)),
    )


def _weight(mapping: MappingRecord, control_id: str) -> tuple[int, int, str]:
    """Mappings that can change the state first, the strongest before the others."""
    strength = dict(mapping.controls)[control_id]
    return (control_id not in mapping.speaks_for(), ("strong", "partial", "weak").index(strength), mapping.title)
