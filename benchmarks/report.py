"""What a run says: its tables, and the files that they are written to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.budget import BUDGET
from benchmarks.chart import chart

HERE: Final = Path(__file__).resolve().parent
LATEST: Final = HERE / "results" / "latest.json"
README: Final = HERE / "README.md"
CHART: Final = "latest.svg"
BEGIN: Final = "<!-- results -->"
END: Final = "<!-- end of results -->"
_BESIDE: Final = (
    ("store_bytes_per_event", "stream_bytes_per_event", "rss_after_10_percent_mb", "rss_at_end_mb", "cores_used_by_others"),
    ("p50_s", "p95_s", "p99_s", "load_events_per_s", "waiting_before"),
    ("block_bytes", "row_per_payload_bytes", "json_bytes"),
    ("growth",),
)


def table(found: Mapping[str, Any]) -> str:
    """The results as tables in Markdown: the budget first."""
    head = f"{found['date']}, size {found['size']}, {found['machine']}"
    parts = [head, _lines(list(_budget(found))), _lines(list(_others(found))), _lines(list(_stages(found)))]
    if found["setups"]:
        parts += [_lines(list(_where(found))), "\n".join(f"- {one['name']}: {one['held_back_by']}" for one in found["setups"])]
    parts += [text for names in _BESIDE if (text := _beside(found, names))]
    parts += [f"SKIPPED {stage}: {why}" for stage, why in found["skipped"].items()]
    return "\n\n".join(parts) + "\n"


def _budget(found: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    yield "budget", "what", "measured", "limit", "verdict"
    for name, limit in BUDGET.items():
        yield name, limit.about, _number(found["ratios"][name]), str(limit), found["verdicts"][name]


def _others(found: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    yield "other ratio", "measured"
    for name, value in found["ratios"].items():
        if name not in BUDGET:
            yield name, _number(value)


def _stages(found: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    yield "stage", "events/s", "per CPU second", "to floor", "peak MB"
    for one in found["stages"]:
        numbers = (f"{one['events_per_s']:,.0f}", f"{one['events_per_cpu_s']:,.0f}")
        yield one["name"], *numbers, _number(one["ratio_to_floor"]), str(one["peak_mb"])


def _where(found: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    kinds = ("workers", "seal", "postgres", "kafka")
    inside = ("read and decode", "judge and the rest", "append")
    yield "CPU, microseconds per event", *kinds, *(f"workers: {name}" for name in inside)
    for one in found["setups"]:
        used, within = one["cpu_us_per_event"], one["inside_workers_us_per_event"]
        yield one["name"], *(_number(used.get(kind)) for kind in kinds), *(_number(within.get(name)) for name in inside)


def _beside(found: Mapping[str, Any], names: Sequence[str]) -> str:
    """What lines say of these, where they say the first of them."""
    rows = [
        (one["name"], *(_number(one["more"].get(name)) for name in names)) for one in found["stages"] if names[0] in one["more"]
    ]
    return _lines([("measured beside", *(name.replace("_", " ") for name in names)), *rows]) if rows else ""


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"


_TEXTS: Final = frozenset({"what", "verdict"})


def _lines(rows: Sequence[Sequence[str]]) -> str:
    """A table: the first row is its head; words stand left, numbers right."""
    left = [n == 0 or name in _TEXTS for n, name in enumerate(rows[0])]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    places = list(zip(widths, left, strict=True))
    made = [
        "| " + " | ".join(cell.ljust(w) if at else cell.rjust(w) for cell, (w, at) in zip(row, places, strict=True)) + " |"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 1) + ("-" if at else ":") for width, at in places) + "|"
    return "\n".join([made[0], rule, *made[1:]])


def write(found: Mapping[str, Any], latest: Path = LATEST, readme: Path = README) -> None:
    """Write the JSON file, the chart beside it, and the tables between the marks of the README.

    Raises ValueError where the marks are missing; then the README is as it was.
    """
    latest.parent.mkdir(parents=True, exist_ok=True)
    latest.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    picture = latest.with_name(CHART)
    picture.write_text(chart(found), encoding="utf-8")
    text = readme.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ValueError(f"{readme}: the marks {BEGIN} and {END} must stand there once, in this order")
    before, after = text[: text.index(BEGIN)], text[text.index(END) :]
    shown = f"![Throughput of each setup, and where its CPU goes]({picture.relative_to(readme.parent).as_posix()})"
    readme.write_text(f"{before}{BEGIN}\n\n{shown}\n\n{table(found)}\n{after}", encoding="utf-8")
