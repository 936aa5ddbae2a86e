"""What a status says: the state that findings give a control, and the document that `attestream status --json` prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from store.entries import counts_json
from store.records import ControlState, Counts, State
from store.reports import ControlStatus, LogStatus, Moment, SourceStatus, WindowView
from store.times import format_time

SPEAKS = (State.SATISFIED, State.NOT_SATISFIED, State.STALE)
"""Finding states that count in a control's state."""


def control_state(tally: Mapping[State, int], *, applicable: bool = True) -> ControlState:
    """The state that findings give a control: anything open, else anything stale, else anything that spoke for it.

    What exceptions cover (`accepted`) speaks neither way. One that the Statement of Applicability excludes is not applicable.
    """
    if not applicable:
        return ControlState.NOT_APPLICABLE
    if tally.get(State.NOT_SATISFIED, 0) > 0:
        return ControlState.NOT_SATISFIED
    if tally.get(State.STALE, 0) > 0:
        return ControlState.STALE
    if tally.get(State.SATISFIED, 0) > 0:
        return ControlState.SATISFIED
    return ControlState.NOT_ASSESSED


class StatusQuery(Protocol):
    """What `status_json` asks of the reading side."""

    def log(self) -> LogStatus: ...

    def totals(self) -> Counts: ...

    def controls(self, moment: Moment) -> Mapping[str, ControlStatus]: ...

    def sources(self, now: int) -> Any: ...


def status_json(
    query: StatusQuery, now: int, moment: Moment, checkpoint_size: int | None, anchored_at: int | None
) -> dict[str, Any]:
    """The document of `attestream status --json`.

    `as_of` is RFC 3339 text and `known_at` a log size: those that were asked for, else `now` and the log's head. Counts, sources
    and log are always of the present.
    """
    log = query.log()
    return {
        "as_of": format_time(moment.as_of if moment.as_of is not None else now),
        "known_at": moment.known_at if moment.known_at is not None else log.size,
        "mapping_set": log.mapping_set,
        "events": counts_json(query.totals()),
        "controls": {id_: control_json(control) for id_, control in query.controls(moment).items()},
        "sources": {source.name: source_json(source) for source in query.sources(now)},
        "log": {
            "origin": log.origin,
            "size": log.size,
            "root": log.root,
            "checkpoint_size": checkpoint_size,
            "anchored_at": _time(anchored_at),
            "dead_letters": log.dead_letters,
        },
    }


def control_json(control: ControlStatus) -> dict[str, Any]:
    """One control of the status document."""
    return {
        "state": control.state.value,
        "since": _time(control.since),
        "findings": {
            "not_satisfied": control.not_satisfied,
            "satisfied": control.satisfied,
            "accepted": control.accepted,
        },
        "last_evidence": _time(control.last_evidence),
    }


def source_json(source: SourceStatus) -> dict[str, Any]:
    """One source of the status document. `gaps` are periods on the axis of delivery."""
    return {
        "state": source.state,
        "last_window": _window(source.last_window) if source.last_window is not None else None,
        "gaps": [{"from": format_time(start), "to": format_time(end)} for start, end in source.gaps],
        "lag_seconds": source.lag_seconds,
    }


def _window(window: WindowView) -> dict[str, Any]:
    return {
        "attempt": window.attempt,
        "kind": window.kind,
        "state": window.state,
        "from": format_time(window.asked[0]),
        "to": format_time(window.asked[1]),
        "closed_at": _time(window.closed_at),
        "counts": counts_json(window.counts),
    }


def _time(micros: int | None) -> str | None:
    return format_time(micros) if micros is not None else None
