"""How the rules of one event type are matched together. What can be ruled out by bits is; the plain evaluator judges the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pipeline.rules.classify import Classifier, gather
from pipeline.rules.clauses import UNKNOWN, Form, form_of, product, union
from pipeline.rules.evaluate import FAILURES
from pipeline.rules.judging import Judge
from pipeline.rules.members import Sets
from pipeline.rules.nodes import Node
from pipeline.rules.rule import Rule
from pipeline.rules.unread import UNREAD
from pipeline.rules.values import PayloadError, decode_payload
from pipeline.rules.view import View
from store.records import Event, Judgement


class Plan(Protocol):
    """The rules that judge one type of event."""

    def judge(self, event: Event, sets: Sets | None = None) -> tuple[Judgement, ...]:
        """What they say of an event of this type, in their order. Never raises."""
        ...


def plan_for(judges: Sequence[Judge], *, observes: bool) -> Plan:
    """The plan of some rules over log events, or over observations."""
    return _Observed(judges) if observes else _Log(judges)


class _Log:
    """Of a log event rules speak only by matching: those whose clauses all die are never looked at."""

    def __init__(self, judges: Sequence[Judge]) -> None:
        self._judges = tuple(judges)
        self._bits = Classifier([_speaks(judge.rule) for judge in judges], _nodes(judges))

    def judge(self, event: Event, sets: Sets | None = None) -> tuple[Judgement, ...]:
        judges = self._judges
        try:
            live, view = self._bits.alive(event.payload)
            if view is None:
                return ()
            chosen = [judges[owner] for owner in self._bits.owners(live)]
        except PayloadError as error:
            return tuple(judge.unreadable(event, error) for judge in judges)
        except FAILURES:  # a value that some test cannot stand: each rule says so for itself
            return _all_say(judges, event, sets)
        said = [judge.says(event, view, sets) for judge in chosen]
        return tuple([judgement for judgement in said if judgement is not None])


class _Observed:
    """Of an observation every rule speaks within its population."""

    def __init__(self, judges: Sequence[Judge]) -> None:
        self._judges = tuple(judges)
        inside = [_population(judge.rule) for judge in judges]
        forms = [_speaks(judge.rule) for judge in judges]
        self._bits = Classifier([*forms, *(form for form in inside if form is not None)], _nodes(judges))
        places = iter(range(len(forms), len(forms) + len(inside)))
        self._inside = [(None, True) if form is None else (next(places), form.exact) for form in inside]

    def judge(self, event: Event, sets: Sets | None = None) -> tuple[Judgement, ...]:
        judges = self._judges
        try:
            view = View(decode_payload(event.payload))
        except PayloadError as error:
            return tuple(judge.unreadable(event, error) for judge in judges)
        if UNREAD in view.payload:
            return _say(judges, event, view, sets)
        try:
            alive = frozenset(self._bits.owners(self._bits.alive_in(view)))
        except FAILURES:
            return _all_say(judges, event, sets)
        said: list[Judgement | None] = []
        for place, (judge, (inside, exact)) in enumerate(zip(judges, self._inside, strict=True)):
            if place in alive:
                said.append(judge.says(event, view, sets))
            elif inside is None or inside in alive:
                said.append(judge.no_match(event) if exact else judge.says(event, view, sets))
        return tuple([judgement for judgement in said if judgement is not None])


def _all_say(judges: Sequence[Judge], event: Event, sets: Sets | None) -> tuple[Judgement, ...]:
    return _say(judges, event, View(decode_payload(event.payload)), sets)


def _say(judges: Sequence[Judge], event: Event, view: View, sets: Sets | None) -> tuple[Judgement, ...]:
    said = (judge.says(event, view, sets) for judge in judges)
    return tuple(judgement for judgement in said if judgement is not None)


def _nodes_of(rule: Rule) -> list[Node]:
    return [node for node in (rule.population, rule.matches, rule.until) if node is not None]


def _nodes(judges: Sequence[Judge]) -> list[Node]:
    return [node for judge in judges for node in _nodes_of(judge.rule)]


def _plain_only(rule: Rule) -> bool:
    """Has it a test that may raise? Then whether it does hangs on the order of evaluation, which bits have not."""
    return not all(gather(node, {}) for node in _nodes_of(rule))


def _speaks(rule: Rule) -> Form:
    """When the rule matches or closes."""
    if _plain_only(rule):
        return UNKNOWN
    # An element's own fields and derived numbers are not the event's: what they must be is left to the plain evaluator.
    matches = rule.matches if rule.inner is None else rule.inner.gate(rule.matches)
    either = union([form_of(node) for node in (matches, rule.until) if node is not None])
    return product([form_of(rule.population), either]) if rule.population is not None else either


def _population(rule: Rule) -> Form | None:
    """When the rule judges an event at all; None: always."""
    if rule.population is None:
        return None
    return UNKNOWN if _plain_only(rule) else form_of(rule.population)
