"""`python -m benchmarks [STAGE]…`: run the stages, each in a process of its own. BENCH=smoke|default|full says how much (in a
smoke run they share one).

Progress goes to stderr, the tables to stdout. With all stages, results/latest.json, a chart, and the tables in README.md are
written (BENCH_RESULTS names another folder for all three).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from benchmarks.document import Ran, document
from benchmarks.parts import Parts, started
from benchmarks.processes import end_on_sigterm
from benchmarks.progress import Shown, read
from benchmarks.report import HERE, LATEST, README, table, write
from benchmarks.sizes import SIZES, Size
from benchmarks.stages.registry import ORDER, SERVED, uses


def main(arguments: Sequence[str], environment: dict[str, str]) -> int:
    """Run; returns the exit code."""
    size = SIZES.get(environment.get("BENCH", "default"))
    unknown = [name for name in arguments if name not in ORDER]
    if size is None or unknown:
        told = f"no stage {unknown[0]!r}; there are: {', '.join(ORDER)}" if unknown else f"BENCH is one of {', '.join(SIZES)}"
        print(f"benchmarks: {told}", file=sys.stderr)
        return 2
    chosen = list(arguments) or list(ORDER)
    if not arguments:
        print(f"size {size.name}: about {size.minutes:g} minutes on two quiet cores", file=sys.stderr)
    with started({part for stage in chosen for part in uses(stage)}) as parts, Shown(len(chosen)) as shown:
        for name, why in parts.missing.items():
            print(f"WITHOUT {name}: {why}", file=sys.stderr)
        ran = list(run(chosen, size, parts, shown))
    found = document(ran, size, datetime.now(UTC))
    print(table(found))
    if not arguments:
        folder = environment.get("BENCH_RESULTS")
        if folder:
            Path(folder, README.name).write_text(README.read_text(encoding="utf-8"), encoding="utf-8")
        write(found, Path(folder) / LATEST.name if folder else LATEST, Path(folder) / README.name if folder else README)
    return 0


def run(chosen: Sequence[str], size: Size, parts: Parts, shown: Shown) -> Iterator[Ran]:
    """Run the stages that can be run. Raises CalledProcessError when one fails; what it said is on stderr."""
    able = []
    for stage in chosen:
        lacking = parts.lacking(*SERVED[stage][0]) if stage in SERVED else ""
        if lacking:
            shown.end(stage, f"SKIPPED, {lacking}")
            yield Ran(stage, (), 0.0, lacking)
        else:
            able.append(stage)
    for stages in [able] if size.shared and able else [[stage] for stage in able]:
        yield from _child(stages, size, parts, shown)


def _child(stages: Sequence[str], size: Size, parts: Parts, shown: Shown) -> Iterator[Ran]:
    """These stages in one child process."""
    own = [",".join(stages), size.name, msgspec.json.encode(parts, enc_hook=str).decode()]
    command = [sys.executable, "-m", "benchmarks.child", *own]
    shown.begin(stages[0])
    with subprocess.Popen(command, cwd=HERE.parent, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        following = iter([*stages[1:], ""])
        try:
            for line in process.stdout:
                told = read(line)
                if told is not None:
                    shown.told(told)
                    continue
                ran = msgspec.json.decode(line, type=Ran)
                shown.end(ran.stage)
                shown.begin(next(following))
                yield ran
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


if __name__ == "__main__":
    end_on_sigterm()
    sys.exit(main(sys.argv[1:], dict(os.environ)))
