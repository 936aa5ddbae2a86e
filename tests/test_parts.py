"""The markers `parts` and `soak`: loud where something is missing, a failure where it must not be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import parts
from tests.repository import ROOT, text

PROBE = """
import pytest

@pytest.mark.parts("{name}")
def test_with_a_part():
    assert True

@pytest.mark.soak
def test_slow():
    assert True
"""


def probe(folder: Path, name: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the two tests in a process that finds no program on its PATH."""
    (folder / "test_probe.py").write_text(PROBE.format(name=name), encoding="utf-8")
    plain = {
        key: value for key, value in os.environ.items() if key not in ("ATTESTREAM_REQUIRE_PARTS", "SOAK") and "PYTEST" not in key
    }
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.conftest",
        "-c",
        str(ROOT / "pyproject.toml"),
        "-p",
        "no:cacheprovider",
    ]
    env = {**plain, "PATH": str(folder), **environment}
    return subprocess.run([*command, str(folder)], cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def test_a_missing_part_skips_and_names_the_command_that_provides_it(tmp_path: Path) -> None:
    done = probe(tmp_path, "chromium")
    assert done.returncode == 0, done.stdout
    assert "2 skipped" in done.stdout
    assert "apt-get install -y chromium" in done.stdout
    assert "SOAK=1 asks for it" in done.stdout


def test_a_missing_part_fails_where_parts_are_required(tmp_path: Path) -> None:
    done = probe(tmp_path, "chromium", ATTESTREAM_REQUIRE_PARTS="1")
    assert done.returncode == 1
    assert "chromium is missing" in done.stdout


def test_slow_tests_run_when_they_are_asked_for(tmp_path: Path) -> None:
    done = probe(tmp_path, "moto", SOAK="1")
    assert "2 passed" in done.stdout, done.stdout


def test_a_part_that_nobody_knows_is_an_error_everywhere(tmp_path: Path) -> None:
    done = probe(tmp_path, "chromum")
    assert done.returncode == 4
    assert "no part 'chromum' in tests/parts.py (known: " in done.stderr


@pytest.mark.parametrize("name", parts.PARTS)
def test_every_part_is_provided_by_the_integration_script_or_by_the_locked_packages(name: str) -> None:
    command = parts.PARTS[name].get
    assert command == "make install" or all(package in text(Path(".ci/run")) for package in command.split()[3:])
