"""A set's file, `sets/NAME.yaml`: which events make whom a member of NAME, and for how long.

logsource: {category: ticket, product: jira, service: issue}
selection: {fields.issuetype.name: Offboarding, fields.status.name: Done}
field: fields.reporter.name        # who: path, or path|tail for what follows the last / or :
for: 365d                          # from the event's time on
until: {fields.status.name: Reopened}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from pipeline.rules.assemble import Draft, Sources, assemble
from pipeline.rules.durations import parse_duration
from pipeline.rules.keys import Keys, parse_subject
from pipeline.rules.logsource import source_of
from pipeline.rules.members import PREFIX
from pipeline.rules.problems import RulesError, nearest
from pipeline.rules.report import Report
from pipeline.rules.rule import Rule
from pipeline.rules.yamldoc import Document

FOLDER: Final = "sets"
_KEYS: Final = ("title", "description", "logsource", "selection", "population", "field", "for", "until", "tests")


def set_name(path: str) -> str:
    """The name of the set that a file of a mapping set defines; "" for any other file."""
    *folders, file = path.split("/")
    return file.rpartition(".")[0] if FOLDER in folders else ""


def build_set(document: Document, name: str, report: Report, sources: Sources) -> Rule | None:
    """The rule by which members join and leave the set, or None when it cannot be used (reported)."""
    data = document.data
    if not isinstance(data, dict):
        report.error((), "a set is a map with logsource, selection, field and for")
        return None
    for key in data:
        if key not in _KEYS:
            report.error((key,), f"unknown key {key!r} in a set", nearest(key, _KEYS))
    if name in sources.lists:
        report.error((), f"{name!r} is a list of the settings too: a name is one of both", "rename the file or the list")
        return None
    lasts, source = _lasts(data, report), source_of(data.get("logsource"), report, "a set cannot read {kind} events")
    subject = parse_subject(data.get("field"), report, "field")
    if "field" not in data:
        report.error((), "no field: the one that names the member")
    if "selection" not in data:
        report.error((), "no selection: which events make somebody a member")
    if lasts is None or source is None or subject is None or "selection" not in data:
        return None
    draft = Draft.of(document, {**data, "detection": _detection(data["selection"])}, source, report, sources)
    extra = {key: data[key] for key in ("until", "population", "tests") if key in data}
    rule = assemble(draft, "", Keys(subject=subject), (), extra, report, own=True)
    if rule is None:
        return None
    record = replace(rule.record, id=f"{PREFIX}{name}", title=str(data.get("title") or name))
    return replace(rule, record=record, lasts=lasts)


def _detection(selection: object) -> object:
    if isinstance(selection, dict) and "condition" in selection:
        return selection
    return {"selection": selection, "condition": "selection"}


def _lasts(data: Mapping[str, object], report: Report) -> int | None:
    if "for" not in data:
        report.error((), "no for: how long a member stays one", "for: 365d")
        return None
    try:
        return parse_duration(data["for"])
    except RulesError as error:
        report.error(("for",), f"for: {error}")
        return None
