"""The keys that a mapping adds to a Sigma rule: which there are, and what they may hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, cast

from pipeline.rules.annex import control_ids
from pipeline.rules.durations import parse_duration
from pipeline.rules.problems import RulesError, nearest
from pipeline.rules.report import Report
from pipeline.rules.view import FieldPath
from store.records import DAY, HOUR, FindingWord, Strength

SIGMA: Final = (
    "title", "id", "name", "taxonomy", "related", "status", "description", "license", "references", "author", "date",
    "modified", "tags", "level", "fields", "falsepositives", "scope", "logsource", "detection",
)  # fmt: skip
OURS: Final = (
    "rationale", "strength", "finding", "no_match", "subject", "max_age", "quiet_for", "until", "no_until", "population",
    "each", "derive", "fact", "remediation",
)  # fmt: skip
FINDINGS: Final = ("evidence", "not-satisfied", "satisfied")
STRENGTHS: Final = ("strong", "partial", "weak")
LEVELS: Final = ("informational", "low", "medium", "high", "critical")
NO_MATCH: Final = ("silent", "opposite")

QUIET_FOR: Final = 7 * DAY
QUIET_FACT: Final = 90 * DAY
"""A finding about something that can't change any more: how long after that it closes."""
MAX_AGE: Final = 27 * HOUR
"""Logs: 26 h, and 1 h of lateness; settings: 26 h, and one schedule."""
MAX_AGES: Final = {"ticket": 7 * DAY, "finding": 7 * DAY}
"""Of kinds that are read in another way."""
FACT_KINDS: Final = ("ticket", "finding")


@dataclass(frozen=True, slots=True)
class SubjectPath:
    """Where an event names the subject; `tail` takes what follows the last `/` or `:`."""

    path: FieldPath
    tail: bool


@dataclass(frozen=True, slots=True)
class Keys:
    """A mapping's own keys, with the defaults of a log mapping. `one_sided`: no match and silence say nothing."""

    finding: FindingWord = "evidence"
    one_sided: bool = True
    strength: Mapping[str, Strength] = field(default_factory=dict)
    default_strength: Strength = "partial"
    rationale: str = ""
    remediation: str = ""
    subject: SubjectPath | None = None
    max_age: int = MAX_AGE
    quiet_for: int = QUIET_FOR
    no_until: str = ""
    fact: FieldPath | None = None

    def strength_for(self, control: str) -> Strength:
        """How strongly the mapping speaks to a control."""
        return self.strength.get(control, self.default_strength)


def parse_keys(raw: Mapping[str, object], report: Report, *, overlay: bool, kind: str = "log") -> Keys:
    """Our keys of a mapping or of an overlay's entry. What is wrong is reported, and read as its default."""
    finding = cast(FindingWord, _word(raw, "finding", FINDINGS, "evidence", report))
    # An overlay speaks of rules that were not written to be silent evidence: one-sided unless it says so.
    both = finding == "not-satisfied" or (finding == "satisfied" and kind not in ("log", "ticket"))
    default = "opposite" if both and not overlay else "silent"
    no_match = _word(raw, "no_match", NO_MATCH, default, report)
    strength, default_strength = _strength(raw.get("strength"), report)
    return Keys(
        finding=finding,
        one_sided=no_match == "silent",
        strength=strength,
        default_strength=default_strength,
        rationale=_text(raw, "rationale", report),
        remediation=_text(raw, "remediation", report),
        subject=parse_subject(raw.get("subject"), report),
        max_age=_duration(raw, "max_age", MAX_AGES.get(kind, MAX_AGE), report),
        quiet_for=_duration(raw, "quiet_for", QUIET_FACT if "fact" in raw else QUIET_FOR, report),
        no_until=_text(raw, "no_until", report),
        fact=_fact(raw.get("fact"), kind, report) if "fact" in raw else None,
    )


def _word(raw: Mapping[str, object], key: str, words: tuple[str, ...], default: str, report: Report) -> str:
    value = raw.get(key, default)
    if value in words:
        return str(value)
    report.error((key,), f"{key} is one of {', '.join(words)}, not {value!r}", nearest(str(value), words))
    return default


def _text(raw: Mapping[str, object], key: str, report: Report) -> str:
    value = raw.get(key)
    if value is None and key not in raw:
        return ""
    if isinstance(value, str) and value.strip():
        return value.strip()
    report.error((key,), f"{key} must be text that says something")
    return ""


