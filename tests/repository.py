"""The checkout as tests see it: its files, read once, and the product's Python parsed once."""

from __future__ import annotations

import ast
import os
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
PACKAGES: Final = ("alerts", "attestream", "collectors", "control_mappings", "exports", "pipeline", "store", "web")
"""What is installed; benchmarks and tests are not."""
IGNORED: Final = frozenset({".git", ".venv", "__pycache__", "attestream-data", "build", "dist"})


@cache
def files() -> tuple[Path, ...]:
    """Every file of the project, relative to its root: what git tracks or would track; without git, all that lies there."""
    asked = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listed = subprocess.run(asked, capture_output=True, check=True).stdout.decode().split("\0")
        found = {Path(name) for name in listed if name}
    except (OSError, subprocess.CalledProcessError):
        found = set(_walked())
    return tuple(sorted(path for path in found if (ROOT / path).is_file()))


def _walked() -> Iterator[Path]:
    for folder, below, names in os.walk(ROOT):
        below[:] = [name for name in below if name not in IGNORED and not name.endswith("_cache")]
        yield from ((Path(folder) / name).relative_to(ROOT) for name in names)


@cache
def text(path: Path) -> str:
    """A file's text, "" for one that is none."""
    data = (ROOT / path).read_bytes()
    return "" if b"\0" in data else data.decode("utf-8")


def python(*packages: str) -> Mapping[Path, ast.Module]:
    """The Python files below these folders, parsed."""
    return {path: tree(path) for path in files() if path.suffix == ".py" and path.parts[0] in packages}


@cache
def tree(path: Path) -> ast.Module:
    """One Python file, parsed."""
    return ast.parse(text(path), str(path))


def product() -> Mapping[Path, ast.Module]:
    """The product's own Python files, parsed."""
    return python(*PACKAGES)


def documents() -> dict[Path, str]:
    """Every Markdown file."""
    return {path: text(path) for path in files() if path.suffix == ".md"}


def mentions(haystack: str, word: str) -> bool:
    """Whether `word` stands in the text as code: between backquotes, or beginning a code span."""
    return f"`{word}`" in haystack or f"`{word} " in haystack
