"""One stage in this process: `python -m benchmarks.child STAGE SIZE`. Prints measurements and peak memory as one JSON line."""

from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path

import msgspec
import structlog

from benchmarks.measure import peak_mb
from benchmarks.sizes import SIZES
from benchmarks.stages.registry import STAGES


def main(stage: str, size: str) -> None:
    """Run it."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory(prefix="attestream-bench-") as folder:
        measured = [
            {"name": m.name, "events": m.events, "seconds": m.seconds, "cpu": m.cpu, "more": dict(m.more)}
            for m in STAGES[stage](SIZES[size], Path(folder))
        ]
    print(msgspec.json.encode({"measured": measured, "peak_mb": peak_mb()}).decode())


if __name__ == "__main__":
    main(*sys.argv[1:])