def _duration(raw: Mapping[str, object], key: str, default: int, report: Report) -> int:
    if key not in raw:
        return default
    try:
        return parse_duration(raw[key])
    except RulesError as error:
        report.error((key,), f"{key}: {error}")
        return default


def _strength(raw: object, report: Report) -> tuple[dict[str, Strength], Strength]:
    if raw is None:
        return {}, "partial"
    if not isinstance(raw, dict):
        if raw in STRENGTHS:
            return {}, raw
        report.error(("strength",), f"strength is one of {', '.join(STRENGTHS)}, or a map of controls to these",
                     nearest(str(raw), STRENGTHS))  # fmt: skip
        return {}, "partial"
    found: dict[str, Strength] = {}
    for control, word in raw.items():
        if control not in control_ids():
            report.error(("strength", control), f"{control!r} is no control of Annex A", nearest(control, control_ids()))
        elif word not in STRENGTHS:
            report.error(("strength", control), f"strength is one of {', '.join(STRENGTHS)}, not {word!r}",
                         nearest(str(word), STRENGTHS))  # fmt: skip
        else:
            found[control] = word
    return found, "partial"


def parse_subject(raw: object, report: Report, key: str = "subject") -> SubjectPath | None:
    """Where an event names whom it is about: `path`, or `path|tail`. None where nothing is said, or what is cannot be used."""
    if raw is None:
        return None
    path, bar, filter_ = str(raw).partition("|")
    if not isinstance(raw, str) or not path.strip() or (bar and filter_.strip() != "tail"):
        report.error((key,), f"{key} is a field's path, or path|tail, not {raw!r}")
        return None
    return SubjectPath(FieldPath.of(path.strip()), bool(bar))


def _fact(raw: object, kind: str, report: Report) -> FieldPath | None:
    if not isinstance(raw, str) or not raw.strip() or "|" in raw:
        report.error(("fact",), f"fact is the path of the time since when it can't change any more, not {raw!r}")
        return None
    if kind not in FACT_KINDS:
        report.error(("fact",), f"fact is for {' and '.join(FACT_KINDS)} logsources; what a {kind} says can change")
        return None
    return FieldPath.of(raw.strip())


def check_keys(
    keys: Keys, controls: tuple[str, ...], has_until: bool, report: Report, *, overlay: bool, kind: str = "log"
) -> None:
    """Reports keys that together would claim too much, or leave a finding that nothing closes."""
    if keys.finding != "evidence":
        if not keys.rationale:
            report.error(
                ("finding",), f"a mapping that says {keys.finding} needs a rationale: why a match says so of the control"
            )
        if controls and all(keys.strength_for(control) == "weak" for control in controls):
            report.error(("finding",), "weak for every control: that is only ever evidence", "use finding: evidence")
    if keys.finding == "satisfied" and not keys.one_sided and kind in ("log", "ticket"):
        report.error(("finding",), f"finding: satisfied over a {kind} must be one-sided", "add no_match: silent")
    if keys.finding == "satisfied" and keys.subject is not None and kind == "log":
        report.error(("subject",), "the subject of a satisfied finding over a log is the account alone: remove subject")
    if kind != "log":
        _check_observed(keys, has_until, kind, report)
    elif keys.finding == "not-satisfied" and not (has_until or keys.no_until):
        said, hint = "what ends this finding is not said", "add until: a selection, or no_until: why nothing can"
        (report.warning if overlay else report.error)(("finding",), said, hint)
    if has_until and keys.no_until:
        report.error(("no_until",), "until and no_until exclude each other")
    if has_until and keys.finding != "not-satisfied":
        report.error(("until",), f"until closes a not-satisfied finding; this mapping says {keys.finding}")
    for control in keys.strength:
        if control not in controls:
            report.error(("strength", control), f"strength names {control}, which the mapping does not speak to",
                         nearest(control, controls))  # fmt: skip


def _check_observed(keys: Keys, has_until: bool, kind: str, report: Report) -> None:
    """Over observations the next sighting of a subject ends what was found of it, and the subject is what was observed."""
    for key, there in (("until", has_until), ("no_until", bool(keys.no_until)), ("subject", keys.subject is not None)):
        if there:
            report.error((key,), f"{key} is for logs: a {kind} is judged again each time it is seen, under its own name")
    if keys.fact is not None and keys.finding == "satisfied":
        report.error(("fact",), "fact is for what is wrong and can't change any more: this mapping says satisfied")
