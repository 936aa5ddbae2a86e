"""The risk register, as far as it concerns controls: each risk names those that treat it. Their status is shown beside it."""

from __future__ import annotations

from sqlalchemy import Connection, select

from store import schema
from store.entries import canonical, committed
from store.errors import StoreError
from store.query_common import control_order
from store.stated_views import RiskView
from store.statement_entries import Stated, stated
from store.statements import MAX_NAME, RISK_ID, RiskAct, checked
from store.writer import EntryWriter


def state_risk(writer: EntryWriter, act: RiskAct) -> None:
    """Write a risk, or that it is no longer there. Raises StoreError for what cannot be."""
    if not RISK_ID.fullmatch(act.id):
        raise StoreError(f"{act.id[:80]!r} is no id of a risk: letters, digits, . _ - / and at most 64 of them")
    known = set(writer.connection.execute(select(schema.control.c.id)).scalars())
    unknown = sorted(set(act.controls) - known)
    if unknown:
        raise StoreError(f"risk {act.id}: no control {unknown[0]!r} in the active mapping set's catalogue")
    if act.act == "set" and not act.controls:
        raise StoreError(f"risk {act.id}: name at least one control that treats it")
    there = {risk.id for risk in read_risks(writer.connection)}
    if act.act == "remove" and act.id not in there:
        raise StoreError(f"there is no risk {act.id}")
    detail = {
        "title": checked(act.title, f"risk {act.id}: the title", needed=act.act == "set", limit=MAX_NAME),
        "treatment": checked(act.treatment, f"risk {act.id}: the treatment"),
        "owner": checked(act.owner, f"risk {act.id}: the owner", limit=MAX_NAME),
        "note": checked(act.note, f"risk {act.id}: the reason", needed=act.act == "remove"),
        "by": checked(act.by, "who states it", needed=True, limit=MAX_NAME),
        "account": checked(act.account, "the account", limit=MAX_NAME),
    }
    fields = {"risk": act.id, "act": act.act, "controls": sorted(set(act.controls))}
    writer.add("risk", "attestream", writer.now, writer.now, fields, committed(canonical(detail)))


def read_risks(connection: Connection, size: int | None = None, as_of: int | None = None) -> list[RiskView]:
    """The risks that are in the register, by id."""
    last: dict[str, Stated] = {}
    for one in stated(connection, "risk", size, as_of):
        last[str(one.field("risk"))] = one
    return [_view(id_, one) for id_, one in sorted(last.items()) if one.field("act") == "set"]


def _view(id_: str, one: Stated) -> RiskView:
    return RiskView(
        id=id_,
        title=one.text("title"),
        treatment=one.text("treatment"),
        owner=one.text("owner"),
        controls=tuple(sorted(one.field("controls"), key=control_order)),
        event_time=one.event_time,
        idx=one.idx,
        by=one.text("by"),
        erased=one.erased,
    )
