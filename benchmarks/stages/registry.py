"""Every stage there is: one line each. Each runs in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from benchmarks.measure import Stage
from benchmarks.stages.collecting import collect
from benchmarks.stages.drift import drift
from benchmarks.stages.floor import floor
from benchmarks.stages.matching import match
from benchmarks.stages.sources import SOURCES
from benchmarks.stages.storing import append, status
from benchmarks.stages.streaming import stream
from benchmarks.stages.whole import directory, worker

STAGES: Final[Mapping[str, Stage]] = {
    "floor": floor,
    "collect": collect,
    **SOURCES,
    "stream": stream,
    "match": match,
    "append": append,
    "worker": worker,
    "directory": directory,
    "status": status,
    "drift": drift,
}
