"""The floor: decode with msgspec and SHA-256 of the raw bytes, one core, in memory. Everything else is a ratio to it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchmarks.events import payloads
from benchmarks.measure import Measured, best
from benchmarks.sizes import Size


def floor(size: Size, _folder: Path) -> Iterator[Measured]:
    """Decode and hash every payload."""
    bodies = payloads(size.floor)

    def work() -> None:
        for body in bodies:
            msgspec.json.decode(body)
            hashlib.sha256(body).digest()

    watch = best(max(3, size.repeat), work)
    mean = sum(map(len, bodies)) / len(bodies)
    yield Measured("floor", len(bodies), watch.seconds, watch.cpu, {"bytes_per_event": mean})
