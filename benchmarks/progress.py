"""How far it is. A stage says so on its standard output, a line each; whoever started it shows bars on a terminal, else lines."""

from __future__ import annotations

import sys
import time
from types import TracebackType

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


class Told(msgspec.Struct, frozen=True, tag="progress"):
    """A stage is at `done` of `total` of something."""

    label: str
    done: int
    total: int


def step(label: str, done: int, total: int) -> None:
    """Say how far this stage is with something."""
    sys.stdout.write(msgspec.json.encode(Told(label, done, total)).decode() + "\n")
    sys.stdout.flush()


def read(line: str) -> Told | None:
    """What such a line says; None for another."""
    try:
        return msgspec.json.decode(line, type=Told)
    except msgspec.MsgspecError:
        return None


class Shown:
    """Context manager: shows the stages of a run on stderr."""

    def __init__(self, stages: int) -> None:
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bars = Progress(*columns, console=console) if console.is_terminal else None
        self._of = stages
        self._done = 0
        self._stage = ""
        self._began = 0.0
        self._all: TaskID | None = None
        self._one: TaskID | None = None

    def __enter__(self) -> Shown:
        if self._bars is not None:
            self._bars.start()
            self._all = self._bars.add_task("benchmarks", total=self._of)
            self._one = self._bars.add_task("", total=None)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bars is not None:
            self._bars.stop()

    def begin(self, stage: str) -> None:
        """A stage begins ("": there is no other)."""
        self._stage, self._began = stage, time.monotonic()
        if self._bars is not None and self._one is not None:
            self._bars.reset(self._one, total=None, description=stage)

    def told(self, told: Told) -> None:
        """It says how far it is. Without a terminal only its end is worth a line."""
        if self._bars is not None and self._one is not None:
            self._bars.update(self._one, description=f"{self._stage}: {told.label}", completed=told.done, total=told.total)

    def end(self, stage: str, note: str = "") -> None:
        """A stage has ended, or is left out for the reason in `note`."""
        self._done += 1
        text = f"[{self._done}/{self._of}] {stage}: {note or f'{time.monotonic() - self._began:.1f} s'}"
        if self._bars is None:
            print(text, file=sys.stderr, flush=True)
        else:
            self._bars.print(text, markup=False, highlight=False)
            if self._all is not None:
                self._bars.advance(self._all)
