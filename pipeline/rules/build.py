"""One YAML document -> one rule, or the reasons why not."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.rules.annex import control_ids, control_of_tag
from pipeline.rules.conditions import Compiled, compile_detection, compile_selection
from pipeline.rules.detection import DetectionError, EmptyListError, Names
from pipeline.rules.keys import LATER, LEVELS, OURS, SIGMA, Keys, check_keys, parse_keys
from pipeline.rules.logsource import LogSource
from pipeline.rules.metadata import check_metadata, text_field
from pipeline.rules.overlay import Entry, Facts
from pipeline.rules.problems import RulesError, nearest
from pipeline.rules.profiles import Profile, profile_for
from pipeline.rules.report import Report
from pipeline.rules.rule import Rule, parse_tests
from pipeline.rules.values import Real
from pipeline.rules.yamldoc import Document, Place
from store.records import MappingRecord

Overlaid = tuple[list[Entry], Report, set[int]]
"""An overlay's entries, the report of its file, and the entries that fitted a rule (filled in)."""

_OTHER_KINDS = {
    "correlation": "correlation rules are not supported; this rule is left out",
    "filter": "Sigma filters are not supported; this one is left out",
    "action": "collections with `action` are not supported; write each rule in full",
}


@dataclass(frozen=True, slots=True)
class Sources:
    """What rules may refer to: the organisation's lists and the logsource profiles."""

    lists: Mapping[str, tuple[str, ...]]
    profiles: tuple[Profile, ...]


def build_rule(
    document: Document, seed: str, path: str, report: Report, sources: Sources, overlaid: Overlaid | None = None
) -> Rule | None:
    """The rule in `document`, or None when it cannot be used (reported). `seed` makes an id for a rule of others that has none;
    with `overlaid`, the first entry that fits says what the rule means.
    """
    data = document.data
    if not isinstance(data, dict):
        report.error((), "a mapping is a map of keys")
        return None
    for key, message in _OTHER_KINDS.items():
        if key in data:
            report.warning((key,), message)
            return None
    if "detection" not in data:
        report.error((), "no detection: this is no mapping, no overlay and no Sigma rule", nearest("detection", data))
        return None
    source = _logsource(data, report)
    if source is None:
        return None
    building = _Building(document, data, source, path, report, sources)
    return building.overlaid(overlaid, seed) if overlaid else building.alone(seed)


def _logsource(data: Mapping[str, object], report: Report) -> LogSource | None:
    try:
        source = LogSource.of(data.get("logsource"))
    except RulesError as error:
        report.error(("logsource",), str(error))
        return None
    if source.kind != "log" or source.resource:
        report.error(("logsource",), f"mappings over a {source.kind} logsource with category or resource are not supported yet")
        return None
    return source


