"""The Makefile: it lists itself, says clearly what it needs, and works from any folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.repository import ROOT, text

TARGETS = ("help", "install", "demo", "test", "lint", "format", "bench", "kafka", "lock", "clean")
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is missing; get it by: apt-get install -y make")


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {
        key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS")) and key not in ("ARGS", "JOBS")
    }
    return subprocess.run(["make", *words], cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_make_alone_lists_every_target() -> None:
    shown = make(ROOT).stdout
    assert tuple(re.findall(r"^  (\w+) +\S", shown, re.M)) == TARGETS
    [phony] = re.findall(r"^\.PHONY: (.+)$", text(Path("Makefile")), re.M)
    assert tuple(phony.split()) == TARGETS


@pytest.mark.parametrize("python", ["python-that-is-not-there", "/bin/false"])
def test_a_python_that_will_not_do_is_said_in_one_sentence(python: str, tmp_path: Path) -> None:
    folder = tmp_path / "a folder with spaces"
    (folder / "requirements").mkdir(parents=True)
    for path in (
        "Makefile",
        "pyproject.toml",
        "requirements/runtime.txt",
        "requirements/build.txt",
        "requirements/hatch_dependencies.py",
    ):
        shutil.copy(ROOT / path, folder / path)
    done = make(folder, "demo", f"PYTHON={python}")
    assert done.returncode == 2
    assert f"Attestream needs Python 3.11 or later, and {python} is not there." in done.stderr
    assert "make demo PYTHON=python3.12" in done.stderr
    assert not (folder / ".venv").exists()


def test_the_demo_needs_no_tools_of_development() -> None:
    planned = make(ROOT, "--dry-run", "--always-make", "demo", "ONCE=1").stdout
    assert "attestream demo --once" in planned
    assert "dev.txt" not in planned
    assert "--once" not in make(ROOT, "--dry-run", "--always-make", "demo").stdout


def test_every_installation_checks_hashes() -> None:
    planned = make(ROOT, "--dry-run", "--always-make", "test").stdout
    installs = [line for line in planned.splitlines() if " install " in line and "-m pip" in line]
    assert len(installs) == 3
    assert [line for line in installs if "--require-hashes" not in line and "--no-deps" not in line] == []
