"""A mapping set -> usable rules, the catalogue of controls, and everything that is wrong with the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pipeline.rules.annex import Control, parse_annex
from pipeline.rules.assemble import Sources
from pipeline.rules.build import build_rule
from pipeline.rules.mapping_set import MappingSet
from pipeline.rules.overlay import Entry, OverlayError, parse_overlay
from pipeline.rules.problems import Problem, RulesError
from pipeline.rules.profiles import Profile, parse_profile
from pipeline.rules.report import Report
from pipeline.rules.rule import Rule
from pipeline.rules.set_file import build_set, set_name
from pipeline.rules.yamldoc import Document, YamlError, read_documents


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a mapping set holds. A rule that cannot be used is not among `rules`; `problems` says why."""

    rules: tuple[Rule, ...]
    controls: tuple[Control, ...]
    profiles: tuple[Profile, ...]
    problems: tuple[Problem, ...]
    sets: tuple[Rule, ...] = ()


def load(mapping_set: MappingSet) -> Loaded:
    """Reads every text of the set. Never raises for what a text holds."""
    loader = _Loader(mapping_set)
    files = sorted(mapping_set.files.items())
    for path, text in files:
        if name := set_name(path):
            loader.set_file(path, text, name)
    for path, text in files:
        if not set_name(path):
            loader.plain_file(path, text)
    for path, text in sorted(mapping_set.overlays.items()):
        loader.overlay(path, text, mapping_set.overlay_rules.get(path, {}))
    return loader.loaded()


class _Loader:
    def __init__(self, mapping_set: MappingSet) -> None:
        self._rules: dict[str, Rule] = {}
        self._reports: list[Report] = []
        self._controls: tuple[Control, ...] = ()
        if mapping_set.annex:
            self._controls, reports = parse_annex(mapping_set.annex, "annex_a.yaml")
            self._reports += reports
        # The organisation's profiles come before the product's: the first that fits a logsource is used.
        texts = sorted(mapping_set.profiles.items(), key=lambda item: (item[0].startswith("control_mappings/"), item[0]))
        profiles = [profile for path, text in texts for profile in self._profiles(path, text)]
        self._sets: dict[str, Rule] = {}
        self._sources = Sources(dict(mapping_set.lists), tuple(profiles))

    def loaded(self) -> Loaded:
        problems = sorted({problem for report in self._reports for problem in report.problems})
        return Loaded(
            tuple(self._rules.values()), self._controls, self._sources.profiles, tuple(problems), tuple(self._sets.values())
        )

    def plain_file(self, path: str, text: str) -> None:
        """A file of rules, ours or of others, that speaks for itself."""
        for index, document in enumerate(self._documents(path, text, foreign=False)):
            report = self._report(path, document)
            self._keep(build_rule(document, f"{path}#{index}", path, report, self._sources), report)

    def set_file(self, path: str, text: str, name: str) -> None:
        """A file of `sets`."""
        for document in self._documents(path, text, foreign=False):
            report = self._report(path, document)
            rule = build_set(document, name, report, self._sources)
            if name in self._sets:
                report.error((), f"the set {name!r} is defined by {self._sets[name].record.path} too; this one is left out")
            elif rule is not None:
                self._sets[name] = rule
                self._sources = replace(self._sources, sets={**self._sources.sets, name: rule.record.digest})

    def overlay(self, path: str, text: str, rules: Mapping[str, str]) -> None:
        """An overlay and the rules of others that it names."""
        documents = self._documents(path, text, foreign=False)
        if not documents:
            return
        report = self._report(path, documents[0])
        try:
            entries = parse_overlay(documents[0])
        except OverlayError as error:
            report.error(error.place, str(error), error.hint)
            return
        used = {
            index for below, rule in sorted(rules.items()) for index in self._mapped(path, below, rule, entries, documents[0])
        }
        for entry in entries:
            if entry.index not in used:
                report.warning(("map", entry.index), "this entry fits no rule")

    def _mapped(self, path: str, below: str, text: str, entries: list[Entry], overlay: Document) -> set[int]:
        used: set[int] = set()
        name = f"{path}:{below}"
        for index, document in enumerate(self._documents(name, text, foreign=True)):
            report = Report(name, document, foreign=True)
            said = Report(path, overlay)
            self._reports += [report, said]
            rule = build_rule(document, f"{name}#{index}", below, report, self._sources, (entries, said, used))
            self._keep(rule, report)
        return used

    def _keep(self, rule: Rule | None, report: Report) -> None:
        if rule is None:
            return
        other = self._rules.get(rule.record.id)
        if other is not None:
            report.error(("id",), f"the id {rule.record.id} is taken by {other.record.path}; this rule is left out")
            return
        self._rules[rule.record.id] = rule

    def _documents(self, path: str, text: str, *, foreign: bool) -> list[Document]:
        try:
            return read_documents(text)
        except YamlError as error:
            report = Report(path, foreign=foreign)
            report.at_line(error.line, "error", str(error))
            self._reports.append(report)
            return []

    def _profiles(self, path: str, text: str) -> list[Profile]:
        found: list[Profile] = []
        for document in self._documents(path, text, foreign=False):
            try:
                found.append(parse_profile(path, document.data))
            except RulesError as error:
                self._report(path, document).error((), str(error))
        return found

    def _report(self, path: str, document: Document) -> Report:
        report = Report(path, document)
        self._reports.append(report)
        return report
