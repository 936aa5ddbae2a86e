"""What people and scripts see: stdout is data, stderr is for people. Text from outside never reaches a terminal raw."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from store.text import clean_text
from store.times import format_time

STATE_MARKS: Final = {
    "satisfied": ("●", "green"),
    "not-satisfied": ("◆", "red"),
    "stale": ("◐", "yellow"),
    "not-assessed": ("○", "bright_black"),
    "not-applicable": ("○", "bright_black"),
    "accepted": ("◇", "yellow"),
    "valid": ("●", "green"),
    "waiting": ("◐", "yellow"),
    "expired": ("◐", "yellow"),
    "rejected": ("◆", "red"),
    "revoked": ("○", "bright_black"),
}


def err() -> Console:
    """The console for people, on stderr."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def out() -> Console:
    """The console for tables, on stdout."""
    width = None if sys.stdout.isatty() else 160
    return Console(highlight=False, width=width)


def shown(text: str) -> str:
    """Text as a terminal may have it: what is not printable (ESC, BEL, bidirectional marks …) becomes a backslash escape."""
    clean = clean_text(text)
    if clean.isprintable():
        return clean
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode("ascii") for c in clean)


def say(text: str) -> None:
    """A line for people."""
    err().print(Text(shown(text)))


def emit(value: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(_json(value, 2) + "\n")


def _json(value: Any, indent: int | None = None) -> str:
    """JSON in which what a terminal would obey is escaped as JSON escapes it; other letters stay as they are."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] if c != "\x7f" else "\\u007f" for c in text)


def emit_lines(values: Iterable[Any]) -> None:
    """JSON lines on stdout."""
    for value in values:
        sys.stdout.write(_json(value) + "\n")


def write(text: str) -> None:
    """Lines of text on stdout."""
    sys.stdout.write(shown(text.removesuffix("\n")) + "\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[str] = ()) -> None:
    """A plain table on stdout. Cells are text, or Text made by `mark`."""
    grid = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        grid.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(cell if isinstance(cell, Text) else Text(shown(str(cell))) for cell in row))
    out().print(grid)


def mark(state: str) -> Text:
    """A state as a shape, a colour and a word."""
    shape, colour = STATE_MARKS.get(state, ("·", "default"))
    return Text(f"{shape} {state}", style=colour)


def facts(pairs: Mapping[str, Any]) -> None:
    """Names and values, one a line."""
    width = max((len(name) for name in pairs), default=0)
    console = out()
    for name, value in pairs.items():
        console.print(Text(f"{name:<{width}}  ", style="dim") + (value if isinstance(value, Text) else Text(shown(str(value)))))


def moment(micros: int | None) -> str:
    """A time for people: to the second, UTC."""
    return format_time(micros)[:19].replace("T", " ") + "Z" if micros is not None else "never"


class Bar:
    """A collector's Progress, drawn on a terminal."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("starting", total=None, detail="")
        self._files = 0
        self._events = 0

    def describe(self, text: str) -> None:
        """What is being done now."""
        self._progress.update(self._task, description=shown(text))

    def advance(self, *, files: int = 0, events: int = 0) -> None:
        """More was read."""
        self._files += files
        self._events += events
        self._progress.update(self._task, detail=f"{self._files:,} files, {self._events:,} events")


@contextmanager
def collecting() -> Iterator[Bar]:
    """A progress line for collection; draws only on a terminal."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("[dim]{task.fields[detail]}"), TimeElapsedColumn())
    with Progress(*columns, console=err(), transient=True, disable=not sys.stderr.isatty()) as progress:
        yield Bar(progress)


@contextmanager
def counting(what: str) -> Iterator[Any]:
    """A bar for work of known length: call it with (done, total)."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err(), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(what, total=None)

        def advance(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        yield advance
