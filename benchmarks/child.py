"""Stages in this process: `python -m benchmarks.child STAGE[,STAGE]… SIZE PARTS`. Prints how far it is, and a line for each stage
that has ended: its measurements, and the peak memory of this process."""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import structlog

from benchmarks.document import Ran
from benchmarks.measure import Measured, peak_mb
from benchmarks.parts import Parts
from benchmarks.processes import end_on_sigterm
from benchmarks.sizes import SIZES, Size
from benchmarks.stages.registry import SERVED, STAGES


def main(arguments: Sequence[str]) -> None:
    """Run it."""
    end_on_sigterm()
    stages, size, servers = arguments
    parts = msgspec.json.decode(servers, type=Parts, dec_hook=_path)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR), logger_factory=_to_stderr)
    for stage in stages.split(","):
        with tempfile.TemporaryDirectory(prefix="attestream-bench-") as folder:
            measured = tuple(_stage(stage, SIZES[size], Path(folder), parts))
        print(msgspec.json.encode(Ran(stage, measured, peak_mb())).decode(), flush=True)


def _stage(stage: str, size: Size, folder: Path, parts: Parts) -> Iterator[Measured]:
    return SERVED[stage][1](size, folder, parts) if stage in SERVED else STAGES[stage](size, folder)


def _path(_kind: type, value: Any) -> Any:
    return Path(value)


def _to_stderr(*_: object) -> Any:
    return structlog.PrintLogger(sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
