"""What the pages of records show: rows of the Statement of Applicability, what needs somebody, counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from store.records import DAY
from store.reports import ControlStatus
from store.stated_views import AttestationView, ExceptionView, RiskView, SoaView
from web.catalogue import Catalogue, ControlInfo, order
from web.views.controls import status_of

APPLIES: Final = (("yes", "applies"), ("no", "not applicable"), ("not-stated", "not stated"))
"""What is stated of a control: the value in addresses, the words on the page."""
EXCEPTION_STATES: Final = ("valid", "expired", "revoked")
ATTESTATION_STATES: Final = ("waiting", "valid", "expired", "rejected", "revoked")
SOON: Final = {"attestation": 30 * DAY, "exception": 14 * DAY}
"""How long before its end a record is shown among what needs somebody."""


@dataclass(frozen=True, slots=True)
class SoaRow:
    """One control of the Statement of Applicability with its status."""

    info: ControlInfo
    view: SoaView
    status: ControlStatus
    applies: str


def soa_rows(catalogue: Catalogue, views: Sequence[SoaView], statuses: Mapping[str, ControlStatus]) -> list[SoaRow]:
    """A row for each control of the catalogue, in its order; of one that nothing is stated of, that."""
    by_id = {view.control: view for view in views}
    rows = []
    for info in sorted(catalogue.values(), key=lambda info: order(info.id)):
        view = by_id.get(info.id) or SoaView(info.id, applicable=True)
        applies = "not-stated" if view.idx is None else "yes" if view.applicable else "no"
        rows.append(SoaRow(info, view, status_of(statuses, info.id), applies))
    return rows


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something that needs somebody: its state, the record, and when it ends or ended (None: no end is near)."""

    kind: str
    state: str
    until: int | None
    exception: ExceptionView | None = None
    attestation: AttestationView | None = None


def attention(exceptions: Sequence[ExceptionView], attestations: Sequence[AttestationView], now: int) -> list[Waiting]:
    """What waits for review, what has expired, what ends soon, in this order."""
    found: list[Waiting] = []
    for view in attestations:
        ends = view.speaking is not None and view.speaking.says == "satisfied"  # one that says no does not end by itself
        until = view.speaking.until if view.speaking is not None and ends else None
        if view.waiting is not None:
            found.append(Waiting("review", "waiting", None, attestation=view))
        if view.state == "expired":
            found.append(Waiting("attestation", "expired", until, attestation=view))
        elif view.state == "valid" and until is not None and now < until <= now + SOON["attestation"]:
            found.append(Waiting("attestation", "expiring", until, attestation=view))
    for one in exceptions:
        if one.state == "valid" and one.until <= now + SOON["exception"]:
            found.append(Waiting("exception", "expiring", one.until, exception=one))
    rank = {"waiting": 0, "expired": 1, "expiring": 2}
    return sorted(found, key=lambda item: (rank[item.state], item.until or 0))


def counts(
    exceptions: Sequence[ExceptionView],
    attestations: Sequence[AttestationView],
    soa: Sequence[SoaView],
    risks: Sequence[RiskView],
) -> dict[str, dict[str, int]]:
    """How many there are of each kind, by state."""
    stated = Counter("not stated" if v.idx is None else "applies" if v.applicable else "not applicable" for v in soa)
    return {
        "soa": dict(stated),
        "exceptions": dict(Counter(view.state for view in exceptions)),
        "attestations": dict(Counter(view.state for view in attestations)),
        "risks": {"in the register": len(risks)} if risks else {},
    }
