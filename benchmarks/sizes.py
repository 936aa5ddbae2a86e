"""How much is measured: BENCH=smoke (seconds, for the tests), default (about two minutes) or full."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Size:
    """Numbers of events per stage, and the three numbers of mappings. `rows` are evidence entries of the status stage."""

    name: str
    floor: int
    files: int
    match: int
    mappings: tuple[int, int, int]
    stored: int
    whole: int
    rows: int
    drifts: int
    repeat: int


SIZES: Final[Mapping[str, Size]] = {
    size.name: size
    for size in (
        Size("smoke", 300, 300, 60, (40, 60, 150), 300, 300, 200, 3, 1),
        Size("default", 20_000, 20_000, 2_000, (57, 1000, 3000), 10_000, 10_000, 5_000, 30, 3),
        Size("full", 200_000, 200_000, 20_000, (57, 1000, 3000), 100_000, 100_000, 100_000, 200, 5),
    )
}
