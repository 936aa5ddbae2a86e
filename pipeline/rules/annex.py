"""The catalogue of the 93 Annex A controls, from the text of annex_a.yaml."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Final

from pipeline.rules.durations import parse_duration
from pipeline.rules.problems import RulesError, nearest
from pipeline.rules.report import Report, read_entries
from store.records import DAY

THEMES: Final = {5: ("organizational", 37), 6: ("people", 8), 7: ("physical", 14), 8: ("technological", 34)}
"""Clause -> its theme and how many controls it has."""

EVIDENCE: Final = ("automated", "ticket", "attestation")
_LISTS: Final = (
    "control_type",
    "properties",
    "concepts",
    "capabilities",
    "domains",
    "iso27002_2013",
    "evidence",
    "needs",
)
_TAG: Final = re.compile(r"iso27001-2022\.a\.([0-9]{1,2})\.([0-9]{1,2})")
_ID: Final = re.compile(r"A\.([0-9]{1,2})\.([0-9]{1,2})")


def control_ids() -> list[str]:
    """The 93 ids in the standard's order: A.5.1 … A.8.34."""
    return [f"A.{clause}.{number}" for clause, (_, count) in THEMES.items() for number in range(1, count + 1)]


def control_of_tag(tag: str) -> str | None:
    """`A.8.2` of the tag `iso27001-2022.a.8.2`; None for a tag of another kind. Raises RulesError for a broken one."""
    if not tag.lower().startswith("iso27001-2022"):
        return None
    found = _TAG.fullmatch(tag.lower())
    if found is None:
        raise RulesError(f"the tag {tag!r} names no control; a tag is written iso27001-2022.a.8.15")
    return f"A.{found[1]}.{found[2]}"


@dataclass(frozen=True, slots=True)
class Control:
    """One Annex A control. `attestation_max_age` is in microseconds; `needs` are the source types that would speak to it,
    `unproven` is what stays open where everything speaks."""

    id: str
    title: str
    theme: str
    control_type: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()
    concepts: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    iso27002_2013: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    attestation_max_age: int = 365 * DAY
    about: str = ""
    unproven: str = ""
    needs: tuple[str, ...] = ()


_KEYS: Final = tuple(field.name for field in fields(Control))


def parse_annex(text: str, path: str) -> tuple[tuple[Control, ...], list[Report]]:
    """The controls in their order, and what is wrong with the file. A control that cannot be read is left out."""
    entries, report = read_entries(text, path, "controls", "the 93 controls")
    if entries is None:
        return (), [report]
    found: dict[str, Control] = {}
    for index, raw in enumerate(entries):
        control = _control(raw, ("controls", index), report)
        if control is None:
            continue
        if control.id in found:
            report.error(("controls", index), f"the control {control.id} is there twice")
        found.setdefault(control.id, control)
    _check_complete(found, report)
    return tuple(found.values()), [report]


def _check_complete(found: Iterable[str], report: Report) -> None:
    missing = [control for control in control_ids() if control not in set(found)]
    if missing:
        report.error(("controls",), f"{len(missing)} of the 93 controls are missing: {', '.join(missing[:10])}")


def _control(raw: object, place: tuple[str | int, ...], report: Report) -> Control | None:
    if not isinstance(raw, dict):
        report.error(place, "a control is a map with id, title and theme")
        return None
    for key in raw:
        if key not in _KEYS:
            report.error((*place, key), f"unknown key {key!r}", nearest(key, _KEYS))
    words = {key: raw.get(key) for key in ("id", "title", "theme", "about", "unproven")}
    for key, value in words.items():
        if not isinstance(value, str) and not (key in ("about", "unproven") and value is None):
            report.error((*place, key), f"{key} must be text")
            return None
    if words["id"] not in control_ids():
        report.error((*place, "id"), f"{words['id']!r} is no control of Annex A", nearest(str(words["id"]), control_ids()))
        return None
    theme = THEMES[int(_ID.fullmatch(str(words["id"]))[1])][0]  # type: ignore[index]
    if words["theme"] != theme:
        report.error((*place, "theme"), f"the theme of {words['id']} is {theme}")
    lists = {key: _words(raw.get(key), (*place, key), report) for key in _LISTS}
    for kind in lists["evidence"]:
        if kind not in EVIDENCE:
            report.error((*place, "evidence"), f"unknown kind of evidence {kind!r}", nearest(kind, EVIDENCE))
    return Control(
        id=str(words["id"]),
        title=str(words["title"]),
        theme=theme,
        attestation_max_age=_age(raw.get("attestation_max_age"), (*place, "attestation_max_age"), report),
        about=str(words["about"] or ""),
        unproven=str(words["unproven"] or ""),
        **lists,
    )


def _words(raw: object, place: tuple[str | int, ...], report: Report) -> tuple[str, ...]:
    if raw is None:
        return ()
    if not isinstance(raw, list) or any(isinstance(word, dict | list) or word is None for word in raw):
        report.error(place, "must be a list of words")
        return ()
    return tuple(str(word) for word in raw)


def _age(raw: object, place: tuple[str | int, ...], report: Report) -> int:
    if raw is None:
        return 365 * DAY
    try:
        return parse_duration(raw)
    except RulesError as error:
        report.error(place, str(error))
        return 365 * DAY
