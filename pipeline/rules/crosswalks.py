"""Crosswalks: what the 93 controls are called in another edition or framework, as ids only.

    id: nist-csf-2.0
    title: NIST Cybersecurity Framework
    version: "2.0"
    url: https://www.nist.gov/cyberframework
    basis: Who drew it up, and from what.
    ids: [GV.OC-01, GV.OC-02]          # every id there is, in the framework's order
    map:
      A.5.1: [GV.PO-01]                # the ids that a control has to do with

An edition may say `member: iso27002_2013` instead of `map`: the ids stand in the catalogue of controls. A crosswalk says that two
texts speak of the same matter, never that meeting one is meeting the other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.rules.annex import Control, control_ids
from pipeline.rules.problems import nearest
from pipeline.rules.report import Report, read_reported

_TEXTS: Final = ("id", "title", "version", "url", "basis")
_KEYS: Final = (*_TEXTS, "ids", "map", "member")
MEMBERS: Final = ("iso27002_2013",)
"""Members of a control that hold its ids in another edition."""
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,59}")
MAX_IDS: Final = 5_000


@dataclass(frozen=True, slots=True)
class Crosswalk:
    """`by_control`: ids of the other text by Annex A control. `ids`: all of its ids in its own order; some have no control."""

    id: str
    title: str
    version: str
    url: str
    basis: str
    ids: tuple[str, ...]
    by_control: Mapping[str, tuple[str, ...]]

    def by_id(self) -> dict[str, tuple[str, ...]]:
        """The controls of every id, in Annex A's order; an id that none has to do with has an empty tuple."""
        found: dict[str, list[str]] = {each: [] for each in self.ids}
        for control in control_ids():
            for each in self.by_control.get(control, ()):
                found[each].append(control)
        return {each: tuple(controls) for each, controls in found.items()}


def parse_crosswalk(text: str, path: str, controls: Sequence[Control]) -> tuple[Crosswalk | None, Report]:
    """The crosswalk in a file, or None when it cannot be used; and what is wrong with it. Nothing raises."""
    documents, report = read_reported(text, path)
    if documents is None:
        return None, report
    if len(documents) != 1 or not isinstance(documents[0].data, dict):
        report.error((), "a crosswalk is one map with id, title, version, basis, ids and map")
        return None, report
    return _crosswalk(documents[0].data, controls, report), report


def _crosswalk(data: Mapping[str, object], controls: Sequence[Control], report: Report) -> Crosswalk | None:
    for key in data:
        if key not in _KEYS:
            report.error((key,), f"unknown key {key!r}", nearest(str(key), _KEYS))
    texts = {key: _text(data, key, report) for key in _TEXTS}
    if texts["id"] and not _ID.fullmatch(texts["id"]):
        report.error(("id",), f"{texts['id']!r} is no id: letters, digits, points and hyphens, at most 60")
    if ("map" in data) == ("member" in data):
        report.error((), "a crosswalk says map, or member: one of the two")
        return None
    if "member" in data:
        by_control = _of_member(data["member"], controls, report)
        ids = tuple(sorted({each for found in by_control.values() for each in found}, key=_in_order))
    else:
        ids = _ids(data.get("ids"), report)
        by_control = _mapped(data["map"], ids, report)
    if any(problem.severity == "error" for problem in report.problems):
        return None
    return Crosswalk(**texts, ids=ids, by_control=by_control)


def _text(data: Mapping[str, object], key: str, report: Report) -> str:
    value = data.get(key)
    if isinstance(value, str) and value.strip():
        return value.strip()
    report.error((key,) if key in data else (), f'{key} must be text that says something (a version in quotes: "2.0")')
    return ""


def _of_member(member: object, controls: Sequence[Control], report: Report) -> dict[str, tuple[str, ...]]:
    if member not in MEMBERS:
        report.error(("member",), f"member is {' or '.join(MEMBERS)}, not {member!r}", nearest(str(member), MEMBERS))
        return {}
    return {control.id: getattr(control, str(member)) for control in controls if getattr(control, str(member))}


def _ids(raw: object, report: Report) -> tuple[str, ...]:
    if not isinstance(raw, list) or not raw or len(raw) > MAX_IDS:
        report.error(("ids",) if raw is not None else (), f"ids must list the other text's ids, 1 to {MAX_IDS} of them")
        return ()
    for index, each in enumerate(raw):
        if not isinstance(each, str) or not _ID.fullmatch(each):
            report.error(("ids", index), f"{each!r} is no id (a number goes into quotes)")
    ids = tuple(str(each) for each in raw)
    twice = sorted({each for each in ids if ids.count(each) > 1}) if len(set(ids)) < len(ids) else []
    if twice:
        report.error(("ids",), f"there twice: {', '.join(twice[:10])}")
    return tuple(dict.fromkeys(ids))


def _mapped(raw: object, ids: Sequence[str], report: Report) -> dict[str, tuple[str, ...]]:
    if not isinstance(raw, dict):
        report.error(("map",), "map has a list of ids for each control: A.5.1: [GV.PO-01]")
        return {}
    known, found = set(ids), dict[str, tuple[str, ...]]()
    for control, listed in raw.items():
        if control not in control_ids():
            report.error(("map", control), f"{control!r} is no control of Annex A", nearest(str(control), control_ids()))
            continue
        if not isinstance(listed, list) or not listed:
            report.error(("map", control), f"{control} has no list of ids: leave out what has to do with none")
            continue
        for index, each in enumerate(listed):
            if each not in known:
                report.error(("map", control, index), f"{each!r} is none of ids", nearest(str(each), known))
        found[control] = tuple(dict.fromkeys(str(each) for each in listed if each in known))
    return found


def _in_order(text: str) -> tuple[tuple[int, int, str], ...]:
    """A key that sorts A.9.2.1 before A.10.1.1."""
    return tuple((0, int(word), "") if word.isascii() and word.isdigit() else (1, 0, word) for word in text.split("."))
