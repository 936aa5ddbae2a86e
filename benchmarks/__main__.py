"""`python -m benchmarks [STAGE]…`: run the stages, each in a process of its own. BENCH=smoke|default|full says how much.

Progress goes to stderr, the table to stdout. With all stages, results/latest.json and the table in README.md are written
(BENCH_RESULTS names another folder for both).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measure import Measured
from benchmarks.report import HERE, LATEST, README, Ran, document, table, write
from benchmarks.sizes import SIZES, Size
from benchmarks.stages.sources import SOURCES

ORDER = ("floor", "collect", *SOURCES, "stream", "match", "append", "worker", "directory", "status", "drift")


def main(arguments: Sequence[str], environment: dict[str, str]) -> int:
    """Run; returns the exit code."""
    size = SIZES.get(environment.get("BENCH", "default"))
    unknown = [name for name in arguments if name not in ORDER]
    if size is None or unknown:
        told = f"no stage {unknown[0]!r}; there are: {', '.join(ORDER)}" if unknown else f"BENCH is one of {', '.join(SIZES)}"
        print(f"benchmarks: {told}", file=sys.stderr)
        return 2
    chosen = list(arguments) or list(ORDER)
    ran = [run(stage, size, place, len(chosen)) for place, stage in enumerate(chosen, 1)]
    if arguments:
        for stage in ran:
            for one in stage.measured:
                print(f"{one.name}: {one.per_second:,.0f}/s {json.dumps(dict(one.more))} (peak {stage.peak_mb:.0f} MB)")
        return 0
    found = document(ran, size, datetime.now(UTC))
    print(table(found))
    if folder := environment.get("BENCH_RESULTS"):
        (Path(folder) / README.name).write_text(README.read_text(encoding="utf-8"), encoding="utf-8")
        write(found, Path(folder) / LATEST.name, Path(folder) / README.name)
    else:
        write(found)
    return 0


def run(stage: str, size: Size, place: int, of: int) -> Ran:
    """One stage in a child process. Raises CalledProcessError when it fails; what it said is on stderr."""
    print(f"[{place}/{of}] {stage} …", end="", file=sys.stderr, flush=True)
    began = time.monotonic()
    command = [sys.executable, "-m", "benchmarks.child", stage, size.name]
    done = subprocess.run(command, cwd=HERE.parent, check=True, stdout=subprocess.PIPE, text=True)
    print(f" {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)
    said = json.loads(done.stdout.splitlines()[-1])
    return Ran(stage, tuple(Measured(**one) for one in said["measured"]), said["peak_mb"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], dict(os.environ)))
