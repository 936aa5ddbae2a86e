"""Random histories of a store: what collectors, people and time may do to it, in any order."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from store.errors import StoreError
from store.records import DAY, HOUR, Closing, Judged, Verdict
from store.statements import AttestationAct, ExceptionAct, SoaAct, Statement
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
numbers = st.integers(1, 2)
excepted = st.tuples(st.sampled_from(("open", "two")), st.sampled_from((*SUBJECTS, None)))
days = st.integers(1, 12)
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
    st.tuples(st.just("except"), st.sampled_from(["add", "renew", "revoke"]), numbers, excepted, days),
    st.tuples(st.just("except"), st.just("add"), numbers, excepted, days),
    st.tuples(st.just("attest"), st.sampled_from(["add", "renew"]), numbers, hours, days, st.booleans(), st.booleans()),
    st.tuples(st.just("review"), numbers, st.booleans()),
    st.tuples(st.just("revoke"), numbers),
    st.tuples(st.just("soa"), st.sampled_from(("A.5.15", "A.8.15", "A.5.2")), st.booleans()),
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
        if self.lab.states().get(("open", subject)) in ("not-satisfied", "accepted"):
            closing = Closing("open", subject, T0 + hour * HOUR, "looked into", "carol")
            self.lab.append(closings=(closing,))

    def state(self, act: Statement) -> None:
        """State it, if it can be: what is refused leaves no trace."""
        size = self.lab.query.log().size
        try:
            self.lab.append(statements=(act,))
        except StoreError:
            assert self.lab.query.log().size == size

    def do_except(self, act: Any, number: int, about: tuple[str, str | None], length: int) -> None:
        until = self.lab.now + length * DAY
        self.state(ExceptionAct(act, f"{number:032x}", "why", "carol", "", "dave", until, *about))

    def do_attest(self, act: Any, number: int, hour: int, length: int, against: bool, four_eyes: bool) -> None:
        made = min(T0 + hour * HOUR, self.lab.now)
        says: Any = "not-satisfied" if against else "satisfied"
        text: dict[str, Any] = {"title": "Roles", "statement": "so it is", "owner": "dave", "four_eyes": four_eyes}
        controls = ("A.5.2", "A.8.15") if number == 1 else ("A.5.15",)
        self.state(AttestationAct(act, f"{number:032x}", "carol", "", controls, says, made, made + length * DAY, **text))

    def do_review(self, number: int, approve: bool) -> None:
        self.state(AttestationAct("review", f"{number:032x}", "erin", approve=approve, note="looked at it"))

    def do_revoke(self, number: int) -> None:
        self.state(AttestationAct("revoke", f"{number:032x}", "carol", note="no longer"))

    def do_soa(self, control: str, applicable: bool) -> None:
        self.state(SoaAct(control, applicable, "so it is", "carol"))

    def do_abandon(self, start: int, length: int) -> None:
        """An attempt whose record never comes."""
        lab = self.lab
        attempt = lab.open_window(T0 + start * HOUR, T0 + (start + length) * HOUR)
        event = lab.event(f"lost-{attempt}", T0 + start * HOUR, window=attempt)
        lab.append(lab.judged(event, "plain")._replace(partition=0) if "plain" in lab.mappings else lab.judged(event))
        lab.wait(2 * HOUR)
        lab.append(settle=(attempt,))
