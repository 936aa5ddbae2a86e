"""The first response to a ticket of ServiceNow, from its journal: who wrote comments and work notes, and when. Never what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from collectors.http import ApiError
from collectors.servicenow_table import OLDEST, Row, Table

JOURNAL: Final = "sys_journal_field"
ENTRY: Final = ("sys_id", "element_id", "element", "sys_created_on", "sys_created_by")
TOGETHER: Final = 25
"""Tickets that are asked about at once: their ids stand in the request's address."""
MAX_MEMO: Final = 50_000


@dataclass(frozen=True, slots=True)
class Journal:
    """The journal of all tables. `memo` holds what is known of rows in one state: each is asked about once."""

    table: Table
    memo: dict[tuple[str, int], int | None] = field(default_factory=dict)

    def responses(self, rows: Iterable[Row]) -> dict[str, int | None]:
        """First responses by sys_id, None where nobody but its maker wrote. Raises ApiError (denied: some are hidden)."""
        sound = [row for row in rows if not row.fault and isinstance(row.value.get("sys_created_by"), str)]
        if len(self.memo) > MAX_MEMO:
            self.memo.clear()
        new = [row for row in sound if (row.sys_id, row.updated) not in self.memo]
        for start in range(0, len(new), TOGETHER):
            self._ask(new[start : start + TOGETHER])
        return {row.sys_id: self.memo[row.sys_id, row.updated] for row in sound}

    def _ask(self, rows: Sequence[Row]) -> None:
        makers = {row.sys_id: row.value["sys_created_by"] for row in rows}
        first: dict[str, int] = {}
        condition = f"element_idIN{','.join(makers)}^elementINcomments,work_notes"
        for page in self.table.walk(condition, OLDEST):
            if page.hidden:
                raise ApiError(f"table {JOURNAL}, some of whose rows access rules hide,", "denied", 403)
            for entry in page.rows:
                ticket, author = entry.value.get("element_id"), entry.value.get("sys_created_by")
                if isinstance(ticket, str) and isinstance(author, str) and author != makers.get(ticket, author):
                    first[ticket] = min(entry.updated, first.get(ticket, entry.updated))
        self.memo.update({(row.sys_id, row.updated): first.get(row.sys_id) for row in rows})
