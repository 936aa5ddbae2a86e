"""Imports point one way: what `make lint` checks is checked here too, and is shown to catch what it should."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.repository import ROOT, text

LAYERS = ["attestream", "web | exports | alerts | collectors", "pipeline", "store"]


def lint(config: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """import-linter over the packages of `folder`."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[2]); from importlinter.cli import lint_imports; "
        "sys.exit(lint_imports(sys.argv[1], cache_dir=None))"
    )
    command = [sys.executable, "-c", program, str(config), str(folder)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_imports_point_one_way() -> None:
    done = lint(ROOT / "pyproject.toml", ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 kept, 0 broken" in done.stdout


def test_the_contract_is_the_one_that_the_documents_name() -> None:
    settings = tomllib.loads(text(Path("pyproject.toml")))["tool"]["importlinter"]
    [contract] = settings["contracts"]
    assert (contract["type"], contract["layers"]) == ("layers", LAYERS)
    assert "ignore_imports" not in contract
    assert "attestream  >  web | exports | alerts | collectors  >  pipeline  >  store" in text(Path("docs/architecture.md"))


@pytest.mark.parametrize(
    ("where", "wrong"),
    [
        ("store", "pipeline"),
        ("store", "attestream"),
        ("pipeline", "alerts"),
        ("web", "exports"),
        ("collectors", "web"),
        ("alerts", "attestream"),
    ],
)
def test_an_import_the_wrong_way_is_caught(where: str, wrong: str, tmp_path: Path) -> None:
    """The project's own contract, over packages that hold one import too many."""
    plant(tmp_path, [(where, wrong)])
    done = lint(tmp_path / "pyproject.toml", tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "0 kept, 1 broken" in done.stdout
    assert f"{where}.inner -> {wrong}.inner" in done.stdout


def test_imports_the_right_way_are_not_caught(tmp_path: Path) -> None:
    plant(
        tmp_path,
        [("attestream", "web"), ("attestream", "store"), ("web", "store"), ("collectors", "pipeline"), ("pipeline", "store")],
    )
    done = lint(tmp_path / "pyproject.toml", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def plant(folder: Path, imports: Sequence[tuple[str, str]]) -> None:
    settings = text(Path("pyproject.toml"))
    (folder / "pyproject.toml").write_text(settings, encoding="utf-8")
    for package in tomllib.loads(settings)["tool"]["importlinter"]["root_packages"]:
        (folder / package).mkdir()
        (folder / package / "__init__.py").touch()
        below = [f"import {other}.inner\n" for where, other in imports if where == package]
        (folder / package / "inner.py").write_text("".join(below), encoding="utf-8")
