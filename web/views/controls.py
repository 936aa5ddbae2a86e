"""The 93 controls: the map by theme, the tally, and filters by the five attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Query

from store.records import ControlState
from store.reports import ControlStatus
from web.catalogue import ATTRIBUTES, THEMES, Catalogue, ControlInfo, order, values_of
from web.params import LONGEST, read_choice
from web.site import SiteOf

ORDER: Final = ("satisfied", "not-satisfied", "stale", "not-assessed", "not-applicable")
"""States in the order of the legend."""


@dataclass(frozen=True, slots=True)
class ControlFilter:
    """Which controls are shown: a value for some of the five attributes, a state, a theme; "" or absent means any."""

    attributes: Mapping[str, str]
    state: str = ""
    theme: str = ""

    def params(self) -> dict[str, str]:
        """The parameters that filter the same way."""
        return {**self.attributes, "state": self.state, "theme": self.theme}

    def fits(self, info: ControlInfo, status: ControlStatus) -> bool:
        """True when the control is to be shown."""
        if any(value and value not in info.attributes.get(name, ()) for name, value in self.attributes.items()):
            return False
        return self.state in ("", status.state.value) and self.theme in ("", info.theme)


Text = Annotated[str, Query(max_length=LONGEST)]


def attribute_filter(
    site: SiteOf,
    control_type: Text = "",
    properties: Text = "",
    concepts: Text = "",
    capabilities: Text = "",
    domains: Text = "",
) -> dict[str, str]:
    """Read the five attributes from the address. Raises BadParameter that names a value's nearest."""
    given = (control_type, properties, concepts, capabilities, domains)
    chosen = {}
    for (name, _), value in zip(ATTRIBUTES, given, strict=True):
        chosen[name] = read_choice(name, value, [v for v, _ in values_of(site.catalogue, name)]) or ""
    return chosen


AttributeFilter = Annotated[dict[str, str], Depends(attribute_filter)]


def control_filter(attributes: AttributeFilter, state: Text = "", theme: Text = "") -> ControlFilter:
    """Read every filter of the list of controls from the address."""
    chosen = read_choice("state", state, ORDER) or ""
    return ControlFilter(attributes, chosen, read_choice("theme", theme, [name for name, _ in THEMES]) or "")


FilterParam = Annotated[ControlFilter, Depends(control_filter)]


def status_of(statuses: Mapping[str, ControlStatus], control_id: str) -> ControlStatus:
    """A control's status; one that the store has no row of is not assessed."""
    found = statuses.get(control_id)
    return found or ControlStatus(control_id, ControlState.NOT_ASSESSED, None, 0, 0, 0, 0, None, None)


@dataclass(frozen=True, slots=True)
class Tile:
    """One control on the map."""

    info: ControlInfo
    status: ControlStatus


@dataclass(frozen=True, slots=True)
class ThemeRow:
    """The tiles of a theme; `total` is how many controls it has without the filter."""

    name: str
    word: str
    tiles: Sequence[Tile]
    total: int


def theme_rows(catalogue: Catalogue, statuses: Mapping[str, ControlStatus], wanted: ControlFilter) -> list[ThemeRow]:
    """The map: every theme with the controls that fit, in the order of their numbers."""
    rows = []
    for name, word in THEMES:
        all_of = sorted((info for info in catalogue.values() if info.theme == name), key=lambda info: order(info.id))
        tiles = [Tile(info, status_of(statuses, info.id)) for info in all_of]
        rows.append(ThemeRow(name, word, [t for t in tiles if wanted.fits(t.info, t.status)], len(all_of)))
    return rows


def tally(tiles: Sequence[Tile]) -> list[tuple[str, int]]:
    """How many of each state; the first four always, not applicable only where there is one."""
    counts = {state: sum(tile.status.state.value == state for tile in tiles) for state in ORDER}
    return [(state, n) for state, n in counts.items() if n or state != "not-applicable"]


@dataclass(frozen=True, slots=True)
class Segment:
    """One piece of the tally bar, in thousandths of its width."""

    state: str
    x: float
    width: float


def segments(counts: Sequence[tuple[str, int]], gap: float = 2.0, least: float = 4.0) -> list[Segment]:
    """Pieces of a bar of 1000 in proportion to the counts. A piece that is there at all can be seen."""
    present = [(state, n) for state, n in counts if n]
    total = sum(n for _, n in present)
    room = 1000 - gap * max(len(present) - 1, 0)
    widths = [max(least, room * n / total) for _, n in present]
    scale = room / sum(widths) if widths else 1.0
    pieces, x = [], 0.0
    for (state, _), width in zip(present, widths, strict=True):
        pieces.append(Segment(state, round(x, 2), round(width * scale, 2)))
        x += width * scale + gap
    return pieces
