"""The Statement of Applicability and the risk register as files: CSV with a header line, or YAML. Every error names its line."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from attestream.errors import SettingsError
from pipeline.rules.problems import nearest
from pipeline.rules.yamldoc import YamlError, read_documents
from store.errors import StoreError
from store.stated_views import SoaView
from store.statements import MAX_NAME, RISK_ID, checked

MAX_BYTES: Final = 4 << 20
SOA_COLUMNS: Final = ("control", "applicable", "justification", "implementation", "owner", "risks")
RISK_COLUMNS: Final = ("risk", "title", "treatment", "owner", "controls")
_SILENT: Final = ("yes", "true", "")
_RUN: Final = ("=", "+", "-", "@", "\t", "\r")
"""What begins a formula."""
_YES: Final = {"yes": True, "true": True, "y": True, "1": True, "no": False, "false": False, "n": False, "0": False}


@dataclass(frozen=True, slots=True)
class SoaRow:
    """One control of the file."""

    control: str
    applicable: bool
    justification: str
    implementation: str
    owner: str
    risks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RiskRow:
    """One risk of the file."""

    id: str
    title: str
    treatment: str
    owner: str
    controls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Raw:
    """A row as it stands in the file, and where."""

    place: str
    values: Mapping[str, Any]

    def text(self, name: str, *, needed: bool = False, limit: int = 4000) -> str:
        """A text of the row. Raises SettingsError."""
        value = self.values.get(name)
        try:
            return checked("" if value is None else str(value), name, needed=needed, limit=limit)
        except StoreError as error:
            raise SettingsError(f"{self.place}: {error}") from error

    def words(self, name: str) -> tuple[str, ...]:
        """A list, or words between blanks, commas or semicolons."""
        value = self.values.get(name)
        found = (
            [str(one) for one in value]
            if isinstance(value, list)
            else str(value or "").replace(",", " ").replace(";", " ").split()
        )
        return tuple(dict.fromkeys(found))


def read_soa_file(path: Path, controls: Iterable[str]) -> list[SoaRow]:
    """The rows of a Statement of Applicability. Raises SettingsError that names file, line and remedy."""
    known, found = set(controls), list[SoaRow]()
    for raw in _rows(path, SOA_COLUMNS, "controls"):
        control = _one_of(raw, "control", known)
        if not any(raw.values.get(name) for name in SOA_COLUMNS[2:]) and str(raw.values.get("applicable")).lower() in _SILENT:
            continue  # of which nothing is stated yet
        word = raw.values.get("applicable")
        applicable = word if isinstance(word, bool) else _YES.get(str(word).strip().lower()) if word is not None else None
        if applicable is None:
            raise SettingsError(f"{raw.place}: applicable must be yes or no, not {str(word)[:40]!r}")
        risks = raw.words("risks")
        bad = [risk for risk in risks if not RISK_ID.fullmatch(risk)]
        if bad:
            raise SettingsError(f"{raw.place}: {bad[0][:40]!r} is no id of a risk: letters, digits, . _ - /")
        texts = (raw.text("justification", needed=True), raw.text("implementation"), raw.text("owner", limit=MAX_NAME))
        found.append(SoaRow(control, applicable, *texts, risks))
    _check_once(path, [row.control for row in found])
    return found


def read_risk_file(path: Path, controls: Iterable[str]) -> list[RiskRow]:
    """The rows of a risk register. Raises SettingsError that names file, line and remedy."""
    known, found = set(controls), list[RiskRow]()
    for raw in _rows(path, RISK_COLUMNS, "risks"):
        risk = raw.text("risk", needed=True, limit=MAX_NAME)
        if not RISK_ID.fullmatch(risk):
            raise SettingsError(f"{raw.place}: {risk[:40]!r} is no id of a risk: letters, digits, . _ - / and at most 64 of them")
        named = raw.words("controls")
        for control in named:
            _one_of(_Raw(raw.place, {"controls": control}), "controls", known)
        if not named:
            raise SettingsError(f"{raw.place}: controls: name at least one control that treats it")
        texts = (raw.text("title", needed=True, limit=MAX_NAME), raw.text("treatment"), raw.text("owner", limit=MAX_NAME))
        found.append(RiskRow(risk, *texts, named))
    _check_once(path, [row.id for row in found])
    return found


def soa_csv(rows: Sequence[SoaView]) -> str:
    """CSV as `read_soa_file` takes it. Cells that a spreadsheet would run are made harmless."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(SOA_COLUMNS)
    for row in rows:
        applies = "yes" if row.applicable else "no"
        texts = (row.justification, row.implementation, row.owner, " ".join(row.risks))
        writer.writerow([row.control, applies, *map(_safe, texts)])
    return out.getvalue()


