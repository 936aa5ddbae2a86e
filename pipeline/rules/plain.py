"""The reference: every rule of an event's type evaluated on its own. The fast matcher must say the same."""

from __future__ import annotations

from pipeline.rules.judging import CompiledSet
from pipeline.rules.members import Sets
from pipeline.rules.values import PayloadError, decode_payload
from pipeline.rules.view import View
from store.records import Event, Judgement


class PlainRuleSet(CompiledSet):
    """A set that judges by one closure per rule: slow, and plain to see right."""

    def judge(self, event: Event, sets: Sets | None = None) -> tuple[Judgement, ...]:
        """See CompiledSet."""
        judges = [self._judges[index] for index in self._reached(event.type)]
        if not judges:
            return ()
        try:
            view = View(decode_payload(event.payload))
        except PayloadError as error:
            return tuple(judge.unreadable(event, error) for judge in judges)
        said = (judge.says(event, view, sets) for judge in judges)
        return tuple(judgement for judgement in said if judgement is not None)
