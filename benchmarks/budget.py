"""The performance budget: what each ratio has to be. Nothing here fails a run: the verdict stands beside the number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Verdict = Literal["met", "missed", "not measured"]


@dataclass(frozen=True, slots=True)
class Limit:
    """A ratio's limit, and what the ratio is."""

    kind: Literal[">=", "<=", "<"]
    value: float
    about: str

    def verdict(self, found: float | None) -> Verdict:
        """Whether this is within it."""
        if found is None:
            return "not measured"
        within = {">=": found >= self.value, "<=": found <= self.value, "<": found < self.value}[self.kind]
        return "met" if within else "missed"

    def __str__(self) -> str:
        return f"{self.kind} {self.value:g}"


BUDGET: Final[Mapping[str, Limit]] = {
    "one_worker_sqlite": Limit(">=", 0.10, "one worker, embedded stream to sealed SQLite, events/s to the floor"),
    "one_worker_kafka_sqlite": Limit(">=", 0.10, "one worker, Kafka to sealed SQLite, events/s to the floor"),
    "one_worker_postgres": Limit(">=", 0.10, "one worker, Kafka to sealed PostgreSQL, events/s to the floor"),
    "two_workers_postgres": Limit(">=", 0.20, "two workers, Kafka to one sealed PostgreSQL, events/s to the floor"),
    "match_3000_vs_57": Limit("<=", 1.5, "matching, CPU with the most mappings to CPU with the fewest"),
    "match_hostile": Limit("<=", 4, "matching, CPU of events in which nothing repeats to CPU of ordinary ones"),
    "payload_bytes": Limit("<=", 0.30, "bytes on disk of the blocks to a table with a row per payload, SQLite"),
    "payload_bytes_postgres": Limit("<=", 0.30, "the same, PostgreSQL with its indexes and TOAST"),
    "status_5m_vs_1m": Limit("<=", 2.5, "status of 93 controls, 5 million evidence rows to 1 million (BENCH=full)"),
    "status_5x_rows": Limit("<=", 2.5, "the same, with five times the rows of this run's size"),
    "rss_mb": Limit("<=", 150, "MB, the largest worker process"),
    "rss_growth": Limit("<=", 1.1, "memory of a worker under full load, at the end to after a tenth"),
    "drift_p95_s": Limit("<", 2, "seconds from stream to alert received, under full load, 95 of 100 (the slowest setup)"),
}
