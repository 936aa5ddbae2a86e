"""Mapping sets from directories. The only part of the package that reads files."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from pipeline.rules.mapping_set import MappingSet
from pipeline.rules.overlay import is_overlay, rule_patterns
from pipeline.rules.problems import RulesError

MAX_FILE: Final = 1_000_000
MAX_FILES: Final = 20_000
MAX_TOTAL: Final = 64_000_000
_SUFFIXES: Final = (".yml", ".yaml")
_ANNEX: Final = "annex_a.yaml"
_PROFILES: Final = "profiles"
ATTESTATIONS: Final = "attestations.yaml"
EDITIONS: Final = "editions"
SAMPLES: Final = "samples"
_CATALOGUES: Final = ("frameworks", EDITIONS, SAMPLES)


def builtin_mappings() -> Path:
    """The folder of our own mappings, beside the packages."""
    return Path(__file__).resolve().parents[2] / "control_mappings"


def read_set(paths: Sequence[Path], lists: Mapping[str, Sequence[str]] | None = None) -> MappingSet:
    """Reads mappings, overlays, profiles and the catalogue of controls below `paths` (folders or single files).

    Files are named by their folder's name and the path below it, so that a set does not depend on where it lies. The profiles
    that come with the product are always part of it. Raises RulesError for what cannot be read: a missing path, a link that
    leads out of its folder, a file over 1 MB or not UTF-8.
    """
    reading = _Reading()
    for path in paths:
        reading.add(path)
    reading.add_builtin_profiles()
    return reading.finish(lists or {})


def catalogue_texts(paths: Sequence[Path]) -> dict[str, str]:
    """Texts of attestations.yaml, frameworks/ and editions/ below `paths` by FOLDER/PLACE, the product's own first.

    Raises RulesError for what cannot be read.
    """
    return {name: text for name, text in _beside(paths).items() if name.split("/")[1] != SAMPLES}


def sample_texts(paths: Sequence[Path]) -> dict[str, str]:
    """Texts of samples/ below `paths` by FOLDER/PLACE, the product's own first. Raises RulesError for what cannot be read."""
    return {name: text for name, text in _beside(paths).items() if name.split("/")[1] == SAMPLES}


def _beside(paths: Sequence[Path]) -> dict[str, str]:
    reading = _Reading()
    builtin = builtin_mappings()
    for path in [builtin, *(path for path in paths if path.resolve() != builtin)]:
        reading.add_catalogues(path)
    return reading.catalogues


def builtin_annex() -> str:
    """The text of our own catalogue of controls."""
    return (builtin_mappings() / _ANNEX).read_text(encoding="utf-8")


def _is_catalogue(below: str) -> bool:
    """True of what lies beside the mappings and is none."""
    return below == ATTESTATIONS or below.partition("/")[0] in _CATALOGUES


