"""Collecting: delivered files are unzipped, sliced and checked; nothing is published."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.events import payloads, write_files
from benchmarks.measure import Measured, best
from benchmarks.sizes import Size
from collectors.base import Window
from collectors.registry import build, read_settings
from collectors.report import Silent, WindowReport
from store.times import wall_clock


def collect(size: Size, folder: Path) -> Iterator[Measured]:
    """Read a directory of files through the collector itself."""
    bodies = payloads(size.files)
    write_files(bodies, folder)
    del bodies
    settings = read_settings({"name": "bench", "type": "cloudtrail-files", "path": str(folder)})

    def work() -> int:
        window = Window("bench", "bench", 0, wall_clock() + 1, {})
        return sum(1 for _ in build(settings).collect(window, WindowReport(Silent(), {})))

    if (count := work()) != size.files:
        raise AssertionError(f"{count} of {size.files} records were read")
    watch = best(size.repeat, work)
    yield Measured("collect files (gunzip, slice, check)", size.files, watch.seconds, watch.cpu)
