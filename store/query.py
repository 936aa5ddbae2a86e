"""The reading side of the store: `StoreQuery` implements `Query` of store/reports.py. Each call reads one snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, select

from store import query_collection, query_controls, query_evidence, query_findings, query_log, schema
from store.applicability import read_soa
from store.attestations import read_attestations
from store.attested import KIND as ATTESTED
from store.engine import reading
from store.errors import VerificationError
from store.exceptions import read_exceptions
from store.open import read_meta
from store.query_common import Known, cut_of, load_known
from store.query_evidence import EvidenceFilter
from store.query_findings import FindingFilter
from store.records import Counts, MappingRecord
from store.reports import (
    ControlStatus,
    CoverageView,
    DeadLetter,
    DriftView,
    EntryView,
    EvidenceRow,
    FindingHistoryRow,
    FindingStatus,
    LogStatus,
    Moment,
    SourceStatus,
    WindowView,
)
from store.risks import read_risks
from store.stated_views import AttestationView, ExceptionView, RiskView, SoaView
from store.tiles import consistency_proof, inclusion_proof
from store.writer import SqlTiles, read_head


class StoreQuery:
    """Reads one store; safe to share between threads. `origin` is the log's name in its checkpoints.

    As of a moment controls are those of the newest version of each mapping, also of mappings retired since. A wrong cursor raises
    StoreError, damaged bytes VerificationError.
    """

    def __init__(self, engine: Engine, origin: str = "") -> None:
        self._engine = engine
        self._origin = origin
        self._known: tuple[int, Known] | None = None

    @contextmanager
    def _reading(self) -> Iterator[tuple[Connection, Known]]:
        """A snapshot, with the mapping records of the active set's activation (decoded once for each)."""
        with reading(self._engine) as connection:
            head = read_head(connection)
            known = self._known
            if known is None or known[0] != head.set_idx or known[1].digest != head.mapping_set:
                known = self._known = (head.set_idx, load_known(connection, head.mapping_set))
            yield connection, known[1]

    def log(self) -> LogStatus:
        """The head of the log."""
        with reading(self._engine) as connection:
            return query_log.log_status(connection, self._origin)

    def totals(self) -> Counts:
        """Source records processed, of all sources and attempts."""
        with reading(self._engine) as connection:
            return query_log.totals(connection)

    def size_at(self, recorded_at: int) -> int:
        """The log's size when everything recorded up to this time was in it."""
        with reading(self._engine) as connection:
            return query_log.size_at(connection, recorded_at)

    def controls(self, moment: Moment) -> Mapping[str, ControlStatus]:
        """Every control's status by id, in the order of Annex A."""
        with self._reading() as (connection, known):
            cut = cut_of(connection, moment)
            if cut is None:
                return query_controls.present_controls(connection)
            return query_controls.controls_at(connection, known, cut)

    def findings(
        self,
        moment: Moment,
        *,
        control: str | None = None,
        mapping: str | None = None,
        state: str | None = None,
        source: str | None = None,
        silence: bool | None = None,
        subject: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Sequence[FindingStatus]:
        """Findings in any state (also closed and retired), those whose last row is the newest first."""
        wanted = FindingFilter(control, mapping, state, source, silence, subject)
        with self._reading() as (connection, known):
            cut = cut_of(connection, moment)
            return query_findings.list_findings(connection, known, cut, wanted, after, limit)

    def exceptions(self, now: int, moment: Moment) -> Sequence[ExceptionView]:
        """Every exception, as it was at a moment; `now` says what has expired at present."""
        with reading(self._engine) as connection:
            return read_exceptions(connection, now, moment.known_at, moment.as_of)

    def attestations(self, now: int, moment: Moment) -> Sequence[AttestationView]:
        """Every attestation, those that need somebody first."""
        with reading(self._engine) as connection:
            return read_attestations(connection, now, moment.known_at, moment.as_of)

    def soa(self, moment: Moment) -> Sequence[SoaView]:
        """The Statement of Applicability: a row for each control of the catalogue."""
        with reading(self._engine) as connection:
            return read_soa(connection, moment.known_at, moment.as_of)

    def risks(self, moment: Moment) -> Sequence[RiskView]:
        """The risk register, as far as it concerns controls."""
        with reading(self._engine) as connection:
            return read_risks(connection, moment.known_at, moment.as_of)

    def finding_history(self, mapping: str, subject_handle: str) -> Sequence[FindingHistoryRow]:
        """All rows of a finding, by event time, then index."""
        with reading(self._engine) as connection:
            return query_findings.finding_history(connection, mapping, subject_handle)

    def evidence(
        self,
        *,
        control: str | None = None,
        mapping: str | None = None,
        source: str | None = None,
        start: int | None = None,
        end: int | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Sequence[EvidenceRow]:
        """Evidence with start <= event time < end, newest event first; never a window."""
        wanted = EvidenceFilter(control, mapping, source, start, end)
        with self._reading() as (connection, known):
            return query_evidence.list_evidence(connection, known, wanted, after, limit)

    def evidence_by_id(self, id_: str, source: str | None = None) -> Sequence[int]:
        """Log indexes of the evidence with this event id, also of what conflicts with it."""
        secret = read_meta(self._engine, "seen_key")
        with reading(self._engine) as connection:
            names = [source] if source is not None else list(connection.execute(select(schema.source.c.name)).scalars())
            return query_evidence.indexes_by_id(connection, secret, id_, names)

    def entry(self, idx: int) -> EntryView | None:
        """One entry of the log, whole."""
        with reading(self._engine) as connection:
            return query_log.entry_view(connection, idx)

    def evidence_row(self, idx: int) -> EvidenceRow | None:
        """One row of evidence; None where this index is none."""
        with self._reading() as (connection, known):
            return query_evidence.evidence_rows(connection, known, [idx]).get(idx)

    def drift(
        self,
        *,
        since: int | None = None,
        control: str | None = None,
        kind: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Sequence[DriftView]:
        """Drift, newest recorded first; `since` is a recorded_at."""
        with self._reading() as (connection, known):
            return query_log.list_drift(connection, known, since, control, kind, after, limit)

    def sources(self, now: int) -> Sequence[SourceStatus]:
        """Sources with their health, by name."""
        with reading(self._engine) as connection:
            return query_collection.list_sources(connection, now)

    def windows(
        self, *, source: str | None = None, attempt: str | None = None, after: str | None = None, limit: int = 50
    ) -> Sequence[WindowView]:
        """Attempts, those asked for the latest period first."""
        with reading(self._engine) as connection:
            return query_collection.list_windows(connection, source, attempt, after, limit)

    def coverage(self, source: str | None = None) -> Sequence[CoverageView]:
        """Covered delivery time by part."""
        with reading(self._engine) as connection:
            return query_collection.list_coverage(connection, source)

    def dead_letters(self, *, after: str | None = None, limit: int = 50) -> Sequence[DeadLetter]:
        """Dead letters, newest first."""
        with reading(self._engine) as connection:
            return query_collection.list_dead_letters(connection, after, limit)

    def mappings(self) -> Sequence[MappingRecord]:
        """Mappings of the active set, by id."""
        with self._reading() as (_, known):
            return [record for id_, record in known.records.items() if id_ in known.active and record.kind != ATTESTED]

    def mapping_set(self, digest: str | None = None) -> bytes:
        """The bytes of a mapping set (None: the active one), as they stand in the log. Raises StoreError when there is none."""
        with reading(self._engine) as connection:
            return query_log.mapping_set_bytes(connection, digest)

    def rollup(self, dim: str, key: str, start: int, end: int) -> Sequence[tuple[int, int]]:
        """(hour, count) of evidence with start <= hour < end; dim is source, control or mapping."""
        with reading(self._engine) as connection:
            return query_log.rollup(connection, dim, key, start, end)

    def inclusion(self, idx: int, size: int) -> Sequence[bytes]:
        """RFC 9162 inclusion proof of an entry in the tree of that size. Raises VerificationError when there is none."""
        with reading(self._engine) as connection:
            self._check_size(connection, size)
            return inclusion_proof(idx, size, SqlTiles(connection))

    def consistency(self, old: int, new: int) -> Sequence[bytes]:
        """RFC 9162 consistency proof between two sizes of the tree."""
        with reading(self._engine) as connection:
            self._check_size(connection, new)
            return consistency_proof(old, new, SqlTiles(connection))

    def _check_size(self, connection: Connection, size: int) -> None:
        head = read_head(connection)
        if size > head.size:
            raise VerificationError(f"the log has {head.size} entries: there is no tree of size {size}")
