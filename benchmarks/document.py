"""The document of results/latest.json: what was measured, on what, and what it means."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.budget import BUDGET
from benchmarks.measure import Measured
from benchmarks.ratios import ratios, short, where
from benchmarks.sizes import Size


@dataclass(frozen=True, slots=True)
class Ran:
    """One stage's measurements, and the peak memory of its process (MB); or why it was left out."""

    stage: str
    measured: tuple[Measured, ...]
    peak_mb: float
    skipped: str = ""


def machine() -> str:
    """What this ran on, without its name."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        model = names[0] if names else model
    cores = len(os.sched_getaffinity(0))
    return f"{model}, {cores} CPUs, {platform.system()} {platform.release()}, Python {platform.python_version()}"


def document(ran: Sequence[Ran], size: Size, now: datetime) -> dict[str, Any]:
    """The document; what was not measured is null in it."""
    lines = {one.name: one for stage in ran for one in stage.measured}
    floor = lines.get("floor")
    found = ratios(lines, size)
    return {
        "machine": machine(),
        "date": f"{now.astimezone(UTC):%Y-%m-%d}",
        "size": size.name,
        "floor_events_per_s": round(floor.per_second) if floor else None,
        "ratios": found,
        "verdicts": {name: limit.verdict(found[name]) for name, limit in BUDGET.items()},
        "setups": [{"name": one.name} | where(one) for one in lines.values() if one.inside],
        "skipped": {stage.stage: stage.skipped for stage in ran if stage.skipped},
        "stages": [_line(one, stage.peak_mb, floor) for stage in ran for one in stage.measured],
    }


def _line(one: Measured, stage_peak: float, floor: Measured | None) -> dict[str, Any]:
    return {
        "name": one.name,
        "events": one.events,
        "seconds": short(one.seconds),
        "events_per_s": short(one.per_second),
        "events_per_cpu_s": short(one.events / one.cpu if one.cpu else 0.0),
        "ratio_to_floor": short(one.per_second / floor.per_second) if floor else None,
        "peak_mb": round(one.peak_mb or stage_peak),
        "cpu_seconds": {name: short(used) for name, used in one.processes.items()},
        "more": {name: short(value) for name, value in one.more.items()},
    }
