"""Collects the problems of one document, with the line of the key that each speaks of."""

from __future__ import annotations

from pipeline.rules.problems import Problem, Severity
from pipeline.rules.yamldoc import Document, Place, YamlError, read_documents


class Report:
    """Problems of one document. `foreign`: a file of others that we must not ask to be edited, so errors are warnings."""

    def __init__(self, path: str, document: Document | None = None, *, base: Place = (), foreign: bool = False) -> None:
        self.path = path
        self.problems: list[Problem] = []
        self.foreign = foreign
        self._document = document
        self._base = base

    def error(self, place: Place, message: str, hint: str = "") -> None:
        """Something that must be repaired before the set is used."""
        self._add(place, "warning" if self.foreign else "error", message, hint)

    def warning(self, place: Place, message: str, hint: str = "") -> None:
        """Something to look at."""
        self._add(place, "warning", message, hint)

    def at_line(self, line: int, severity: Severity, message: str, hint: str = "") -> None:
        """A problem whose line is known already."""
        self.problems.append(Problem(self.path, line, "warning" if self.foreign else severity, message, hint))

    def below(self, base: Place) -> Report:
        """A report that collects into this one and whose places are below `base`."""
        child = Report(self.path, self._document, base=(*self._base, *base), foreign=self.foreign)
        child.problems = self.problems
        return child

    def _add(self, place: Place, severity: Severity, message: str, hint: str) -> None:
        line = self._document.line_of((*self._base, *place)) if self._document else 1
        self.problems.append(Problem(self.path, line, severity, message, hint))


def read_reported(text: str, path: str) -> tuple[list[Document] | None, Report]:
    """The documents of a file, and the report on it (its lines are those of the first); None where it is no YAML, reported."""
    try:
        documents = read_documents(text)
    except YamlError as error:
        report = Report(path)
        report.at_line(error.line, "error", str(error))
        return None, report
    return documents, Report(path, documents[0] if documents else None)


def read_entries(text: str, path: str, key: str, what: str) -> tuple[list[object] | None, Report]:
    """The list under `key` of a file that is one map, and the report on it; None where it is not there, which is reported."""
    documents, report = read_reported(text, path)
    if documents is None:
        return None, report
    data = documents[0].data if documents else None
    entries = data.get(key) if isinstance(data, dict) else None
    if not isinstance(entries, list):
        report.error((), f"{key} must be a list of {what}")
        return None, report
    return entries, report
