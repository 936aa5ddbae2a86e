"""The rows by which evidence is found, gathered for one append: evidence, tags, controls, dead letters, the hourly roll-up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from store import schema
from store.changes import Input
from store.names import Names
from store.records import HOUR, Event, Judged, Verdict
from store.sql import insert, upsert


@dataclass(slots=True)
class FoundRows:
    """Collects rows, and what `decide` needs of them: the inputs of each finding and the latest evidence of each control.

    `speaking`: of which mappings a judgement touches a finding. The roll-up counts an entry once per source, mapping, control.
    """

    names: Names
    speaking: Mapping[str, bool]
    inputs: dict[tuple[str, bytes], list[Input]]
    latest: dict[str, tuple[int, int]]
    evidence: list[dict[str, Any]] = field(default_factory=list)
    tags: list[dict[str, Any]] = field(default_factory=list)
    controls: list[dict[str, Any]] = field(default_factory=list)
    dead: list[dict[str, Any]] = field(default_factory=list)
    rollup: Counter[tuple[int, str, str]] = field(default_factory=Counter)

    def add_dead_letter(self, event: Event, index: int, now: int) -> None:
        """A dead letter."""
        self.dead.append({"idx": index, "source": event.source, "window": event.window, "recorded_at": now})

    def add_evidence(self, judged: Judged, index: int, conflicts_with: int | None) -> None:
        """An evidence entry with its tags."""
        event = judged.event
        part_id = self.names.part(event.source, event.part, event.type)
        self.evidence.append(
            {
                "idx": index,
                "source": event.source,
                "part_id": part_id,
                "type": event.type,
                "window": event.window,
                "event_time": event.time,
                "conflicts_with": conflicts_with,
            }
        )
        for judgement in judged.judgements:
            subject = self.names.handle(judgement.subject)
            found = Input(event.time, index, judgement.verdict, part_id, min(event.time, event.collected_at))
            self.tags.append(tag_row(judgement.mapping, subject, found))
            if self.speaking.get(judgement.mapping, False):
                self.inputs[judgement.mapping, subject].append(found)
        self._count(judged, index)

    def _count(self, judged: Judged, index: int) -> None:
        event = judged.event
        hour = event.time - event.time % HOUR
        self.rollup[hour, "source", event.source] += 1
        for mapping in {j.mapping for j in judged.judgements if j.verdict is not Verdict.NOT_MATCHED}:
            self.rollup[hour, "mapping", mapping] += 1
        for control in {c for j in judged.judgements for c in j.controls}:
            self.rollup[hour, "control", control] += 1
            self.controls.append({"control": control, "event_time": event.time, "idx": index})
            self.latest[control] = max(self.latest.get(control, (0, 0)), (event.time, index))

    def write(self, connection: Connection) -> None:
        """Write all rows."""
        for table, rows in (
            (schema.evidence, self.evidence),
            (schema.tag, self.tags),
            (schema.evidence_control, self.controls),
            (schema.dead_letter, self.dead),
        ):
            insert(connection, table, rows)
        counts = [{"hour": hour, "dim": dim, "key": key, "n": n} for (hour, dim, key), n in sorted(self.rollup.items())]
        upsert(connection, schema.rollup, ["hour", "dim", "key"], counts, add=["n"])


def tag_row(mapping: str, subject: bytes, found: Input) -> dict[str, Any]:
    """A row of the tag table."""
    return {
        "mapping": mapping,
        "subject": subject,
        "event_time": found.event_time,
        "idx": found.idx,
        "verdict": found.verdict.value,
        "part_id": found.part_id,
        "fresh_at": found.fresh_at,
    }
