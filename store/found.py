"""The rows by which evidence is found, gathered for one append: evidence, tags, controls, dead letters, the hourly roll-up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Connection

from store import schema
from store.active import ActiveSet
from store.changes import Input
from store.names import Names
from store.records import DAY, HOUR, Event, Judged, Judgement, MappingRecord, Verdict
from store.sql import insert_rows, upsert_rows

TAG_COLUMNS: Final = ("mapping", "subject", "event_time", "idx", "verdict", "part_id", "fresh_at", "ends_at")
FOLLOW: Final = 30 * DAY
"""So long a ticket that is done still says that all was well with it."""
_EVIDENCE: Final = ("idx", "source", "part_id", "type", "window", "event_time", "conflicts_with")


@dataclass(slots=True)
class FoundRows:
    """Collects rows, and what `decide` needs of them: the inputs of each finding and the latest evidence of each control.

    The roll-up counts an entry once per source, mapping, control.
    """

    names: Names
    active: ActiveSet
    inputs: dict[tuple[str, bytes], list[Input]]
    latest: dict[str, tuple[int, int]]
    evidence: list[tuple[Any, ...]] = field(default_factory=list)
    tags: list[tuple[Any, ...]] = field(default_factory=list)
    controls: list[tuple[str, int, int]] = field(default_factory=list)
    dead: list[tuple[Any, ...]] = field(default_factory=list)
    rollup: Counter[tuple[int, str, str]] = field(default_factory=Counter)

    def add_dead_letter(self, event: Event, index: int, now: int) -> None:
        """A dead letter."""
        self.dead.append((index, event.source, event.window, now))

    def add_evidence(self, judged: Judged, index: int, conflicts_with: int | None) -> None:
        """An evidence entry with its tags."""
        event = judged.event
        time = event.time
        part_id = self.names.part(event.source, event.place, event.type)
        self.evidence.append((index, event.source, part_id, event.type, event.window, time, conflicts_with))
        fresh, hour = min(time, event.collected_at), time - time % HOUR
        self.rollup[hour, "source", event.source] += 1
        mappings: set[str] = set()
        controls: set[str] = set()
        for judgement in judged.judgements:
            mapping, verdict = judgement.mapping, judgement.verdict
            subject = self.names.handle(judgement.subject)
            held = self.active.mappings.get(mapping)
            ends = ends_at(held.record, judged, judgement) if held is not None and held.record.observes else None
            self.tags.append((mapping, subject, time, index, verdict.value, part_id, fresh, ends))
            if held is not None and held.record.finding != "evidence":
                self.inputs[mapping, subject].append(Input(time, index, verdict, part_id, fresh, ends))
            if verdict is not Verdict.NOT_MATCHED:
                mappings.add(mapping)
            controls.update(judgement.controls)
        for mapping in mappings:
            self.rollup[hour, "mapping", mapping] += 1
        for control in controls:
            self.rollup[hour, "control", control] += 1
            self.controls.append((control, time, index))
            self.latest[control] = max(self.latest.get(control, (0, 0)), (time, index))

    def write(self, connection: Connection) -> None:
        """Write all rows."""
        insert_rows(connection, schema.evidence, _EVIDENCE, self.evidence)
        insert_rows(connection, schema.tag, TAG_COLUMNS, sorted(self.tags, key=itemgetter(0, 1, 2, 3, 4)))
        insert_rows(connection, schema.evidence_control, ("control", "event_time", "idx"), sorted(self.controls))
        insert_rows(connection, schema.dead_letter, ("idx", "source", "window", "recorded_at"), self.dead)
        counts = [(*place, n) for place, n in sorted(self.rollup.items())]
        keys = ("hour", "dim", "key")
        upsert_rows(connection, schema.rollup, keys, (*keys, "n"), counts, add=("n",))


def tag_row(mapping: str, subject: bytes, found: Input) -> tuple[Any, ...]:
    """A row of the tag table, in the order of `TAG_COLUMNS`."""
    return mapping, subject, found.event_time, found.idx, found.verdict.value, found.part_id, found.fresh_at, found.ends_at


def ends_at(record: MappingRecord, judged: Judged, judgement: Judgement) -> int | None:
    """When what is said of an observation stops speaking by itself; None where only another look or its age ends it.

    A fact that can't change any more stands open for `quiet_for`. A ticket that is done says for `max_age` that something was
    done, and for `FOLLOW` that all was well with it.
    """
    matched = judgement.verdict is Verdict.MATCHED
    if matched and judgement.fact is not None and record.finding == "not-satisfied":
        return judgement.fact + record.quiet_for
    if judged.done is None or judgement.verdict not in (Verdict.MATCHED, Verdict.NOT_MATCHED):
        return None
    if record.two_sided:
        return judged.done + FOLLOW if matched is (record.finding == "satisfied") else None
    return judged.done + record.max_age if matched and record.finding == "satisfied" else None
