"""The compiled set: what it says of an event. This is the reference; a faster matcher must say the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.rules.annex import Control
from pipeline.rules.dispatch import Dispatch, Needs, either, needs
from pipeline.rules.evaluate import Closure, closure, explain
from pipeline.rules.load import load
from pipeline.rules.logsource import reaches
from pipeline.rules.mapping_set import MappingSet
from pipeline.rules.problems import Problem, RulesError
from pipeline.rules.rule import Rule
from pipeline.rules.values import PayloadError, decode_payload, printable
from pipeline.rules.view import View
from store.records import Event, Judgement, MappingRecord, Verdict

_MAX_TYPES: Final = 1024
_FAILURES: Final = (ArithmeticError, AttributeError, LookupError, RecursionError, RulesError, TypeError, ValueError)
"""What evaluating a rule may raise; all else is a defect of the process, not of the rule."""


@dataclass(frozen=True, slots=True)
class _Judge:
    """A rule ready to run."""

    rule: Rule
    matches: Closure
    until: Closure | None
    population: Closure | None
    controls: tuple[str, ...]

    @classmethod
    def of(cls, rule: Rule) -> _Judge:
        until = closure(rule.until) if rule.until else None
        population = closure(rule.population) if rule.population else None
        return cls(rule, closure(rule.matches), until, population, tuple(control for control, _ in rule.record.controls))

    def needs(self) -> Needs:
        """What an event must hold for either verdict."""
        sides = [needs(self.rule.matches), *([needs(self.rule.until)] if self.rule.until else [])]
        return either(sides)

    def says(self, event: Event, view: View) -> Judgement | None:
        """The verdict on one event, or None: a log mapping speaks only when it matches (or fails).

        Of an observation within its population it always says something: how the subject stood is kept, match or not.
        """
        try:
            if self.population is not None and not self.population(view):
                return None
            if self.matches(view):
                return self._judgement(event, view, Verdict.MATCHED, explain(self.rule.matches, view))
            if self.rule.until is not None and self.until is not None and self.until(view):
                return self._judgement(event, view, Verdict.UNTIL, explain(self.rule.until, view))
        except _FAILURES as error:
            return self.error(event, f"{type(error).__name__}: {error}")
        return self._judgement(event, view, Verdict.NOT_MATCHED, "no match") if event.observes else None

    def _judgement(self, event: Event, view: View, verdict: Verdict, reason: str) -> Judgement:
        record = self.rule.record
        subject = printable(event.subject or event.account) if event.observes else self.rule.subject_of(event.account, view)
        controls = () if verdict is Verdict.NOT_MATCHED else self.controls
        return Judgement(record.id, verdict, record.finding, subject, controls, reason)

    def error(self, event: Event, reason: str) -> Judgement:
        """An error is a verdict of its own: never a pass."""
        record = self.rule.record
        subject = printable(event.subject or event.account) if event.observes else event.account
        return Judgement(record.id, Verdict.ERROR, record.finding, subject, self.controls, printable(reason))


class RuleSet:
    """Rules compiled from a mapping set's bytes alone. Not shared between threads."""

    def __init__(
        self, digest: str, rules: tuple[Rule, ...], controls: tuple[Control, ...], problems: tuple[Problem, ...]
    ) -> None:
        self.digest = digest
        self.rules = rules
        self.controls = controls
        self.problems = problems
        self.mappings: tuple[MappingRecord, ...] = tuple(rule.record for rule in rules)
        self._judges = tuple(_Judge.of(rule) for rule in rules)
        self._by_type: dict[str, Dispatch[_Judge]] = {}

    @classmethod
    def compile(cls, mapping_set: MappingSet) -> RuleSet:
        """All rules that can be used; `problems` says why others cannot. Never raises for what the set holds."""
        loaded = load(mapping_set)
        return cls(mapping_set.digest, loaded.rules, loaded.controls, loaded.problems)

    def judge(self, event: Event, sets: Mapping[str, object] | None = None) -> tuple[Judgement, ...]:  # noqa: ARG002
        """What the set says of one event: for a log event its matches, until matches and errors. Pure; never raises.

        `sets` are the store's tables that mappings of later kinds read.
        """
        dispatch = self._dispatch(event.type)
        if not dispatch.rules:
            return ()
        try:
            view = View(decode_payload(event.payload))
            candidates = dispatch.rules if event.observes else dispatch.candidates(view)
        except (PayloadError, RecursionError) as error:  # lists nested by the thousand end in the latter
            return tuple(judge.error(event, f"the payload cannot be read: {error}") for judge in dispatch.rules)
        said = (judge.says(event, view) for judge in candidates)
        return tuple(judgement for judgement in said if judgement is not None)

    def _dispatch(self, event_type: str) -> Dispatch[_Judge]:
        found = self._by_type.get(event_type)
        if found is None:
            if len(self._by_type) >= _MAX_TYPES:
                self._by_type.clear()
            chosen = [judge for judge in self._judges if reaches(judge.rule.record.types, event_type)]
            found = self._by_type[event_type] = Dispatch(chosen, _Judge.needs)
        return found
