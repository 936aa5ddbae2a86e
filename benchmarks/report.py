"""What a run says: the table, the ratios of the performance budget, the JSON file, and the table in README.md."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.measure import Measured
from benchmarks.sizes import Size

HERE: Final = Path(__file__).resolve().parent
LATEST: Final = HERE / "results" / "latest.json"
README: Final = HERE / "README.md"
BEGIN: Final = "<!-- results -->"
END: Final = "<!-- end of results -->"
NOT_YET: Final = ("one_worker_postgres", "two_workers_postgres", "status_5m_vs_1m")
"""Ratios of backends and sizes that this version does not measure."""
BUDGET: Final[Mapping[str, str]] = {
    "one_worker_sqlite": ">= 0.10",
    "match_3000_vs_57": "<= 1.5",
    "match_hostile": "<= 4",
    "payload_bytes": "<= 0.30",
    "rss_mb": "<= 150",
    "drift_p95_s": "< 2",
}


@dataclass(frozen=True, slots=True)
class Ran:
    """One stage's measurements, and the peak memory of its process (MB)."""

    stage: str
    measured: tuple[Measured, ...]
    peak_mb: float


def machine() -> str:
    """What this ran on, without its name."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        model = names[0] if names else model
    cores = len(os.sched_getaffinity(0))
    return f"{model}, {cores} CPUs, {platform.system()} {platform.release()}, Python {platform.python_version()}"


def ratios(ran: Sequence[Ran], size: Size) -> dict[str, float | None]:
    """The ratios by name; None for what this version has not."""
    lines = {one.name: one for stage in ran for one in stage.measured}
    more = {name: value for one in lines.values() for name, value in one.more.items()}
    floor = lines["floor"].per_second
    few, some, many = (_cost(lines[f"match, {count} mappings"]) for count in size.mappings)
    hostile = _cost(lines[f"match hostile, {size.mappings[1]} mappings"])
    worker = {kind: lines[f"one worker, stream to sealed store (retain: {kind})"] for kind in ("matched", "all")}
    growth = [one.more["growth"] for one in lines.values() if "growth" in one.more]
    found: dict[str, float | None] = {
        "one_worker_sqlite": worker["matched"].per_second / floor,
        "one_worker_sqlite_cpu": _cost(lines["floor"]) / _cost(worker["matched"]),
        "one_worker_sqlite_retain_all": worker["all"].per_second / floor,
        "directory_to_sealed_store": lines["directory to sealed store (run --once)"].per_second / floor,
        "match_3000_vs_57": many / few,
        "match_hostile": hostile / some,
        "payload_bytes": more["payload_bytes"],
        "status_5x_rows": max(growth),
        "rss_mb": next(stage.peak_mb for stage in ran if stage.stage == "worker"),
        "drift_p50_s": more["drift_p50_s"],
        "drift_p95_s": more["drift_p95_s"],
    }
    return {**dict.fromkeys(NOT_YET), **{name: _round(value) for name, value in found.items()}}


def _cost(one: Measured) -> float:
    """CPU seconds per event: what is computed costs that, whatever else the machine does meanwhile."""
    return one.cpu / one.events


def _round(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.3g}")


def document(ran: Sequence[Ran], size: Size, now: datetime) -> dict[str, Any]:
    """The document of results/latest.json."""
    floor = next(one for stage in ran for one in stage.measured if one.name == "floor")
    return {
        "machine": machine(),
        "date": f"{now.astimezone(UTC):%Y-%m-%d}",
        "size": size.name,
        "floor_events_per_s": round(floor.per_second),
        "ratios": ratios(ran, size),
        "stages": [
            {
                "name": one.name,
                "events": one.events,
                "events_per_s": _round(one.per_second),
                "events_per_cpu_s": _round(one.events / one.cpu if one.cpu else 0.0),
                "ratio_to_floor": _round(one.per_second / floor.per_second),
                "peak_mb": round(stage.peak_mb),
            }
            for stage in ran
            for one in stage.measured
        ],
    }


def table(found: Mapping[str, Any]) -> str:
    """The results as a table in Markdown."""
    rows = [("stage", "events/s", "per CPU second", "to floor", "peak MB")]
    for one in found["stages"]:
        numbers = (one["events_per_s"], one["events_per_cpu_s"])
        rows.append((one["name"], *(f"{n:,.0f}" for n in numbers), f"{one['ratio_to_floor']:.3g}", str(one["peak_mb"])))
    head = f"{found['date']}, size {found['size']}, {found['machine']}"
    limits = [("ratio", "measured", "budget")]
    for name, value in found["ratios"].items():
        limits.append((name, "-" if value is None else f"{value:g}", BUDGET.get(name, "")))
    return f"{head}\n\n{_lines(rows)}\n\n{_lines(limits)}\n"


def _lines(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    made = [
        "| " + " | ".join(_padded(cell, width, n) for n, (cell, width) in enumerate(zip(row, widths, strict=True))) + " |"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 1) + ("-" if n == 0 else ":") for n, width in enumerate(widths)) + "|"
    return "\n".join([made[0], rule, *made[1:]])


def _padded(cell: str, width: int, column: int) -> str:
    return cell.ljust(width) if column == 0 else cell.rjust(width)


def write(found: Mapping[str, Any], latest: Path = LATEST, readme: Path = README) -> None:
    """Write the JSON file, and the table between the marks of the README. Raises ValueError where the marks are missing."""
    latest.parent.mkdir(parents=True, exist_ok=True)
    latest.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    text = readme.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ValueError(f"{readme}: the marks {BEGIN} and {END} must stand there once, in this order")
    before, after = text[: text.index(BEGIN)], text[text.index(END) :]
    readme.write_text(f"{before}{BEGIN}\n\n{table(found)}\n{after}", encoding="utf-8")
