"""Small SQL helpers that both backends share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import Table
from sqlalchemy.dialects.sqlite import insert

T = TypeVar("T")
CHUNK = 500


def upsert(table: Table, keys: Sequence[str], update: Sequence[str], *, add: Sequence[str] = ()) -> Any:
    """INSERT … ON CONFLICT(keys) DO UPDATE: `update` columns are replaced, `add` columns are added to; neither: do nothing."""
    statement = insert(table)
    changes: dict[str, Any] = {name: statement.excluded[name] for name in update}
    changes.update({name: table.c[name] + statement.excluded[name] for name in add})
    if not changes:
        return statement.on_conflict_do_nothing(index_elements=list(keys))
    return statement.on_conflict_do_update(index_elements=list(keys), set_=changes)


def chunks(items: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """Cut a sequence into pieces that fit one IN list."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