class _Reading:
    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._places: dict[str, Path] = {}
        self._annex: str | None = None
        self._profiles: dict[str, str] = {}
        self._total = 0
        self.catalogues: dict[str, str] = {}

    def add(self, path: Path) -> None:
        label = self._label(path)
        for file, below in _files(path):
            if _is_catalogue(below):
                continue  # decides no judgement: catalogue_texts reads it
            name = f"{label}/{below}" if below else label
            text = self._read(file)
            if below == _ANNEX:
                if self._annex is not None:
                    raise RulesError(f"{file}: a second {_ANNEX}; one catalogue of controls is enough")
                self._annex = text
            elif below.startswith(f"{_PROFILES}/"):
                self._profiles[name] = text
            else:
                self._texts[name], self._places[name] = text, file

    def add_catalogues(self, path: Path) -> None:
        """What a folder holds beside mappings; a single file holds none."""
        label = self._label(path)
        for file, below in _files(path):
            if _is_catalogue(below):
                self.catalogues[f"{label}/{below}"] = self._read(file)

    def add_builtin_profiles(self) -> None:
        """The product's own profiles, if its folder was not among the paths."""
        builtin = builtin_mappings()
        for file, below in _files(builtin / _PROFILES):
            self._profiles.setdefault(f"{builtin.name}/{_PROFILES}/{below}", self._read(file))

    def _label(self, path: Path) -> str:
        label, number = path.resolve().name or "mappings", 1
        taken = {name.partition("/")[0] for name in [*self._texts, *self._profiles, *self.catalogues]}
        while (unique := label if number == 1 else f"{label}~{number}") in taken:
            number += 1
        return unique

    def _read(self, file: Path) -> str:
        try:
            with file.open("rb") as opened:
                data = opened.read(MAX_FILE + 1)
        except OSError as error:
            raise RulesError(f"{file}: cannot be read: {error.strerror or error}") from error
        if len(data) > MAX_FILE:
            raise RulesError(f"{file}: larger than {MAX_FILE} bytes; a mapping is a small file")
        self._total += len(data)
        if self._total > MAX_TOTAL:
            raise RulesError(f"{file}: the mapping set grows over {MAX_TOTAL} bytes; name narrower folders")
        try:
            return data.decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            raise RulesError(f"{file}: not UTF-8 text (byte {error.start})") from error

    def finish(self, lists: Mapping[str, Sequence[str]]) -> MappingSet:
        overlays = {name: text for name, text in self._texts.items() if is_overlay(text)}
        rules: dict[str, dict[str, str]] = {}
        claimed: set[Path] = set()
        for name, text in overlays.items():
            rules[name] = self._overlay_rules(self._places[name], text, claimed)
        kept = {
            name: text
            for name, text in self._texts.items()
            if name not in overlays and self._places[name].resolve() not in claimed
        }
        members = {name: tuple(str(member) for member in chosen) for name, chosen in lists.items()}
        return MappingSet(self._annex or "", kept, overlays, rules, self._profiles, members)

    def _overlay_rules(self, overlay: Path, text: str, claimed: set[Path]) -> dict[str, str]:
        try:
            patterns = rule_patterns(text)
        except RulesError as error:
            raise RulesError(f"{overlay}: {error}") from error
        found: dict[str, str] = {}
        seen: set[Path] = set()
        for pattern in patterns:
            for file, below in _matching(overlay.parent, pattern, overlay):
                if (real := file.resolve()) not in seen and real != overlay.resolve():
                    seen.add(real)
                    found[below if below not in found else f"{pattern}/{below}"] = self._read(file)
        claimed |= seen
        return found


def _files(path: Path) -> Iterator[tuple[Path, str]]:
    """YAML files below a folder in name order, with their paths below it; a single file stands alone ("")."""
    if path.is_file():
        yield path, ""
        return
    if not path.is_dir():
        raise RulesError(f"{path}: no such folder of mappings")
    root = path.resolve()
    count = 0
    for folder, folders, names in os.walk(path, onerror=_unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            if (here := Path(folder) / name).is_symlink():
                _inside(here, root)  # what lies inside is read by its own name
        for name in sorted(names):
            file = Path(folder) / name
            if name.startswith(".") or file.suffix.lower() not in _SUFFIXES:
                continue
            _inside(file, root)
            count += 1
            if count > MAX_FILES:
                raise RulesError(f"{path}: more than {MAX_FILES} files; name a narrower folder")
            yield file, file.relative_to(path).as_posix()


def _unreadable(error: OSError) -> None:
    raise RulesError(f"{error.filename}: cannot be read: {error.strerror or error}") from error


def _inside(file: Path, root: Path) -> None:
    if not file.resolve().is_relative_to(root):
        raise RulesError(f"{file}: a link that leads out of {root}; copy the file, or name its folder in mappings.paths")


def _matching(base: Path, pattern: str, overlay: Path) -> Iterator[tuple[Path, str]]:
    """Rule files that an overlay names, with their paths below its folder: all of a folder, one file, or what fits a glob."""
    target = base / pattern
    if target.is_dir():
        yield from _files(target)
        return
    if target.is_file():
        yield target, target.name
        return
    found = sorted(Path(name) for name in glob.glob(str(target), recursive=True))  # noqa: PTH207
    files = [file for file in found if file.is_file() and file.suffix.lower() in _SUFFIXES]
    if not files:
        raise RulesError(f"{overlay}: rules: {pattern!r} names no rule file; it is a folder or glob relative to this file")
    if len(files) > MAX_FILES:
        raise RulesError(f"{overlay}: rules: {pattern!r} names more than {MAX_FILES} files; choose a narrower one")
    fixed = Path(glob_root(str(target)))
    for file in files:
        _inside(file, fixed.resolve())
        yield file, file.relative_to(fixed).as_posix()


def glob_root(pattern: str) -> str:
    """The folder above the first part of `pattern` that holds a wildcard."""
    parts = Path(pattern).parts
    fixed = next((index for index, part in enumerate(parts) if glob.has_magic(part)), len(parts) - 1)
    return str(Path(*parts[:fixed])) if fixed else "."