class _Building:
    def __init__(
        self, document: Document, data: Mapping[str, object], source: LogSource, path: str, report: Report, sources: Sources
    ) -> None:
        self._document, self._data, self._source, self._path = document, data, source, path
        self._report, self._sources = report, sources
        self._profile = profile_for(source, sources.profiles)
        self._names = Names(sources.lists, self._profile.renamed if self._profile else str)
        tags = data.get("tags")
        self._tags = tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else ()

    def alone(self, seed: str) -> Rule | None:
        """A rule that speaks for itself: ours by its keys, or a rule of others with tags or without."""
        data = self._data
        own = any(key in data for key in (*OURS, *LATER, "tests"))
        if not self._check_own_keys(own):
            return None
        meta = Report(self._report.path, self._document, foreign=not own)
        check_metadata(data, meta, own=own)
        self._report.problems += meta.problems
        keys = parse_keys(data, self._report, overlay=False) if own else Keys()
        controls = self._tagged(own)
        if own:
            check_keys(keys, controls, "until" in data, self._report, overlay=False)
        return self._rule(seed, keys, controls, data, self._report, own)

    def overlaid(self, overlaid: Overlaid, seed: str) -> Rule | None:
        """A rule of others under an overlay. One that no entry fits is plain evidence with no control."""
        entries, said, used = overlaid
        level = text_field(self._data, "level").lower()
        facts = Facts(text_field(self._data, "id"), self._tags, self._path, level, self._source)
        check_metadata(self._data, self._report, own=False)
        entry = next((entry for entry in entries if entry.fits(facts)), None)
        if entry is None:
            return self._rule(seed, Keys(), (), {}, self._report, False)
        used.add(entry.index)
        based = Report(said.path, said.document, base=("map", entry.index))
        if not self._check_entry(entry, based):
            said.problems += based.problems
            return None
        keys = parse_keys(entry.keys, based, overlay=True)
        controls = _known(entry.keys.get("controls"), based)
        check_keys(keys, controls, "until" in entry.keys, based, overlay=True)
        rule = self._rule(seed, keys, controls, entry.keys, based, False)
        said.problems += based.problems
        return rule

    def _check_own_keys(self, own: bool) -> bool:
        """Reports unknown keys and keys of later kinds; False when the rule must not be used."""
        usable = True
        valid = (*SIGMA, *OURS, "tests")
        for key in self._data:
            if key in LATER:
                self._report.error((key,), f"the key {key!r} is not supported yet")
                usable = False
            elif key not in valid and own:
                self._report.error((key,), f"unknown key {key!r}", nearest(key, valid))
            elif key not in valid and (hint := nearest(key, OURS, cutoff=0.8)):
                self._report.warning((key,), f"unknown key {key!r}", hint)
        return usable

    def _check_entry(self, entry: Entry, report: Report) -> bool:
        usable = True
        valid = ("controls", *OURS)
        for key in entry.keys:
            if key in LATER:
                report.error((key,), f"the key {key!r} is not supported yet")
                usable = False
            elif key not in valid:
                report.error((key,), f"unknown key {key!r} in an overlay's entry", nearest(key, valid))
        if not entry.keys.get("controls"):
            report.error((), "an entry names the controls its rules speak to", "controls: [A.8.15]")
        return usable

    def _tagged(self, own: bool) -> tuple[str, ...]:
        controls: list[str] = []
        for index, tag in enumerate(self._tags):
            try:
                control = control_of_tag(tag)
            except RulesError as error:
                self._report.error(("tags", index), str(error))
                continue
            if control is not None and control not in control_ids():
                hint = nearest(control, control_ids())
                self._report.error(("tags", index), f"the tag {tag!r} names no control of Annex A", hint)
            elif control is not None and control not in controls:
                controls.append(control)
        if own and not controls:
            self._report.error(("tags",), "the mapping speaks to no control", "add a tag such as iso27001-2022.a.8.15")
        return tuple(controls)

    def _rule(
        self, seed: str, keys: Keys, controls: tuple[str, ...], extra: Mapping[str, object], said: Report, own: bool
    ) -> Rule | None:
        matches = self._compiled(self._data["detection"], ("detection",), self._report, compile_detection)
        until = population = None
        if "until" in extra:
            until = self._compiled(extra["until"], ("until",), said, compile_selection)
        if "population" in extra:
            population = self._compiled(extra["population"], ("population",), said, compile_selection)
        if matches is None or ("until" in extra and until is None) or ("population" in extra and population is None):
            return None
        for name in matches.unused:
            self._report.warning(("detection", name), f"the condition never uses {name!r}")
        self._check_fields((matches, until, population))
        tests = extra.get("tests") if own else None
        lines = [self._document.line_of(("tests", index)) for index in range(len(tests) if isinstance(tests, list) else 0)]
        return Rule(
            record=self._record(seed, keys, controls, extra),
            matches=matches.node,
            until=until.node if until else None,
            population=population.node if population else None,
            subject=self._renamed_subject(keys),
            tests=parse_tests(tests, self._report, lines),
            own=own,
            line=self._document.line,
        )
