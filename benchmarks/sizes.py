"""How much is measured: BENCH=smoke (seconds, for the tests), default or full."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Size:
    """Numbers of events per stage, and the three numbers of mappings.

    `whole`: events of each end-to-end run. `rows`: evidence rows of the status stage, which grow by `growth`. `drifts`: alerts
    that are waited for. `lasting`: events of the run that looks at memory. `minutes`: about how long all of it takes.
    `shared`: all stages in one process, which says nothing about memory.
    """

    name: str
    minutes: float
    floor: int
    files: int
    match: int
    mappings: tuple[int, int, int]
    stored: int
    whole: int
    rows: int
    growth: int
    drifts: int
    lasting: int
    repeat: int
    shared: bool = False


SIZES: Final[Mapping[str, Size]] = {
    size.name: size
    for size in (
        Size("smoke", 0.6, 300, 300, 60, (40, 60, 150), 300, 10_000, 200, 5, 3, 6_000, 1, shared=True),
        Size("default", 11, 20_000, 20_000, 5_000, (57, 1000, 3000), 20_000, 60_000, 100_000, 5, 60, 300_000, 3),
        Size("full", 150, 200_000, 200_000, 50_000, (57, 1000, 3000), 100_000, 600_000, 1_000_000, 5, 300, 10_000_000, 5),
    )
}
