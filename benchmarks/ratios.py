"""What a run's lines say: the ratios of the performance budget, and where the time of each setup goes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

from benchmarks.measure import Measured
from benchmarks.setups import SETUPS, Setup, line
from benchmarks.sizes import Size
from benchmarks.stages.lasting import NAME as LASTING

BUSY: Final = 0.9
"""From this share on somebody counts as fully busy."""
HOSTILE: Final = ("hostile", "crafted")
_OTHERS: Final = 0.1
"""Cores that others may use before a run counts as disturbed."""
_MILLION: Final = 1_000_000
Ratios = dict[str, float | None]


def ratios(lines: Mapping[str, Measured], size: Size) -> Ratios:
    """The ratios by name; None for what was not measured."""
    found: Ratios = {}
    for setup in SETUPS:
        found |= _whole(setup, lines, size)
    found["two_vs_one_worker"] = _over(found["two_workers_postgres"], found["one_worker_postgres"])
    found["directory_to_sealed_store"] = _to_floor(lines, "directory to sealed store (run --once)")
    return {name: short(value) for name, value in (found | _parts(lines, size) | _memory(lines) | _drift(lines)).items()}


def _whole(setup: Setup, lines: Mapping[str, Measured], size: Size) -> Ratios:
    few, some, many = size.mappings
    one, floor = lines.get(line(setup, some)), lines.get("floor")
    return {
        setup.key: _to_floor(lines, line(setup, some)),
        f"{setup.key}_cpu": cost(floor) / cost(one) if one and floor else None,
        f"{setup.key}_57_mappings": _to_floor(lines, line(setup, few)),
        f"{setup.key}_3000_mappings": _to_floor(lines, line(setup, many)),
        f"{setup.key}_retain_all": _to_floor(lines, line(setup, some, retain_all=True)),
    }


def _parts(lines: Mapping[str, Measured], size: Size) -> Ratios:
    few, some, many = (_cost_of(lines, f"match, {count} mappings") for count in size.mappings)
    hostile = [cost(lines[name]) for name in (f"match {kind}, {size.mappings[1]} mappings" for kind in HOSTILE) if name in lines]
    growth = [one.more["growth"] for one in lines.values() if "growth" in one.more]
    worst = max(growth) if growth else None
    found: Ratios = {
        "match_3000_vs_57": _over(many, few),
        "match_hostile": _over(max(hostile) if hostile else None, some),
        "status_5x_rows": worst,
        "status_5m_vs_1m": worst if size.rows == _MILLION else None,
    }
    for key, name in (("payload_bytes", "SQLite"), ("payload_bytes_postgres", "PostgreSQL")):
        one = lines.get(f"payloads on disk, {name}, retain all")
        found[key] = one.more["block_bytes"] / one.more["row_per_payload_bytes"] if one else None
    return found


def _memory(lines: Mapping[str, Measured]) -> Ratios:
    peaks = [one.peak_mb for one in lines.values() if one.peak_mb]
    lasting = next((one for name, one in lines.items() if name.startswith(LASTING)), None)
    more = lasting.more if lasting else {}
    return {
        "rss_mb": max(peaks) if peaks else None,
        "rss_growth": _over(more.get("rss_at_end_mb"), more.get("rss_after_10_percent_mb")),
    }


def _drift(lines: Mapping[str, Measured]) -> Ratios:
    drifts = [one for name, one in lines.items() if name.startswith("drift")]
    slowest = max(drifts, key=lambda one: one.more["p95_s"]).more if drifts else {}
    return {f"drift_{name}": slowest.get(name) for name in ("p50_s", "p95_s", "p99_s")}


def where(one: Measured) -> dict[str, Any]:
    """Where the time of an end-to-end run goes: microseconds of CPU per event, how busy the cores were, what holds it back."""
    cores = os.cpu_count() if not hasattr(os, "sched_getaffinity") else len(os.sched_getaffinity(0))
    shares = {name: used / one.seconds for name, used in one.processes.items()}
    return {
        "cpu_us_per_event": {name: short(used / one.events * 1e6) for name, used in one.processes.items()},
        "inside_workers_us_per_event": {name: short(used / one.events * 1e6) for name, used in one.inside.items()},
        "cores_used": {name: short(share) for name, share in shares.items()},
        "held_back_by": _held(one, shares, cores or 1) + _disturbed(one.more.get("cores_used_by_others", 0.0)),
    }


def _held(one: Measured, shares: Mapping[str, float], cores: int) -> str:
    """One sentence, from what was measured."""
    busy, own = sum(shares.values()) / cores, shares["workers"] / one.workers
    largest = max(one.inside, key=lambda name: one.inside[name])
    part = f"{largest} is {one.inside[largest] / max(one.processes['workers'], 1e-9):.0%} of that"
    if busy >= BUSY and own < BUSY:
        used = ", ".join(f"{name} {share / cores / busy:.0%}" for name, share in shares.items())
        return f"the machine: {cores} cores are {busy:.0%} busy ({used}); in the workers, {part}"
    if own >= BUSY:
        whose = "the worker's own CPU" if one.workers == 1 else "the workers' own CPU"
        return f"{whose}: a core is {own:.0%} busy with each; {part}"
    return f"waiting (commits, locks, polls): a worker computes {own:.0%} of the time, the cores are {busy:.0%} busy; {part}"


def _disturbed(others: float) -> str:
    """A warning where the machine was not this run's alone."""
    return f"; NOT QUIET: others used {others:.2g} cores meanwhile, wall clock says little" if others > _OTHERS else ""


def cost(one: Measured) -> float:
    """CPU seconds per event: what is computed costs that, whatever else the machine does meanwhile."""
    return one.cpu / one.events


def short(value: float | None) -> float | None:
    """Three digits that count."""
    return None if value is None else float(f"{value:.3g}")


def _cost_of(lines: Mapping[str, Measured], name: str) -> float | None:
    return cost(lines[name]) if name in lines else None


def _to_floor(lines: Mapping[str, Measured], name: str) -> float | None:
    if name not in lines or "floor" not in lines:
        return None
    return lines[name].per_second / lines["floor"].per_second


def _over(one: float | None, other: float | None) -> float | None:
    return one / other if one is not None and other else None
