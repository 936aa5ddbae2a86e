"""Parts of a window that only its events name: the accounts and Regions that somebody's log or findings say.

What could not be had or understood might have held something of any part. So it makes all of them incomplete, and cuts the
coverage of all of them, of those known from earlier windows too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from collectors.base import Report, Window
from collectors.coverage import Times, covers, later_cuts
from store.records import Event

MAX_ERRORS: Final = 10
"""Errors that are named per part."""
MAX_PLACES: Final = 1000
"""Parts that a window tells apart."""
MAX_KNOWN: Final = 200
"""Parts that a cursor remembers."""
TOO_MANY: Final = f"more than {MAX_PLACES} accounts and Regions"


@dataclass(slots=True)
class _Place:
    times: Times = field(default_factory=Times)
    read: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Places:
    """Counts a window's events by part. `account` and `kind`: part and event type where nothing was read."""

    window: Window
    account: str
    kind: str
    _places: dict[str, _Place] = field(default_factory=dict, init=False)
    _cut: set[int] = field(default_factory=set, init=False)
    _errors: list[str] = field(default_factory=list, init=False)

    def count(self, event: Event) -> str:
        """Count an event; returns its part."""
        name = event.part
        place = self._places.get(name)
        if place is None:
            if len(self._places) >= MAX_PLACES:
                name = TOO_MANY
            place = self._places.setdefault(name, _Place())
        place.read[event.type] = place.read.get(event.type, 0) + 1
        return name

    def delivered(self, names: Iterable[str], time: int) -> None:
        """Something of these parts was delivered then, and understood."""
        for name in names:
            self._places[name].times.good.add(time)

    def spoil(self, time: int, text: str) -> None:
        """Something delivered then could not be had or understood; `text` says what."""
        self._cut.add(time)
        if len(self._errors) < MAX_ERRORS:
            self._errors.append(text)

    def finish(self, report: Report) -> None:
        """Report the parts."""
        if not self._places and self._cut:
            self._places[self.account] = _Place(read={self.kind: 0})
        for name, place in sorted(self._places.items()):
            whole = not self._cut and name != TOO_MANY
            errors = [f"{TOO_MANY}: correct fields: account and region"] if name == TOO_MANY else self._errors
            for kind, read in sorted(place.read.items()):
                report.part(name, kind, complete=whole, read=read, errors=errors)

    def cover(self, report: Report, now: int) -> Mapping[str, Any]:
        """Report what is covered; returns what the cursor has to hold of it."""
        cuts = self.window.cursor.get("cuts", {})
        known = self.window.cursor.get("places", ())
        names = [name for name in dict.fromkeys([*sorted(self._places), *known]) if name != TOO_MANY]
        times = {name: self._times(name) for name in names}
        found = [cover for name in names for cover in covers(name, times[name], cuts)]
        report.covered(found)
        return {"cuts": later_cuts(times, found, cuts, now), "places": names[:MAX_KNOWN]}

    def _times(self, name: str) -> Times:
        place = self._places.get(name, _Place())
        return Times(place.times.good, self._cut | place.times.cut)
