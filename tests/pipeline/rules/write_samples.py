"""Writes control_mappings/samples/recorded.yaml from the recorded events: `python -m tests.pipeline.rules.write_samples`."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parent / "recorded"
WRITTEN = Path(__file__).parents[3] / "control_mappings" / "samples" / "recorded.yaml"
_HEAD = """\
# Fields of recorded events, by type of event: what collectors delivered, and what they asked for and could not read.
# Written by `python -m tests.pipeline.rules.write_samples`.
recorded:
"""


def paths(value: Any, above: str = "") -> Iterator[str]:
    """Every path of a JSON value, lists stepped through."""
    if isinstance(value, list):
        for element in value:
            yield from paths(element, above)
    elif isinstance(value, dict):
        for key, below in value.items():
            path = f"{above}.{key}" if above else key
            yield path
            yield from paths(below, path)


def recorded_fields() -> dict[str, set[str]]:
    """Fields by type of event, of all recorded events."""
    found: dict[str, set[str]] = defaultdict(set)
    for file in sorted(RECORDED.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            sample = json.loads(line)
            unread = sample["payload"].get("_unread", [])
            found[sample["type"]].update(paths(sample["payload"]), unread)
    return found


def text() -> str:
    """The file's text."""
    lines = []
    for kind, names in sorted(recorded_fields().items()):
        lines.append(f"  {kind}:")
        lines += [f"    - {json.dumps(name)}" for name in sorted(names)]
    return _HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    WRITTEN.write_text(text(), encoding="utf-8")
