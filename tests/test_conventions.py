"""House rules that nobody has to remember: the layout, the size of things, what must be documented and tested."""

from __future__ import annotations

import ast
import re
import statistics
import tomllib
from pathlib import Path

import pytest

from tests.repository import PACKAGES, ROOT, documents, files, product, python, text, tree

TOP_LEVEL = {
    *PACKAGES, "benchmarks", "deploy", "docs", "requirements", "tests", ".ci", ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md",
    "LICENSE", "Makefile", "README.md", "SECURITY.md", "pyproject.toml",
}  # fmt: skip

LONG_FILES = {Path("exports/verify.py"): "an auditor takes it away as one file"}
LONG_FUNCTIONS = "store/migrations/versions/"
"""A version of the schema is a list of tables, however long."""

# Put together here, so that this file does not break its own rule.
REGISTRIES = [".".join(words) for words in (
    ("pypi", "org"), ("pythonhosted", "org"), ("registry", "npmjs", "org"), ("proxy", "golang", "org"), ("crates", "io"),
    ("repo1", "maven", "org"), ("repo", "maven", "apache", "org"), ("rubygems", "org"),
)]  # fmt: skip
ABSOLUTE = re.compile(r"(?<![\w.$}])/(?:" + "|".join(("work", "root", "Users", "opt/wheels")) + r")/")


def test_the_top_level_is_the_layout_that_the_documents_describe() -> None:
    found = {path.parts[0] for path in files()}
    assert found == TOP_LEVEL
    described = text(Path("docs/architecture.md"))
    assert [name for name in PACKAGES if f"`{name}/`" not in described] == []


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
            empty = isinstance(value, ast.List) and not value.elts or isinstance(value, ast.Dict) and not value.keys
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


def test_every_module_class_and_function_of_the_product_says_what_it_is() -> None:
    silent = [
        f"{path}:{getattr(node, 'lineno', 1)} {getattr(node, 'name', 'module')}"
        for path, module in product().items()
        for node in (module, *module.body)
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
        and not getattr(node, "name", "").startswith("_")
        and ast.get_docstring(node) is None
    ]
    assert silent == []


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


# -- requirements


LOCKS = ("runtime", "build", "dev")


@pytest.mark.parametrize("name", LOCKS)
def test_requirements_are_locked_with_hashes_and_name_no_address(name: str) -> None:
    content = text(Path(f"requirements/{name}.txt"))
    assert re.findall(r"https?://|--(?:extra-)?index-url|--find-links|^-[ief] ", content, re.M) == []
    blocks = [block for block in re.split(r"\n(?=\S)", content) if not block.startswith("#")]
    assert blocks
    assert [block.splitlines()[0] for block in blocks if not re.match(r"[\w.\[\],-]+==\S+", block)] == []
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []


@pytest.mark.parametrize("name", LOCKS)
def test_everything_asked_for_is_locked(name: str) -> None:
    asked = [line for line in text(Path(f"requirements/{name}.in")).splitlines() if line and line[0] not in "#-"]
    locked = pinned(name)
    assert [line for line in asked if normal(re.split(r"[\[<>=~!; ]", line)[0]) not in locked] == []


def test_the_locks_agree_with_each_other() -> None:
    dev = pinned("dev")
    for name in ("runtime", "build"):
        assert {package: version for package, version in pinned(name).items() if dev.get(package) != version} == {}


def pinned(name: str) -> dict[str, str]:
    found = re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==([^\s;\\]+)", text(Path(f"requirements/{name}.txt")), re.M)
    return {normal(package): version for package, version in found}


def normal(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


# -- packaging


def test_every_package_is_installed_linted_and_layered() -> None:
    settings = tomllib.loads(text(Path("pyproject.toml")))
    found = {path.parts[0] for path in files() if len(path.parts) == 2 and path.name == "__init__.py"} - {"benchmarks"}
    assert found | {"control_mappings"} == set(PACKAGES)
    assert set(settings["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == set(PACKAGES)
    code = {package for package in PACKAGES if package != "control_mappings"}
    assert set(settings["tool"]["importlinter"]["root_packages"]) == code
    assert set(settings["tool"]["mypy"]["files"]) == code | {"benchmarks"}
    assert settings["tool"]["mypy"]["strict"] is True


# -- documents


LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)|!\[[^\]\n]*\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"")


def targets() -> list[tuple[Path, str]]:
    found = []
    for path, content in documents().items():
        prose = re.sub(r"```.*?```|`[^`\n]*`", "", content, flags=re.S)
        found += [(path, next(filter(None, groups))) for groups in LINK.findall(prose)]
    return [(path, target) for path, target in found if not re.match(r"[a-z]+:", target)]


def test_links_between_documents_lead_somewhere() -> None:
    broken = []
    for path, target in targets():
        name, _, anchor = target.partition("#")
        aim = (ROOT / path.parent / name).resolve() if name else ROOT / path
        if not aim.exists():
            broken.append(f"{path}: {target}")
        elif anchor and anchor not in anchors(aim.read_text(encoding="utf-8")):
            broken.append(f"{path}: {target} (no such heading)")
    assert broken == []


def anchors(content: str) -> set[str]:
    headings = re.findall(r"^#+ +(.+?) *$", re.sub(r"```.*?```", "", content, flags=re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_anchors_are_made_as_forges_make_them() -> None:
    assert anchors("# One `two`, three\n\n```\n# no\n```\n## A.8.15 — x\n") == {"one-two-three", "a815--x"}


def test_every_document_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [Path("README.md")]
    links: dict[Path, list[Path]] = {}
    for path, target in targets():
        aim = (ROOT / path.parent / target.partition("#")[0]).resolve()
        if aim.suffix == ".md" and aim.is_relative_to(ROOT):
            links.setdefault(path, []).append(aim.relative_to(ROOT))
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            waiting += links.get(path, [])
    assert {path for path in documents() if path.parts[0] == "docs"} - reached == set()
