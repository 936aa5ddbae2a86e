"""Attestations: what a person who answers for it states of controls, for a time; reviewed by a second person where that is asked.

Each act is an entry. What an entry does to the findings of `store/attested.py` stands in its `effect`: `speaks`, `ends`, or
`none` (a statement that waits for review, a rejection, a file).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from store.query_common import control_order
from store.stated_views import Act, AttestationView, FileView, Version
from store.statement_entries import Stated, stated


def read_attestations(
    connection: Connection, now: int, size: int | None = None, as_of: int | None = None
) -> list[AttestationView]:
    """Every attestation at a moment, those that need somebody first."""
    acts: dict[str, list[Stated]] = defaultdict(list)
    for one in stated(connection, "attestation", size):
        acts[str(one.field("attestation"))].append(one)
    at = as_of if as_of is not None else now
    views = [fold(id_, some, at, as_of) for id_, some in acts.items()]
    order = {"waiting": 0, "expired": 1, "valid": 2, "rejected": 3, "revoked": 4}
    found = [view for view in views if view is not None]
    return sorted(found, key=lambda v: (order[v.state], v.shown.until if v.shown is not None else 0, v.id))


def fold(id_: str, acts: Sequence[Stated], now: int, as_of: int | None = None) -> AttestationView | None:
    """What the acts of one attestation say; None where nothing was said yet. `now`: when it is asked whether it holds."""
    files = {one.idx: _file(one) for one in acts if one.field("act") == "attach"}
    reviews = {int(one.field("of")): one for one in acts if one.field("act") == "review" and _known(one, as_of)}
    versions = {
        one.idx: _version(one, reviews.get(one.idx), files)
        for one in acts
        if one.field("act") in ("add", "renew") and _known(one, as_of)
    }
    if not versions:
        return None
    speaking = max(
        (v for v in versions.values() if v.approved or not v.four_eyes), key=lambda v: (_spoke(v, reviews), v.idx), default=None
    )
    last = versions[max(versions)]
    waiting = last if last.four_eyes and last.approved is None else None
    revoked = any(one.field("act") == "revoke" and _known(one, as_of) for one in acts)
    first = acts[0] if acts[0].field("act") == "add" else next(one for one in acts if one.field("act") == "add")
    return AttestationView(
        id=id_,
        state=_state(speaking, waiting, now, revoked=revoked),
        title=first.text("title"),
        controls=tuple(sorted(first.field("controls"), key=control_order)),
        subject_handle=str(first.field("subject")),
        template=first.text("template"),
        speaking=speaking,
        waiting=None if revoked else waiting,
        acts=[_act(one) for one in acts if one.field("act") != "attach" and _known(one, as_of)],
        since=_spoke(speaking, reviews) if speaking is not None else None,
        erased=first.erased,
    )


def _known(one: Stated, as_of: int | None) -> bool:
    return as_of is None or one.event_time <= as_of


def _spoke(version: Version, reviews: Mapping[int, Stated]) -> int:
    """From when on a version speaks: when it was made, or when a second person approved it."""
    return reviews[version.idx].event_time if version.four_eyes else version.made


def _state(speaking: Version | None, waiting: Version | None, now: int, *, revoked: bool) -> str:
    if revoked:
        return "revoked"
    if speaking is not None and (now < speaking.until or speaking.says != "satisfied"):
        return "valid"
    if waiting is not None:
        return "waiting"
    return "expired" if speaking is not None else "rejected"


def _version(one: Stated, review: Stated | None, files: Mapping[int, FileView]) -> Version:
    return Version(
        idx=one.idx,
        act=str(one.field("act")),
        says=str(one.field("says")),
        made=one.event_time,
        until=one.time("until"),
        four_eyes=bool(one.field("four_eyes")),
        approved=bool(review.field("approved")) if review is not None else None,
        by=one.text("by"),
        owner=one.text("owner"),
        statement=one.text("statement"),
        files=[files[idx] for idx in one.field("files") if idx in files],
    )


def _file(one: Stated) -> FileView:
    payload: Any = one.read.fields.get("payload")
    return FileView(one.idx, one.text("name"), int(payload["size"]), one.text("sha256"))


def _act(one: Stated) -> Act:
    act = str(one.field("act"))
    if act == "review":
        act = "approve" if one.field("approved") else "reject"
    return Act(one.idx, act, one.event_time, one.text("by"), one.text("note") or one.text("statement"))


def digest_of(data: bytes) -> str:
    """SHA-256 of a file, hex."""
    return hashlib.sha256(data).hexdigest()
