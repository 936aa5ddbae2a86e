"""What people stated in the invented organisation: something of every kind and state, with hostile and erased texts."""

from __future__ import annotations

from store.records import DAY, HOUR
from store.stated_views import Act, AttestationView, ExceptionView, FileView, RiskView, SoaView, Version
from tests.web.makers import ACCOUNT, HOSTILE, LONG, MAPPINGS, NOW, catalogue

PAPER = FileView(7, "minutes.pdf", 48_213, "ab" * 32)


def version(idx: int, until: int, says: str = "satisfied", approved: bool | None = None, **more: object) -> Version:
    """A statement."""
    plain: dict[str, object] = {
        "act": "add",
        "made": NOW - 200 * DAY,
        "four_eyes": False,
        "by": "Carol",
        "owner": "CISO",
        "statement": "Version 4 was approved by the board on 3 May.",
        "files": (PAPER,),
    }
    return Version(idx=idx, says=says, until=until, approved=approved, **{**plain, **more})  # type: ignore[arg-type]


def attestation(
    number: int, state: str, title: str, controls: tuple[str, ...], speaking: Version | None, waiting: Version | None = None
) -> AttestationView:
    """An attestation with what was done to it."""
    shown = speaking or waiting
    acts = [Act(shown.idx, "add", shown.made, shown.by, shown.statement)] if shown is not None else []
    return AttestationView(
        id=f"{number:032x}",
        state=state,
        title=title,
        controls=controls,
        subject_handle=f"{0x50 + number:032x}",
        template="security-policies" if number == 1 else "",
        speaking=speaking,
        waiting=waiting,
        acts=acts,
        since=speaking.made if speaking is not None else None,
    )


def attestations() -> list[AttestationView]:
    """One that waits, one that expired, one about to, one for good, one that says no, one rejected, one revoked."""
    waits = version(30, NOW + 300 * DAY, four_eyes=True, made=NOW - HOUR)
    return [
        attestation(1, "waiting", "Approved security policies", ("A.5.1",), None, waits),
        attestation(2, "expired", "Security roles given by name", ("A.5.2", "A.5.4"), version(31, NOW - 5 * DAY)),
        attestation(3, "valid", "Restore was practised", ("A.5.30", "A.8.13"), version(32, NOW + 9 * DAY), waits),
        attestation(4, "valid", HOSTILE, ("A.6.3",), version(33, NOW + 90 * DAY, statement=LONG, by=HOSTILE)),
        attestation(5, "valid", "Visitors are registered", ("A.7.2",), version(34, NOW + 30 * DAY, says="not-satisfied")),
        attestation(6, "revoked", "", ("A.6.1",), version(35, NOW - DAY, by="", owner="", statement="", files=())),
        attestation(7, "rejected", "Screening", ("A.6.1",), None, None),
    ]


def exceptions() -> list[ExceptionView]:
    """Two that hold, of one subject and of all; one that expired; one that was revoked, with erased texts."""
    stopped, public, root, *_ = MAPPINGS

    def one(number: int, state: str, mapping: str, subject: str | None, until: int, reason: str = "CHG-77") -> ExceptionView:
        handle = "" if subject is None else f"{number:032x}"
        acts = [Act(40 + number, "add", NOW - 30 * DAY, "Carol", reason)]
        start = NOW - 30 * DAY
        approver = "C. Iso" if reason else ""
        return ExceptionView(
            f"{number:032x}", state, mapping, subject, handle, start, until, reason, approver, "Carol", 40 + number, acts
        )

    return [
        one(1, "valid", public.id, f"{ACCOUNT}/exports-public", NOW + 5 * DAY, "an open data set, on purpose"),
        one(2, "valid", root.id, None, NOW + 80 * DAY, HOSTILE),
        one(3, "expired", stopped.id, f"{ACCOUNT}/{LONG}", NOW - 2 * DAY),
        one(4, "revoked", "a-mapping-that-is-gone", "", NOW - 9 * DAY, ""),
    ]


def soa() -> list[SoaView]:
    """Most controls stated, one excluded, one with hostile text, one erased, the rest not stated."""
    rows = []
    for number, id_ in enumerate(catalogue()):
        why = ("a risk demands it", "by policy", "logs to the org trail", "secops", ("R-1",))
        if id_ == "A.7.4":
            rows.append(
                SoaView(id_, False, "There are no premises of our own.", "", "facilities", (), NOW - 40 * DAY, 60, "Carol")
            )
        elif id_ == "A.5.4":
            rows.append(SoaView(id_, True, HOSTILE, LONG, HOSTILE, ("R-1", "R-2"), NOW - 40 * DAY, 61, HOSTILE))
        elif id_ == "A.5.6":
            rows.append(SoaView(id_, True, event_time=NOW - DAY, idx=62, erased=True))
        elif number % 3:
            rows.append(SoaView(id_, True, why[0], why[2], why[3], why[4], NOW - 40 * DAY, 63, "Carol"))
        else:
            rows.append(SoaView(id_, applicable=True))
    return rows


def risks() -> list[RiskView]:
    """A risk that is treated, one with hostile text, one erased."""
    return [
        RiskView(
            "R-1", "A laptop is lost", "encrypted, wiped from afar", "IT", ("A.8.1", "A.8.15", "A.8.24"), NOW - DAY, 70, "Carol"
        ),
        RiskView("R-2", HOSTILE, LONG, HOSTILE, ("A.7.4",), NOW - DAY, 71, HOSTILE),
        RiskView("R-3", "", "", "", ("A.5.1",), NOW - DAY, 72, "", erased=True),
    ]
