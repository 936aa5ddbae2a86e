"""One rule against one event, by plain evaluation; and what every compiled set has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from pipeline.rules.annex import Control
from pipeline.rules.evaluate import Closure, Explainer, closure
from pipeline.rules.load import load
from pipeline.rules.logsource import reaches
from pipeline.rules.mapping_set import MappingSet
from pipeline.rules.problems import Problem, RulesError
from pipeline.rules.rule import Rule
from pipeline.rules.values import printable
from pipeline.rules.view import View
from store.records import Event, Judgement, MappingRecord, Verdict

FAILURES: Final = (ArithmeticError, AttributeError, LookupError, RecursionError, RulesError, TypeError, ValueError)
"""What evaluating a rule may raise; all else is a defect of the process, not of the rule."""
MAX_TYPES: Final = 1024
"""Event types remembered: senders choose them, so they must not grow without bound."""


@dataclass(frozen=True, slots=True)
class Judge:
    """A rule ready to run."""

    rule: Rule
    matches: Closure
    until: Closure | None
    population: Closure | None
    controls: tuple[str, ...]
    why: Explainer
    why_until: Explainer | None

    @classmethod
    def of(cls, rule: Rule) -> Judge:
        """The closures of a rule."""
        until = closure(rule.until) if rule.until else None
        population = closure(rule.population) if rule.population else None
        controls = tuple(control for control, _ in rule.record.controls)
        why_until = Explainer(rule.until) if rule.until else None
        return cls(rule, closure(rule.matches), until, population, controls, Explainer(rule.matches), why_until)

    def says(self, event: Event, view: View) -> Judgement | None:
        """The verdict on one event, or None: a log mapping speaks only when it matches (or fails).

        Of an observation within its population it always says something: how the subject stood is kept, match or not.
        """
        try:
            if self.population is not None and not self.population(view):
                return None
            if self.matches(view):
                return self._judgement(event, view, Verdict.MATCHED, self.why(view))
            if self.until is not None and self.why_until is not None and self.until(view):
                return self._judgement(event, view, Verdict.UNTIL, self.why_until(view))
        except FAILURES as error:
            return self.error(event, f"{type(error).__name__}: {error}")
        return self.no_match(event) if event.observes else None

    def no_match(self, event: Event) -> Judgement:
        """Of an observation: how the subject stood, which speaks to no control."""
        record = self.rule.record
        return Judgement(record.id, Verdict.NOT_MATCHED, record.finding, _observed(event), (), "no match")

    def _judgement(self, event: Event, view: View, verdict: Verdict, reason: str) -> Judgement:
        record = self.rule.record
        subject = _observed(event) if event.observes else self.rule.subject_of(event.account, view)
        return Judgement(record.id, verdict, record.finding, subject, self.controls, reason)

    def error(self, event: Event, reason: str) -> Judgement:
        """An error is a verdict of its own: never a pass."""
        record = self.rule.record
        subject = _observed(event) if event.observes else event.account
        return Judgement(record.id, Verdict.ERROR, record.finding, subject, self.controls, printable(reason))

    def unreadable(self, event: Event, error: Exception) -> Judgement:
        """What a rule says of a payload that is no JSON object."""
        return self.error(event, f"the payload cannot be read: {error}")


def _observed(event: Event) -> str:
    return printable(event.subject or event.account)


class CompiledSet(ABC):
    """Rules compiled from a mapping set's bytes alone. Not shared between threads."""

    def __init__(
        self, digest: str, rules: tuple[Rule, ...], controls: tuple[Control, ...], problems: tuple[Problem, ...]
    ) -> None:
        self.digest = digest
        self.rules = rules
        self.controls = controls
        self.problems = problems
        self.mappings: tuple[MappingRecord, ...] = tuple(rule.record for rule in rules)
        self._judges = tuple(Judge.of(rule) for rule in rules)
        self._by_types: dict[tuple[str, ...], list[int]] = {}
        for index, record in enumerate(self.mappings):
            self._by_types.setdefault(record.types, []).append(index)

    @classmethod
    def compile(cls, mapping_set: MappingSet) -> Self:
        """All rules that can be used; `problems` says why others cannot. Never raises for what the set holds."""
        loaded = load(mapping_set)
        return cls(mapping_set.digest, loaded.rules, loaded.controls, loaded.problems)

    @abstractmethod
    def judge(self, event: Event, sets: Mapping[str, object] | None = None) -> tuple[Judgement, ...]:
        """What the set says of one event: for a log event its matches, until matches and errors. Pure; never raises.

        `sets` are the store's tables that mappings of later kinds read.
        """

    def _reached(self, event_type: str) -> tuple[int, ...]:
        """The rules that judge events of this type, in order."""
        reached = (indexes for types, indexes in self._by_types.items() if reaches(types, event_type))
        return tuple(sorted(index for indexes in reached for index in indexes))
