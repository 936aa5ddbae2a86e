"""The style of the house: the size of things, the direction of names, what a file may hold."""

from __future__ import annotations

import ast
import re
import statistics
from pathlib import Path

import pytest

from tests.repository import ROOT, files, product, python, text, tree

LONG_FILES = {Path("exports/verify.py"): "an auditor takes it away as one file"}
LONG_FUNCTIONS = "store/migrations/versions/"
"""A version of the schema is a list of tables, however long."""

# Put together here, so that this file does not break its own rule.
REGISTRIES = [
    ".".join(words)
    for words in (
        ("pypi", "org"),
        ("python" + "hosted", "org"),
        ("registry", "npmjs", "org"),
        ("proxy", "golang", "org"),
        ("crates", "io"),
        ("repo1", "maven", "org"),
        ("repo", "maven", "apache", "org"),
    )
]
ABSOLUTE = re.compile(r"(?<![\w.$}])/(?:" + "|".join(("work", "root", "Users", "opt/wheels")) + r")/")


def test_nothing_is_imported_relatively() -> None:
    every = {**product(), **python("benchmarks", "tests")}
    relative = [
        f"{path}:{node.lineno}"
        for path, module in every.items()
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


def test_files_are_short() -> None:
    lengths = {path: text(path).count("\n") for path in {**product(), **python("benchmarks")}}
    assert {path: n for path, n in lengths.items() if n > 400 and path not in LONG_FILES} == {}
    assert statistics.median(lengths.values()) <= 150


def test_functions_are_short() -> None:
    """Lines of the body: a signature may be long for its options, a docstring for its contract."""
    long = {
        f"{path}:{node.lineno} {node.name}": lines
        for path, module in {**product(), **python("benchmarks")}.items()
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (lines := body_lines(node)) > 40
    }
    assert {place: lines for place, lines in long.items() if not place.startswith(LONG_FUNCTIONS)} == {}


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_body_lines_counts_the_body_alone() -> None:
    source = 'def f(\n    a,\n    b,\n):\n    """Says.\n\n    More.\n    """\n    c = a\n    return c\n'
    [function] = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    assert body_lines(function) == 2


@pytest.mark.parametrize("path", [p for p in files() if p.name == "__init__.py"], ids=str)
def test_importing_a_package_does_nothing(path: Path) -> None:
    """A package's own file holds a docstring, imports, definitions and constants: no statement that acts."""
    allowed = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.FunctionDef, ast.ClassDef)
    module = tree(path)
    body = module.body[1:] if ast.get_docstring(module) is not None else module.body
    assert [f"{path}:{node.lineno}" for node in body if not isinstance(node, allowed)] == []


def test_nothing_is_discovered_by_import_and_no_module_holds_state() -> None:
    faults = []
    for path, module in product().items():
        for node in ast.walk(module):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            faults += [f"{path}:{node.lineno} {n}" for n in names if n in ("pkgutil", "importlib", "importlib.metadata")]
        for node in module.body:
            value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
            empty = (isinstance(value, ast.List) and not value.elts) or (isinstance(value, ast.Dict) and not value.keys)
            called = isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in ("dict", "list", "set")
            faults += [f"{path}:{node.lineno} a mutable module variable"] if empty or (called and not value.args) else []
    assert faults == []


def test_only_the_composition_root_reads_the_environment() -> None:
    readers = {
        str(path)
        for path, module in product().items()
        for node in ast.walk(module)
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb") and path.parts[0] != "attestream"
    }
    assert readers == set()


def test_every_module_says_what_it_is() -> None:
    modules = {**product(), **python("benchmarks")}
    assert [str(path) for path, module in modules.items() if module.body and ast.get_docstring(module) is None] == []


def test_no_file_names_a_package_registry_or_a_place_on_one_machine() -> None:
    faults = []
    for path in files():
        for number, line in enumerate(text(path).splitlines(), start=1):
            faults += [f"{path}:{number} names {host}" for host in REGISTRIES if host in line]
            faults += [
                f"{path}:{number} {found[0]}" for found in ABSOLUTE.finditer(line) if path != Path(__file__).relative_to(ROOT)
            ]
    assert faults == []


def test_every_file_of_text_ends_with_one_newline_and_has_no_trailing_space() -> None:
    faults = []
    for path in files():
        content = text(path)
        if not content or path.suffix in (".json", ".jsonl", ".csv", ".svg") or path.name == "LICENSE":
            continue
        if not content.endswith("\n") or content.endswith("\n\n"):
            faults.append(f"{path}: does not end with one newline")
        faults += [
            f"{path}:{n}"
            for n, line in enumerate(content.splitlines(), start=1)
            if line != line.rstrip() and "tests" not in path.parts
        ]
    assert faults == []
