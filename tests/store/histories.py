"""Random histories of a store: what collectors, people and time may do to it, in any order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from store.records import HOUR, Closing, Judged, Verdict
from tests.store.lab import CONTROLS, MAPPINGS, T0, Lab, mapping

SUBJECTS = ("111122223333/alice", "111122223333/bob")
SAYINGS = (
    ("open", Verdict.MATCHED),
    ("open", Verdict.UNTIL),
    ("open", Verdict.ERROR),
    ("two", Verdict.MATCHED),
    ("two", Verdict.UNTIL),
    ("sat", Verdict.MATCHED),
    ("sat", Verdict.ERROR),
    ("plain", Verdict.MATCHED),
)
SETS = (
    MAPPINGS,
    (*MAPPINGS[:1], *MAPPINGS[2:]),
    (mapping("open", "not-satisfied", (("A.5.15", "strong"), ("A.5.2", "strong")), digest="2"), *MAPPINGS[1:]),
    (mapping("open", "evidence", (("A.5.15", "strong"),), digest="3"), *MAPPINGS[1:]),
)

hours = st.integers(0, 200)
said = st.tuples(st.sampled_from(SAYINGS), st.sampled_from(SUBJECTS))
one = st.tuples(hours, st.lists(said, max_size=2, unique_by=lambda s: s[0][0]), st.integers(0, 30))
events = st.lists(one, max_size=5)
actions = st.one_of(
    st.tuples(st.just("events"), events),
    st.tuples(st.just("events"), events),
    st.tuples(st.just("window"), hours, st.integers(1, 90), events, st.sampled_from(["complete", "partial", "failed"])),
    st.tuples(st.just("window"), hours, st.integers(1, 90), events, st.just("complete")),
    st.tuples(st.just("wait"), st.integers(0, 3 * 24)),
    st.tuples(st.just("due")),
    st.tuples(st.just("activate"), st.sampled_from(SETS)),
    st.tuples(st.just("unreadable"), st.integers(0, 3)),
    st.tuples(st.just("close"), st.sampled_from(SUBJECTS), hours),
    st.tuples(st.just("abandon"), hours, st.integers(1, 90)),
)
histories = st.lists(actions, min_size=1, max_size=12)


def play(lab: Lab, history: list[Any], start: int = T0 + 300 * HOUR) -> None:
    """Do what a history says. Event hours count from T0; a clock that starts within them makes some lie in the future."""
    lab.now = start
    lab.activate()
    for action, *more in history:
        lab.wait(1)
        getattr(Player(lab), f"do_{action}")(*more)


class Player:
    """One method for each action."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def items(self, events: Any) -> list[Judged]:
        """Events by number: the same number is the same id, with other bytes at another hour."""
        lab = self.lab
        made = []
        for hour, sayings, number in events:
            event = lab.event(f"e{number}", T0 + hour * HOUR, payload=f'{{"n":{number},"h":{hour}}}'.encode())
            held = [(*saying, subject) for saying, subject in sayings if saying[0] in lab.mappings]
            made.append(lab.judged(event, *held))
        return made

    def do_events(self, events: Any) -> None:
        self.lab.append(*self.items(events))

    def do_window(self, start: int, length: int, events: Any, state: str) -> None:
        begin, end = T0 + start * HOUR, T0 + (start + length) * HOUR
        more: dict[str, Any] = {"covers": (), "parts": ()} if state == "failed" else {}
        self.lab.window(begin, end, *self.items(events), state=state, **more)

    def do_wait(self, time: int) -> None:
        self.lab.wait(time * HOUR)

    def do_due(self) -> None:
        self.lab.due()

    def do_activate(self, records: Any) -> None:
        self.lab.activate(records, CONTROLS)

    def do_unreadable(self, number: int) -> None:
        self.lab.append(self.lab.unreadable(f"bad{number}"))

    def do_close(self, subject: str, hour: int) -> None:
        if self.lab.states().get(("open", subject)) == "not-satisfied":
            closing = Closing("open", subject, T0 + hour * HOUR, "looked into", "carol")
            self.lab.append(closings=(closing,))

    def do_abandon(self, start: int, length: int) -> None:
        """An attempt whose record never comes."""
        lab = self.lab
        attempt = lab.open_window(T0 + start * HOUR, T0 + (start + length) * HOUR)
        event = lab.event(f"lost-{attempt}", T0 + start * HOUR, window=attempt)
        lab.append(replace(lab.judged(event, "plain"), partition=0) if "plain" in lab.mappings else lab.judged(event))
        lab.wait(2 * HOUR)
        lab.append(settle=(attempt,))
