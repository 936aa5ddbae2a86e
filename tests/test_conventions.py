"""What must be there whenever something is added: its place in the layout, its documents, its tests, its lock."""

from __future__ import annotations

import re
import tomllib
import typing
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from alerts.registry import ROUTE_TYPES, RouteType
from attestream.commands import REGISTRY, Command
from attestream.settings import Settings
from collectors.registry import SOURCE_TYPES, SourceType
from exports.registry import EXPORTERS
from tests.repository import PACKAGES, ROOT, documents, files, text

TOP_LEVEL = {
    *PACKAGES,
    "benchmarks",
    "deploy",
    "docs",
    "requirements",
    "tests",
    ".ci",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "SECURITY.md",
    "pyproject.toml",
}


def leaves(model: type[BaseModel], prefix: str = "") -> dict[str, Any]:
    """Every key of the settings by its dotted name, with its default."""
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= leaves(field.annotation, f"{prefix}{name}.")
        else:
            found[prefix + name] = field.get_default(call_default_factory=True)
    return found


SETTINGS = leaves(Settings)


def test_the_top_level_is_the_layout_that_the_documents_describe() -> None:
    found = {path.parts[0] for path in files()}
    assert found == TOP_LEVEL
    described = text(Path("docs/architecture.md"))
    assert [name for name in PACKAGES if f"`{name}/`" not in described] == []


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


# -- what is registered is documented and tested


@pytest.mark.parametrize("kind", SOURCE_TYPES.values(), ids=lambda kind: kind.name)
def test_every_source_type_has_a_document_of_all_its_settings_and_tests(kind: SourceType) -> None:
    module = kind.name.replace("-", "_")
    assert Path(f"collectors/{module}.py") in files()
    assert Path(f"tests/collectors/test_{module}.py") in files()
    page = text(Path(f"docs/sources/{kind.name}.md"))
    assert [key for key in kind.settings.model_fields if key != "type" and f"`{key}`" not in page] == []
    assert f"type: {kind.name}" in page
    assert f"(docs/sources/{kind.name}.md)" in text(Path("README.md"))


@pytest.mark.parametrize("kind", ROUTE_TYPES.values(), ids=lambda kind: kind.name)
def test_every_notifier_has_a_document_of_all_its_settings_and_tests(kind: RouteType) -> None:
    assert Path(f"alerts/{kind.name}.py") in files()
    assert Path(f"tests/alerts/test_{kind.name}.py") in files()
    page = text(Path("docs/alerts.md"))
    assert f"type: {kind.name}" in page
    assert [key for key in kind.settings.model_fields if key != "type" and f"`{key}`" not in page] == []


@pytest.mark.parametrize("name", EXPORTERS)
def test_every_exporter_is_named_in_a_document_and_in_tests(name: str) -> None:
    pages = [path for path, content in documents().items() if path.parts[0] == "docs" and f"`{name}`" in content]
    assert pages
    tests = [path for path in files() if path.parts[:2] == ("tests", "exports") and path.suffix == ".py"]
    assert [path for path in tests if f'"{name}"' in text(path)]


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_in_the_table_with_its_default(name: str) -> None:
    [row] = [line for line in text(Path("docs/operations.md")).splitlines() if line.startswith(f"| `{name}` |")]
    default = SETTINGS[name]
    if default not in (None, "", (), {}):
        word = str(default).lower() if isinstance(default, bool) else str(default)
        assert f"| `{word}` |" in row
    assert len(row.split("|")[3].strip()) > 10


def test_the_table_of_settings_holds_nothing_else() -> None:
    section = text(Path("docs/operations.md")).partition("\n## Settings\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z_.]+)` \|", section, re.M)) == set(SETTINGS)


def test_every_setting_is_set_in_a_test() -> None:
    tested = text(Path("tests/attestream/test_settings.py"))
    assert [name for name in SETTINGS if f'"{name}"' not in tested] == []


@pytest.mark.parametrize("command", REGISTRY, ids=lambda command: command.name)
def test_every_command_has_a_document_with_its_example_and_all_its_options(command: Command) -> None:
    page = text(Path("docs/commands.md"))
    section = page.partition(f"\n### `attestream {command.name}`\n")[2].partition("\n### ")[0].partition("\n## ")[0]
    assert section
    [example] = re.findall(r"^ *Example: (attestream .+)$", command.run.__doc__ or "", re.M)
    assert f"\n    {example}\n" in section
    every = page.partition("\n## ")[0]
    assert [option for option in options(command) if option not in section and f"`{option}" not in every] == []


def options(command: Command) -> list[str]:
    """Long options of a command, as its signature declares them (typer takes the first name for a default until it looks)."""
    hints = typing.get_type_hints(command.run, include_extras=True)
    declared = [meta for hint in hints.values() for meta in getattr(hint, "__metadata__", ())]
    names = [name for meta in declared for name in (meta.default, *(meta.param_decls or ())) if isinstance(name, str)]
    return [name for name in names if name.startswith("--")]


def test_options_finds_what_a_command_takes() -> None:
    [create] = [command for command in REGISTRY if command.name == "export create"]
    assert {"--from", "--to", "--out", "--control", "--known-at"} <= set(options(create))


@pytest.mark.parametrize("command", REGISTRY, ids=lambda command: command.name)
def test_every_command_is_run_in_a_test(command: Command) -> None:
    """In tests/attestream a command is run by its words: "evidence", "verify"."""
    words = ", ".join(f'"{word}"' for word in command.name.split())
    tests = [path for path in files() if path.parts[:2] == ("tests", "attestream") and path.name.startswith("test_")]
    assert [path for path in tests if words in text(path)]
