"""A chart of one run as SVG, readable on light and dark ground: throughput to the floor by setup, and CPU by process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, Final

from benchmarks.budget import BUDGET
from benchmarks.setups import SETUPS

WIDTH: Final = 860
LEFT: Final = 250
RIGHT: Final = 100
ROW: Final = 30
BAR: Final = 18
TOP: Final = 56
GAP: Final = 78
KINDS: Final = {
    "workers: read and decode": "read",
    "workers: judge and the rest": "judge",
    "workers: append": "append",
    "seal": "seal",
    "postgres": "postgres",
    "kafka": "kafka",
}
"""Parts of the second panel: label and class, in order."""
_STYLE: Final = """
svg { font: 13px system-ui, sans-serif; --ink: #1f2328; --faint: #656d76; --line: #d0d7de; --ground: #ffffff }
.ink { fill: var(--ink) } .faint { fill: var(--faint) } .head { font-weight: 600; font-size: 15px }
.ground { fill: var(--ground) } .axis { stroke: var(--line) } .limit { stroke: #cf222e; stroke-width: 2; stroke-dasharray: 4 3 }
.met { fill: #1a7f37 } .missed { fill: #bf8700 }
.read { fill: #0969da } .judge { fill: #54aeff } .append { fill: #8250df } .seal { fill: #c297ff }
.postgres { fill: #bc4c00 } .kafka { fill: #6e7781 }
@media (prefers-color-scheme: dark) {
  svg { --ink: #e6edf3; --faint: #9198a1; --line: #3d444d; --ground: #0d1117 }
  .limit { stroke: #ff7b72 } .met { fill: #3fb950 } .missed { fill: #d29922 }
}
"""


def chart(found: Mapping[str, Any]) -> str:
    """The chart of a document (document.py)."""
    ratios = [(setup.name, setup.key, found["ratios"][setup.key]) for setup in SETUPS]
    setups = [one for one in found["setups"] if one["name"].startswith(tuple(setup.name for setup in SETUPS))]
    second = TOP + len(ratios) * ROW + GAP
    height = second + len(setups) * ROW + 50
    title = f"Attestream, {found['date']}, size {found['size']}: {found['machine']}"
    body = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">',
        f"<style>{_STYLE}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{height}" rx="6"/>',
        *_throughput(ratios),
        *_where(setups, second),
        _text(16, height - 14, title, "faint"),
        "</svg>",
    ]
    return "\n".join(body) + "\n"


def _throughput(ratios: Sequence[tuple[str, str, float | None]]) -> Iterator[str]:
    yield _text(16, 28, "Events per second, stream to sealed store, as a part of the floor", "ink head")
    limits = {key: BUDGET[key].value for _, key, _ in ratios}
    scale = (WIDTH - LEFT - RIGHT) / max(*limits.values(), *(value or 0.0 for _, _, value in ratios), 1e-9)
    for number, (name, key, value) in enumerate(ratios):
        y = TOP + number * ROW
        yield _text(LEFT - 10, y + 14, name, "ink", "end")
        if value is not None:
            kind = "met" if BUDGET[key].verdict(value) == "met" else "missed"
            yield _bar(LEFT, y, value * scale, kind, f"{name}: {value:g} of the floor")
        at = LEFT + limits[key] * scale
        yield f'<line class="limit" x1="{at:.1f}" y1="{y - 4}" x2="{at:.1f}" y2="{y + BAR + 4}"/>'
        said = "not measured" if value is None else f"{value:g}"
        end = LEFT + (value or 0.0) * scale
        yield _text((max(end, at) if at - end < 60 else end) + 8, y + 14, said, "ink")
    yield _text(LEFT, TOP + len(ratios) * ROW + 12, "dashed: the budget; green: met", "faint")


def _where(setups: Sequence[Mapping[str, Any]], top: int) -> Iterator[str]:
    if not setups:
        return
    yield _text(16, top - 36, "Where the time goes: CPU microseconds per event, by process", "ink head")
    yield from _legend(top - 18)
    parts = [_parts(one) for one in setups]
    scale = (WIDTH - LEFT - RIGHT) / max(sum(row.values()) for row in parts)
    for number, (one, row) in enumerate(zip(setups, parts, strict=True)):
        y, x = top + number * ROW, float(LEFT)
        yield _text(LEFT - 10, y + 14, _short(one["name"]), "ink", "end")
        for label, value in row.items():
            yield _bar(x, y, value * scale, KINDS[label], f"{label}: {value:.3g} µs")
            x += value * scale
        yield _text(x + 8, y + 14, f"{sum(row.values()):.0f} µs", "ink")


def _parts(one: Mapping[str, Any]) -> dict[str, float]:
    used = {f"workers: {name}": value for name, value in one["inside_workers_us_per_event"].items()} | one["cpu_us_per_event"]
    return {label: float(used.get(label) or 0.0) for label in KINDS}


def _legend(y: int) -> Iterator[str]:
    x = 16
    for label, kind in KINDS.items():
        yield f'<rect class="{kind}" x="{x}" y="{y - 10}" width="11" height="11" rx="2"/>'
        yield _text(x + 16, y, label, "faint")
        x += 34 + len(label) * 7


def _short(name: str) -> str:
    """A setup's name as far as there is room for it."""
    words = name.replace(" mappings", "").replace("PostgreSQL", "PG").replace(" worker", "w").replace("ws", "w")
    return words.replace(", retain matched", "").replace("retain ", "")


def _bar(x: float, y: float, width: float, kind: str, title: str) -> str:
    place = f'x="{x:.1f}" y="{y:g}" width="{max(width, 0.5):.1f}" height="{BAR}"'
    return f'<rect class="{kind}" {place}><title>{escape(title)}</title></rect>'


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>'
