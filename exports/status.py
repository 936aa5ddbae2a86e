"""status.json: the state of controls and findings at the end of a bundle's period, as finding entries fold into it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from exports.scope import SPEAKS
from exports.survey import Survey
from store.entries import canonical


def status_chunks(survey: Survey) -> Iterator[bytes]:
    """The bytes of status.json: canonical JSON, in pieces, for a log may hold many findings."""
    yield b'{"controls":' + canonical(control_states(survey)) + b',"findings":['
    comma = b""
    for (mapping, subject), row in sorted(survey.findings.items()):
        finding = {
            "controls": list(row.controls),
            "event_time": row.event_time,
            "index": row.index,
            "mapping": mapping,
            "state": row.state,
            "subject": subject,
        }
        yield comma + canonical(finding)
        comma = b","
    sources = [{"source": name, **tally.to_json()} for name, tally in sorted(survey.sources.items())]
    yield b'],"scope":' + canonical(survey.scope.to_json()) + b',"sources":' + canonical(sources) + b"}"


def control_states(survey: Survey) -> list[dict[str, Any]]:
    """Each control that findings, evidence or statements speak of (those asked for, if any are): its state and counts."""
    tallies: dict[str, Counter[str]] = defaultdict(Counter)
    for row in survey.findings.values():
        for control in row.controls:
            tallies[control][row.state] += 1
    for control in (*survey.evidence, *survey.applicable, *survey.scope.controls):
        tallies[control] += Counter()
    wanted = survey.scope.controls or tallies.keys()
    return [
        {
            "control": control,
            "evidence": survey.evidence[control],
            "state": _state(survey, control, tally),
            **{state.replace("-", "_"): tally[state] for state in sorted(SPEAKS)},
        }
        for control, tally in sorted(tallies.items())
        if control in wanted
    ]


def _state(survey: Survey, control: str, tally: Mapping[str, int]) -> str:
    if not survey.applicable.get(control, ("", True))[1]:
        return "not-applicable"
    return next((s for s in ("not-satisfied", "stale", "satisfied") if tally[s]), "not-assessed")
