"""The test events that mappings carry, run against them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from pipeline.rules.members import always
from pipeline.rules.rule import Expected, Rule
from pipeline.rules.ruleset import RuleSet
from pipeline.rules.values import Real
from store.records import Event, Verdict

_ACCOUNT: Final = "000000000000"


@dataclass(frozen=True, slots=True)
class TrialResult:
    """One test event of one mapping. `said` is the verdict that came out (None: nothing), `reason` its explanation."""

    mapping: str
    path: str
    line: int
    name: str
    expected: Expected
    said: Verdict | None
    reason: str

    @property
    def passed(self) -> bool:
        """True when the mapping said what the test expects. A test that must not match may close."""
        if self.expected is False:
            return self.said in (None, Verdict.UNTIL, Verdict.NOT_MATCHED)
        return self.said is (Verdict.MATCHED if self.expected is True else Verdict.UNTIL)


def run_tests(rules: Iterable[Rule]) -> list[TrialResult]:
    """Every test event of every rule, judged by that rule alone."""
    return [result for rule in rules if rule.tests for result in _of_rule(rule)]


def _of_rule(rule: Rule) -> list[TrialResult]:
    alone = RuleSet("", (rule,), (), ())
    event_type = rule.record.types[0].replace("*", "any")
    results: list[TrialResult] = []
    for case in rule.tests:
        event = Event("test", case.name, event_type, case.time or 0, msgspec.json.encode(_payload(case.event)), account=_ACCOUNT)
        said = alone.judge(event, always(dict.fromkeys(rule.sets(), ()) | dict(case.sets)))
        verdict, reason = (said[0].verdict, said[0].reason) if said else (None, "")
        record = rule.record
        results.append(TrialResult(record.id, record.path, case.line, case.name, case.expected, verdict, reason))
    return results


def _payload(value: object) -> object:
    """YAML values as JSON: exact numbers keep their digits."""
    if isinstance(value, Real):
        return msgspec.Raw(value.encode("ascii"))
    if isinstance(value, dict):
        return {key: _payload(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_payload(each) for each in value]
    return value
