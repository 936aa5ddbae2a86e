"""One rule against one event, by plain evaluation; and what every compiled set has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Final, Self

from pipeline.rules.annex import Control
from pipeline.rules.evaluate import FAILURES, Closure, Explainer, closure
from pipeline.rules.inner import Search
from pipeline.rules.load import load
from pipeline.rules.logsource import reaches
from pipeline.rules.mapping_set import MappingSet
from pipeline.rules.members import Members, Sets
from pipeline.rules.problems import Problem
from pipeline.rules.rule import Rule
from pipeline.rules.unread import UNREAD, Reads
from pipeline.rules.values import printable
from pipeline.rules.view import View
from store.records import Event, Judgement, MappingRecord, Verdict

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
    search: Search | None
    reads: Reads
    reads_population: Reads
    why_until: Explainer | None
    asks: bool
    """Does the rule ask sets?"""

    @classmethod
    def of(cls, rule: Rule) -> Judge:
        """The closures of a rule."""
        until = closure(rule.until) if rule.until else None
        population = closure(rule.population) if rule.population else None
        controls = tuple(control for control, _ in rule.record.controls)
        why_until = Explainer(rule.until) if rule.until else None
        inner = rule.inner
        return cls(
            rule=rule,
            matches=closure(rule.matches),
            until=until,
            population=population,
            controls=controls,
            why=Explainer(rule.matches),
            search=Search(inner, rule.matches) if inner else None,
            reads=Reads.of(
                [rule.matches, *([rule.until] if rule.until else [])],
                [*(inner.fields() if inner else ()), *([rule.fact.name] if rule.fact else [])],
            ),
            reads_population=Reads.of([rule.population] if rule.population else []),
            why_until=why_until,
            asks=bool(rule.sets()),
        )

    def says(self, event: Event, view: View, sets: Sets | None = None) -> Judgement | None:
        """The verdict on one event, or None: a log mapping (or a set) speaks only when it matches (or fails).

        Of an observation within its population it always says something: how the subject stood is kept, match or not.
        """
        if self.asks:
            view.members = Members(sets, event.time)
        try:
            partial = UNREAD in view.payload and event.observes
            if partial and (unread := self.reads_population.unread(view)):
                return self.error(event, unread)
            if self.population is not None and not self.population(view):
                return None
            if partial and (unread := self.reads.unread(view)):
                return self.error(event, unread)
            if self.search is not None:
                found = self.search(view, event.time)
                if found is not None:
                    return self._judgement(event, view, Verdict.MATCHED, self.why(found))
            elif self.matches(view):
                return self._judgement(event, view, Verdict.MATCHED, self.why(view))
            if self.until is not None and self.why_until is not None and self.until(view):
                return self._judgement(event, view, Verdict.UNTIL, self.why_until(view))
        except FAILURES as error:
            return self.error(event, f"{type(error).__name__}: {error}")
        return self.no_match(event) if event.observes else None

    def no_match(self, event: Event) -> Judgement | None:
        """Of an observation: how the subject stood. It speaks to the controls where it says the opposite of a match; a set reads
        nothing then.
        """
        record = self.rule.record
        if self.rule.lasts is not None:
            return None
        controls = self.controls if record.two_sided else ()
        return Judgement(record.id, Verdict.NOT_MATCHED, record.finding, _observed(event), controls, "no match")

    def _judgement(self, event: Event, view: View, verdict: Verdict, reason: str) -> Judgement:
        record = self.rule.record
        if self.rule.lasts is not None:
            subject = self.rule.member_of(view)
        else:
            subject = _observed(event) if event.observes else self.rule.subject_of(event.account, view)
        return Judgement(record.id, verdict, record.finding, subject, self.controls, reason, self.rule.fact_of(view))

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
        self,
        digest: str,
        rules: tuple[Rule, ...],
        controls: tuple[Control, ...],
        problems: tuple[Problem, ...],
        sets: tuple[Rule, ...] = (),
    ) -> None:
        self.digest = digest
        self.rules = rules
        self.sets = sets
        """Rules by which members join and leave the sets that mappings ask."""
        self.asking = frozenset(rule.record.id for rule in rules if rule.sets())
        """Ids of the mappings that ask a set."""
        self.controls = controls
        self.problems = problems
        self.mappings: tuple[MappingRecord, ...] = tuple(rule.record for rule in rules)
        self._judges = tuple(Judge.of(rule) for rule in (*rules, *sets))
        self._by_types: dict[tuple[str, ...], list[int]] = {}
        for index, judge in enumerate(self._judges):
            self._by_types.setdefault(judge.rule.record.types, []).append(index)

    @classmethod
    def compile(cls, mapping_set: MappingSet) -> Self:
        """All rules that can be used; `problems` says why others cannot. Never raises for what the set holds."""
        loaded = load(mapping_set)
        return cls(mapping_set.digest, loaded.rules, loaded.controls, loaded.problems, loaded.sets)

    @abstractmethod
    def judge(self, event: Event, sets: Sets | None = None) -> tuple[Judgement, ...]:
        """What the mapping set says of one event: for a log event its matches, until matches and errors. Pure; never raises.

        `sets`: who is a member of what, and when. What a set reads of the event is a judgement about the member, by `set:NAME`.
        """

    def _reached(self, event_type: str) -> tuple[int, ...]:
        """The rules that judge events of this type, in order."""
        reached = (indexes for types, indexes in self._by_types.items() if reaches(types, event_type))
        return tuple(sorted(index for indexes in reached for index in indexes))