def _rows(path: Path, columns: Sequence[str], key: str) -> Iterator[_Raw]:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror or error}") from error
    if len(data) > MAX_BYTES:
        raise SettingsError(f"{path}: larger than {MAX_BYTES >> 20} MiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8 text (byte {error.start})") from error
    readers: Mapping[str, Callable[..., Iterator[_Raw]]] = {".csv": _csv, ".yaml": _yaml, ".yml": _yaml}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise SettingsError(f"{path}: the file must be .csv or .yaml")
    yield from reader(path, text, columns, key)


def _csv(path: Path, text: str, columns: Sequence[str], _key: str) -> Iterator[_Raw]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        _check_columns(f"{path}:1", header, columns)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            place = f"{path}:{reader.line_num}"
            if len(cells) != len(header):
                raise SettingsError(f"{place}: {len(cells)} cells, and {len(header)} columns in the header")
            yield _Raw(place, dict(zip(header, map(_bare, cells), strict=True)))
    except csv.Error as error:
        raise SettingsError(f"{path}:{reader.line_num}: not valid CSV: {error}") from error


def _safe(text: str) -> str:
    """A cell that no spreadsheet runs."""
    return f"'{text}" if text[:1] in _RUN else text


def _bare(cell: str) -> str:
    """A cell without the apostrophe that made it harmless."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in _RUN else cell


def _yaml(path: Path, text: str, columns: Sequence[str], key: str) -> Iterator[_Raw]:
    try:
        documents = read_documents(text)
    except YamlError as error:
        raise SettingsError(f"{path}:{error.line}: {error}") from error
    data = documents[0].data if documents else None
    rows = data.get(key) if isinstance(data, dict) else data
    if not isinstance(rows, list):
        raise SettingsError(f"{path}:1: it must hold a list under {key}:")
    place: tuple[str | int, ...] = (key,) if isinstance(data, dict) else ()
    for number, row in enumerate(rows):
        where = f"{path}:{documents[0].line_of((*place, number))}"
        if not isinstance(row, dict):
            raise SettingsError(f"{where}: a row is a map with {', '.join(columns)}")
        _check_columns(where, [str(name) for name in row], columns, complete=False)
        yield _Raw(where, row)


def _check_columns(place: str, names: Sequence[str], columns: Sequence[str], *, complete: bool = True) -> None:
    for name in names:
        if name not in columns:
            hint = nearest(name, columns) or f"known: {', '.join(columns)}"
            raise SettingsError(f"{place}: unknown column {name[:40]!r}; {hint}")
    if len(set(names)) != len(names):
        raise SettingsError(f"{place}: a column stands twice")
    if complete and columns[0] not in names:
        raise SettingsError(f"{place}: the header must name at least {columns[0]}: {', '.join(columns)}")


def _one_of(raw: _Raw, name: str, known: set[str]) -> str:
    value = raw.text(name, needed=True, limit=MAX_NAME)
    if value not in known:
        raise SettingsError(f"{raw.place}: no control {value[:40]!r}; {nearest(value, known) or 'ids are A.5.1 to A.8.34'}")
    return value


def _check_once(path: Path, ids: Sequence[str]) -> None:
    twice = next((id_ for id_ in ids if ids.count(id_) > 1), None)
    if twice is not None:
        raise SettingsError(f"{path}: {twice} is there twice")
