"""The compiled set: what it says of an event, at a cost that hardly grows with the number of rules."""

from __future__ import annotations

from typing import Final

from pipeline.rules.annex import Control
from pipeline.rules.judging import MAX_TYPES, CompiledSet
from pipeline.rules.members import Sets
from pipeline.rules.plans import Plan, plan_for
from pipeline.rules.problems import Problem
from pipeline.rules.rule import Rule
from store.records import Event, Judgement

_MAX_PLANS: Final = 64


class RuleSet(CompiledSet):
    """Rules compiled from a mapping set's bytes alone, matched together. Not shared between threads.

    Says what PlainRuleSet says, of every event; never anything that depends on earlier events.
    """

    def __init__(
        self,
        digest: str,
        rules: tuple[Rule, ...],
        controls: tuple[Control, ...],
        problems: tuple[Problem, ...],
        sets: tuple[Rule, ...] = (),
    ) -> None:
        super().__init__(digest, rules, controls, problems, sets)
        self._by_type: dict[str, Plan | None] = {}
        self._plans: dict[tuple[bool, tuple[int, ...]], Plan] = {}

    def judge(self, event: Event, sets: Sets | None = None) -> tuple[Judgement, ...]:
        """See CompiledSet."""
        try:
            plan = self._by_type[event.type]
        except KeyError:
            plan = self._plan(event)
        return () if plan is None else plan.judge(event, sets)

    def _plan(self, event: Event) -> Plan | None:
        """The plan of an event's type. Types that the same rules judge share one."""
        reached = self._reached(event.type)
        plan = None
        if reached:
            key = (event.observes, reached)
            plan = self._plans.get(key)
            if plan is None:
                if len(self._plans) >= _MAX_PLANS:
                    self._plans.clear()
                    self._by_type.clear()
                judges = [self._judges[index] for index in reached]
                plan = self._plans[key] = plan_for(judges, observes=event.observes)
        if len(self._by_type) >= MAX_TYPES:
            self._by_type.clear()
        self._by_type[event.type] = plan
        return plan
