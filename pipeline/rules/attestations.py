"""Templates of attestations, from the text of an attestations.yaml: what people supply for a control, who, and how long it holds.

    templates:
      - id: security-policies
        control: A.5.1
        title: Approved security policies
        kind: document
        supply: The approved policies with their next review date.
        ask: [version, approved by]
        owner: CISO
        max_age: 365d
        four_eyes: true
        strength: strong
        rationale: The approved text is the control itself.
        unproven: Approval does not show that anybody has read it.

A template decides no judgement: it is no part of a mapping set, and an attestation carries what it took from its template.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, cast

from pipeline.rules.annex import control_ids
from pipeline.rules.durations import parse_duration
from pipeline.rules.problems import RulesError, nearest
from pipeline.rules.report import Report, read_entries
from pipeline.rules.yamldoc import Place
from store.records import DAY

Kind = Literal["document", "record"]
"""A document says how something is to be; a record shows that something was done."""
Weight = Literal["strong", "partial"]

_TEXTS: Final = ("id", "control", "title", "kind", "supply", "owner", "max_age", "strength", "rationale", "unproven")
_KEYS: Final = (*_TEXTS, "ask", "four_eyes")
_CHOICES: Final = {"kind": ("document", "record"), "strength": ("strong", "partial")}
_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,58}[a-z0-9]")
MAX_AGE: Final = 3 * 366 * DAY
"""No statement of a person holds longer than this, in microseconds."""


@dataclass(frozen=True, slots=True)
class AttestationTemplate:
    """What a person supplies for one control. `max_age` is in microseconds; `ask` are the facts that the statement names."""

    id: str
    control: str
    title: str
    kind: Kind
    supply: str
    ask: tuple[str, ...]
    owner: str
    max_age: int
    four_eyes: bool
    strength: Weight
    rationale: str
    unproven: str


def parse_attestations(text: str, path: str) -> tuple[tuple[AttestationTemplate, ...], list[Report]]:
    """The templates in their order, and what is wrong with the file. One that cannot be read is left out; nothing raises."""
    entries, report = read_entries(text, path, "templates", "attestation templates")
    if entries is None:
        return (), [report]
    found: dict[str, AttestationTemplate] = {}
    for index, raw in enumerate(entries):
        template = _template(raw, ("templates", index), report)
        if template is not None and template.id in found:
            report.error(("templates", index, "id"), f"the template {template.id!r} is there twice")
        elif template is not None:
            found[template.id] = template
    return tuple(found.values()), [report]


def _template(raw: object, place: Place, report: Report) -> AttestationTemplate | None:
    if not isinstance(raw, dict):
        report.error(place, "a template is a map with id, control, title, supply, owner and max_age")
        return None
    before = len(report.problems)
    for key in raw:
        if key not in _KEYS:
            report.error((*place, key), f"unknown key {key!r}", nearest(str(key), _KEYS))
    texts = {key: _text(raw, key, place, report) for key in _TEXTS}
    _check_words(texts, place, report)
    max_age = _max_age(texts["max_age"], (*place, "max_age"), report)
    ask = raw.get("ask", [])
    if not isinstance(ask, list) or not all(isinstance(word, str) and word.strip() for word in ask):
        report.error((*place, "ask"), "ask must be a list of the facts that the statement names")
        ask = []
    four_eyes = raw.get("four_eyes", False)
    if not isinstance(four_eyes, bool):
        report.error((*place, "four_eyes"), "four_eyes is true or false")
    if len(report.problems) > before:
        return None
    return AttestationTemplate(
        id=texts["id"], control=texts["control"], title=texts["title"], kind=cast(Kind, texts["kind"]), supply=texts["supply"],
        ask=tuple(word.strip() for word in ask), owner=texts["owner"], max_age=max_age, four_eyes=bool(four_eyes),
        strength=cast(Weight, texts["strength"]), rationale=texts["rationale"], unproven=texts["unproven"],
    )  # fmt: skip


def _text(raw: Mapping[str, object], key: str, place: Place, report: Report) -> str:
    value = raw.get(key)
    if isinstance(value, str) and value.strip():
        return value.strip()
    report.error((*place, key) if key in raw else place, f"{key} must be text that says something")
    return ""


def _check_words(texts: Mapping[str, str], place: Place, report: Report) -> None:
    """Reports an id, a control, a kind or a strength that is none. What is empty was reported already."""
    if texts["id"] and not _ID.fullmatch(texts["id"]):
        report.error((*place, "id"), f"{texts['id']!r} is no id: 3 to 60 of a-z, 0-9 and hyphens between them")
    if texts["control"] and texts["control"] not in control_ids():
        report.error(
            (*place, "control"), f"{texts['control']!r} is no control of Annex A", nearest(texts["control"], control_ids())
        )
    for key, words in _CHOICES.items():
        if texts[key] and texts[key] not in words:
            report.error((*place, key), f"{key} is {' or '.join(words)}, not {texts[key]!r}", nearest(texts[key], words))


def _max_age(text: str, place: Place, report: Report) -> int:
    if not text:
        return 0
    try:
        value = parse_duration(text)
    except RulesError as error:
        report.error(place, f"max_age: {error}")
        return 0
    if not 0 < value <= MAX_AGE:
        report.error(place, "max_age: a statement holds between a moment and three years", "write 365d")
    return value
