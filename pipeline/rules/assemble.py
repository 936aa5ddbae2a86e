"""A rule's document with what its keys mean -> a Rule: compiled logic, the store's record, test events."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from pipeline.rules.conditions import Compiled, compile_detection, compile_selection
from pipeline.rules.detection import DetectionError, EmptyListError, Names
from pipeline.rules.inner_keys import check_inner, parse_inner
from pipeline.rules.keys import LEVELS, Keys, SubjectPath
from pipeline.rules.logsource import LogSource
from pipeline.rules.metadata import text_field
from pipeline.rules.nodes import texts_of
from pipeline.rules.profiles import Profile, profile_for
from pipeline.rules.report import Report
from pipeline.rules.rule import Rule, parse_tests
from pipeline.rules.values import Real
from pipeline.rules.view import FieldPath
from pipeline.rules.yamldoc import Document, Place
from store.records import MappingRecord

_SPACE: Final = uuid.UUID("8f2a2f0e-52a6-4f0b-9c56-6d6a3f6d8a1c")
"""Ids of rules of others that have none are made in this name space."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What rules may refer to: the organisation's lists, the logsource profiles, and sets by name with the digest of each."""

    lists: Mapping[str, tuple[str, ...]]
    profiles: tuple[Profile, ...]
    sets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draft:
    """A document that is a rule, with all that it may refer to."""

    document: Document
    data: Mapping[str, object]
    source: LogSource
    report: Report
    sources: Sources
    profile: Profile | None
    tags: tuple[str, ...]

    @classmethod
    def of(cls, document: Document, data: Mapping[str, object], source: LogSource, report: Report, sources: Sources) -> Draft:
        """A draft with the profile that fits its logsource."""
        tags = data.get("tags")
        texts = tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else ()
        return cls(document, data, source, report, sources, profile_for(source, sources.profiles), texts)

    @property
    def names(self) -> Names:
        """What names in this rule stand for."""
        return Names(self.sources.lists, self.profile.renamed if self.profile else str, self.sources.sets)


def assemble(
    draft: Draft, seed: str, keys: Keys, controls: tuple[str, ...], extra: Mapping[str, object], said: Report, *, own: bool
) -> Rule | None:
    """The rule, or None when its logic cannot be compiled (reported). `said` reports on `extra` (until, population)."""
    inner = parse_inner(extra, draft.names.rename, said)
    if inner is None:
        return None
    names = draft.names.beside(inner.names())
    matches = _compiled(draft.data["detection"], ("detection",), names, draft.report, compile_detection)
    until = _compiled(extra["until"], ("until",), draft.names, said, compile_selection) if "until" in extra else None
    population = (
        _compiled(extra["population"], ("population",), draft.names, said, compile_selection) if "population" in extra else None
    )
    if matches is None or ("until" in extra and until is None) or ("population" in extra and population is None):
        return None
    for name in matches.unused:
        draft.report.warning(("detection", name), f"the condition never uses {name!r}")
    tests = extra.get("tests") if own else None
    lines = [draft.document.line_of(("tests", index)) for index in range(len(tests) if isinstance(tests, list) else 0)]
    rule = Rule(
        record=_record(draft, seed, keys, controls, extra),
        matches=matches.node,
        until=until.node if until else None,
        population=population.node if population else None,
        subject=_subject(keys, draft.names),
        inner=inner if inner else None,
        levelled=text_field(draft.data, "level").lower() in LEVELS,
        fact=FieldPath.of(draft.names.rename(keys.fact.name)) if keys.fact else None,
        tests=parse_tests(tests, draft.report, lines),
        own=own,
        line=draft.document.line,
    )
    _check_fields(rule, draft)
    check_inner(rule, said)
    if rule.sets() and keys.finding != "evidence" and draft.source.kind == "log":
        said.error(("finding",), "a log mapping that asks a set is evidence only: who joins it late is not applied to the past",
                   "use finding: evidence")  # fmt: skip
    return rule


def _compiled(
    raw: object, place: Place, names: Names, report: Report, compiler: Callable[[object, Names, Place], Compiled]
) -> Compiled | None:
    try:
        return compiler(raw, names, place)
    except EmptyListError as error:
        report.warning(error.place, f"{error}: the mapping is left out", error.hint)
    except DetectionError as error:
        report.error(error.place, str(error), error.hint)
    return None


def _subject(keys: Keys, names: Names) -> SubjectPath | None:
    if keys.subject is None or keys.finding == "satisfied":  # whose subject is the account alone
        return None
    return replace(keys.subject, path=FieldPath.of(names.rename(keys.subject.path.name)))


def _record(draft: Draft, seed: str, keys: Keys, controls: tuple[str, ...], extra: Mapping[str, object]) -> MappingRecord:
    data = draft.data
    level = text_field(data, "level").lower()
    types = tuple(dict.fromkeys((*(draft.profile.types if draft.profile else ()), *draft.source.types())))
    identity = text_field(data, "id").lower() or str(uuid.uuid5(_SPACE, seed))
    return MappingRecord(
        id=identity,
        title=text_field(data, "title") or identity,
        digest=_digest(draft, extra),
        kind=draft.source.kind,
        types=types,
        finding=keys.finding,
        silence=keys.finding == "not-satisfied" and not keys.one_sided and draft.source.kind == "log",
        controls=tuple((control, keys.strength_for(control)) for control in controls),
        level=level if level in LEVELS else "medium",
        two_sided=draft.source.kind != "log" and keys.finding != "evidence" and not keys.one_sided,
        quiet_for=keys.quiet_for,
        max_age=keys.max_age,
        rationale=keys.rationale,
        description=text_field(data, "description"),
        remediation=keys.remediation,
        path=draft.report.path,
    )


def _digest(draft: Draft, extra: Mapping[str, object]) -> str:
    """SHA-256 of all that decides what the mapping says: the rule, the overlay's keys, the lists it names, renamed fields."""
    profile = draft.profile
    said = _text([draft.data, {} if extra is draft.data else dict(extra)])
    lists = {name: list(members) for name, members in sorted(draft.sources.lists.items()) if f"%{name}%" in said}
    names = [dict(profile.rename), list(profile.types)] if profile else []
    sets = {name: digest for name, digest in sorted(draft.sources.sets.items()) if f"%{name}%" in said}
    return hashlib.sha256(_text([said, lists, names, *([sets] if sets else [])]).encode("utf-8")).hexdigest()


def _text(value: object) -> str:
    return json.dumps(_tagged(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _tagged(value: object) -> object:
    """Values with numbers told apart from the texts they are written as."""
    if isinstance(value, Mapping):
        return {key: _tagged(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_tagged(each) for each in value]
    return {"number": str(value)} if isinstance(value, Real) else value


def _check_fields(rule: Rule, draft: Draft) -> None:
    profile = draft.profile
    if profile is None:
        return
    for name in sorted(rule.fields()):
        if not profile.knows(name):
            message = f"no profile and no recorded event of this logsource knows the field {name!r}"
            draft.report.warning(("detection",), message, profile.suggestion(name))
    for name in sorted(texts_of(rule.matches)):
        if profile.holds_fields(name):
            message = f"{name!r} is an object as delivered, and no text fits an object: this never matches"
            draft.report.warning(("detection",), message, f"name a field inside, as {name}.…")
