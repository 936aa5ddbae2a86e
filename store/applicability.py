"""The Statement of Applicability: for each control whether it applies, why, how it is implemented, who owns it, for which risks.

Each statement is an entry about one control; of those with event_time <= T and index < K the greatest (event_time, index) stands.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select

from store import schema
from store.entries import canonical, committed
from store.errors import StoreError
from store.query_common import Cut, control_order
from store.sql import insert_rows
from store.stated_views import SoaView
from store.statement_entries import Stated, stated
from store.statements import MAX_NAME, RISK_ID, SoaAct, checked
from store.writer import EntryWriter

COLUMNS: Final = ("control", "event_time", "idx", "applicable")
MAX_RISKS: Final = 100


@dataclass(frozen=True, slots=True)
class Applies:
    """Whether a control is applicable at a cut, and since when it is so; `since` None: it never was otherwise."""

    applicable: bool = True
    since: int | None = None


def state_applicability(writer: EntryWriter, act: SoaAct) -> None:
    """Write what is stated of one control. Raises StoreError for what cannot be."""
    table = schema.control
    if writer.connection.execute(select(table.c.id).where(table.c.id == act.control)).first() is None:
        raise StoreError(f"no control {act.control!r} in the active mapping set's catalogue")
    if len(act.risks) > MAX_RISKS or not all(RISK_ID.fullmatch(risk) for risk in act.risks):
        raise StoreError(
            f"{act.control}: a risk is named by its id in the register (letters, digits, . _ - /), at most 100 of them"
        )
    where = f"{act.control}: the "
    detail = {
        "justification": checked(act.justification, f"{where}justification", needed=True),
        "implementation": checked(act.implementation, f"{where}implementation"),
        "owner": checked(act.owner, f"{where}owner", limit=MAX_NAME),
        "risks": list(act.risks),
        "by": checked(act.by, "who states it", needed=True, limit=MAX_NAME),
        "account": checked(act.account, "the account", limit=MAX_NAME),
    }
    now = writer.now
    fields = {"control": act.control, "applicable": act.applicable}
    index = writer.add("soa", "attestream", now, now, fields, committed(canonical(detail)))
    insert_rows(writer.connection, schema.applicability, COLUMNS, [(act.control, now, index, act.applicable)])


def applies_at(connection: Connection, cut: Cut) -> dict[str, Applies]:
    """Applicability at a cut, of the controls of which something is stated."""
    table = schema.applicability
    query = select(table).where(table.c.event_time <= cut.time, table.c.idx < cut.size)
    rows: Mapping[str, list[tuple[int, bool]]] = defaultdict(list)
    for row in connection.execute(query.order_by(table.c.control, table.c.event_time, table.c.idx)):
        said = rows[row.control]
        if said and said[-1][0] == row.event_time:
            said.pop()
        said.append((row.event_time, bool(row.applicable)))
    return {control: _run(said) for control, said in rows.items()}


def _run(said: Sequence[tuple[int, bool]]) -> Applies:
    """Since when the last statement holds, those before that say the same included. At first everything is applicable."""
    applicable = said[-1][1]
    since: int | None = None
    for time, one in reversed(said):
        if one is not applicable:
            return Applies(applicable, since)
        since = time
    return Applies(applicable, None if applicable else since)


def read_soa(connection: Connection, size: int | None = None, as_of: int | None = None) -> list[SoaView]:
    """What is stated of every control of the catalogue, in the order of Annex A."""
    last: dict[str, Stated] = {}
    for one in stated(connection, "soa", size, as_of):
        before = last.get(str(one.field("control")))
        if before is None or (before.event_time, before.idx) < (one.event_time, one.idx):
            last[str(one.field("control"))] = one
    known = connection.execute(select(schema.control.c.id)).scalars().all()
    return [_view(id_, last.get(id_)) for id_ in sorted({*known, *last}, key=control_order)]


def _view(control: str, one: Stated | None) -> SoaView:
    if one is None:
        return SoaView(control, applicable=True)
    risks = one.read.detail.get("risks")
    return SoaView(
        control=control,
        applicable=bool(one.field("applicable")),
        justification=one.text("justification"),
        implementation=one.text("implementation"),
        owner=one.text("owner"),
        risks=tuple(map(str, risks)) if isinstance(risks, list) else (),
        event_time=one.event_time,
        idx=one.idx,
        by=one.text("by"),
        erased=one.erased,
    )
