"""Every stage there is: one line each, in the order in which they run. Each runs in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from benchmarks.measure import Served, Stage
from benchmarks.stages.collecting import collect
from benchmarks.stages.directory import directory
from benchmarks.stages.drift import drift_embedded, drift_served
from benchmarks.stages.floor import floor
from benchmarks.stages.lasting import lasting
from benchmarks.stages.matching import match
from benchmarks.stages.sources import SOURCES
from benchmarks.stages.space import space, space_postgres
from benchmarks.stages.status import status, status_postgres
from benchmarks.stages.storing import append
from benchmarks.stages.streaming import stream, stream_kafka
from benchmarks.stages.whole import embedded, kafka

STAGES: Final[Mapping[str, Stage]] = {
    "floor": floor,
    "collect": collect,
    **SOURCES,
    "stream": stream,
    "match": match,
    "append": append,
    "space": space,
    "directory": directory,
    "status": status,
}
SERVED: Final[Mapping[str, tuple[tuple[str, ...], Served]]] = {
    "embedded": ((), embedded),
    "drift": ((), drift_embedded),
    "stream-kafka": (("kafka",), stream_kafka),
    "space-postgres": (("postgres",), space_postgres),
    "status-postgres": (("postgres",), status_postgres),
    "kafka": (("kafka",), kafka),
    "drift-kafka": (("kafka", "postgres"), drift_served),
    "lasting": ((), lasting),
}
"""Stages that use workers or servers, and the servers that each cannot do without."""
ORDER: Final = (*STAGES, *SERVED)
_ALSO: Final[Mapping[str, tuple[str, ...]]] = {"kafka": ("postgres",), "lasting": ("kafka", "postgres")}
"""Servers that a stage uses where they are there, and does without where they are not."""


def uses(stage: str) -> tuple[str, ...]:
    """The servers that a stage has a use for."""
    return (*(SERVED[stage][0] if stage in SERVED else ()), *_ALSO.get(stage, ()))
