"""What people state, in a lab: exceptions, attestations, applicability and risks, with the least that each needs."""

from __future__ import annotations

from typing import Any

from attestream.refold import refold
from store.fsck import verify
from store.records import DAY
from store.statements import Attached, AttestationAct, ExceptionAct, RiskAct, SoaAct, Statement
from tests.store.lab import Lab

ALICE = "111122223333/alice"
PAPER = Attached("minutes.pdf", b"%PDF-1.7 what was said")


def number(n: int) -> str:
    """An id."""
    return f"{n:032x}"


def say(lab: Lab, *statements: Statement) -> None:
    """State it, a second after what was before."""
    lab.wait(1_000_000)
    lab.append(statements=statements)


def accept(lab: Lab, id_: int = 1, mapping: str = "open", subject: str | None = ALICE, days: int = 30, act: Any = "add") -> None:
    """An exception for so many days from now."""
    until = lab.now + days * DAY
    say(lab, ExceptionAct(act, number(id_), "a fix is planned", "carol", "root", "dave", until, mapping, subject))


def revoke_exception(lab: Lab, id_: int = 1) -> None:
    """Take an exception back."""
    say(lab, ExceptionAct("revoke", number(id_), "fixed", "carol"))


def attest(lab: Lab, id_: int = 1, controls: tuple[str, ...] = ("A.5.2",), days: int = 90, **more: Any) -> None:
    """An attestation made now, for so many days."""
    plain = {"made": lab.now, "until": lab.now + days * DAY, "title": "Roles", "statement": "They are named.", "owner": "dave"}
    say(lab, AttestationAct("add", number(id_), "carol", controls=controls, **{**plain, **more}))


def act_on(lab: Lab, act: Any, id_: int = 1, by: str = "carol", **more: Any) -> None:
    """Renew, review or revoke an attestation."""
    plain: dict[str, Any] = {"made": lab.now, "until": lab.now + 90 * DAY} if act == "renew" else {}
    plain |= {"statement": "They are named still.", "owner": "dave"} if act == "renew" else {"note": "looked at it"}
    say(lab, AttestationAct(act, number(id_), by, **{**plain, **more}))


def state_soa(lab: Lab, control: str, applicable: bool, why: str = "there is no such thing here") -> None:
    """State whether a control applies."""
    say(lab, SoaAct(control, applicable, why, "carol"))


def register(lab: Lab, id_: str, *controls: str, act: Any = "set") -> None:
    """Put a risk into the register."""
    say(lab, RiskAct(act, id_, "carol", title="Loss of a laptop", controls=controls, note="gone"))


def check(lab: Lab) -> None:
    """All that is stored follows from the log."""
    verify(lab.engine, None, refold=refold)


def control(lab: Lab, id_: str) -> tuple[str, int, int, int, int]:
    """State, and counts of not satisfied, satisfied, stale, accepted."""
    rows = lab.sql("SELECT state, not_satisfied, satisfied, stale, accepted FROM control WHERE id = ?", id_)
    state, *counts = rows[0]
    return str(state), *counts  # type: ignore[return-value]
