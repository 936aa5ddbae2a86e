"""Reading the log for an export: entries in order of index, and the bytes they commit to, checked as they are read."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Literal, NoReturn

from sqlalchemy import Connection, Row, select

from exports.errors import ExportError
from store import schema
from store.blocks import BlockReader
from store.entries import check_committed, decode
from store.erasures import read_erasures
from store.errors import VerificationError
from store.writer import SqlTiles, read_head

_BATCH: Final = 500
Part = Literal["detail", "payload"]


@dataclass(frozen=True, slots=True)
class Salted:
    """Bytes that an entry commits to, with their salt."""

    salt: bytes
    data: bytes

    @property
    def salt64(self) -> str:
        """The salt in base64."""
        return base64.b64encode(self.salt).decode("ascii")


class LogReader:
    """The log as one snapshot sees it. Everything raises VerificationError, with the index, where stored bytes do not fit."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._blocks = BlockReader(connection)

    def size(self) -> int:
        """Number of entries."""
        return read_head(self._connection).size

    def tiles(self) -> SqlTiles:
        """The Merkle tiles."""
        return SqlTiles(self._connection)

    def entries(self, size: int) -> Iterator[tuple[int, bytes, dict[str, Any]]]:
        """(index, canonical bytes, fields) of every entry below `size`."""
        table, expected = schema.entry, 0
        while expected < size:
            stop = min(size, expected + _BATCH)
            query = select(table.c.idx, table.c.metadata).where(table.c.idx >= expected, table.c.idx < stop).order_by(table.c.idx)
            for row in self._connection.execute(query):
                if row.idx != expected:
                    break
                data = _bytes(row.metadata, expected)
                yield expected, data, decode(data, expected)
                expected += 1
            if expected != stop:
                raise VerificationError(f"entry {expected} is missing", index=expected)

    def rows(self, indexes: Iterable[int]) -> Iterator[tuple[Row[Any], dict[str, Any]]]:
        """(row, fields) of these entries, in their order, which must be ascending."""
        table, source = schema.entry, iter(indexes)
        while some := list(islice(source, _BATCH)):
            found = self._connection.execute(select(table).where(table.c.idx.in_(some)).order_by(table.c.idx)).all()
            if len(found) != len(some):
                raise VerificationError("entries went missing while they were read")
            yield from ((row, decode(_bytes(row.metadata, row.idx), row.idx)) for row in found)

    def part(self, row: Row[Any], entry: Mapping[str, Any], part: Part) -> Salted | None:
        """The bytes of a committed part, checked against its commitment; None where they are no longer stored."""
        salt, block = row._mapping[f"{part}_salt"], row._mapping[f"{part}_block"]
        if salt is None or block is None:
            return None
        data = self._blocks.piece(block, row._mapping[f"{part}_offset"], row._mapping[f"{part}_length"])
        salt = _bytes(salt, row.idx)
        check_committed(entry[part], salt, data, row.idx, part)
        return Salted(salt, data)

    def explain(self, row: Row[Any], part: Part, size: int) -> NoReturn:
        """Bytes are gone, and no erasure below `size` says so: they were erased since that was signed, or tampered with.

        Raises ExportError or VerificationError.
        """
        index = row.idx
        if part in read_erasures(self._connection, index).parts(index, row.type):
            raise ExportError(
                f"entry {index} was erased after the checkpoint of {size} entries was signed: sign the log as it is "
                "(attestream log checkpoint), then make the bundle"
            )
        raise VerificationError(f"entry {index} lacks the bytes of its {part}, and no erasure says so", index=index)


def _bytes(value: Any, index: int) -> bytes:
    """A column's bytes. SQLite keeps what it was given, whatever the column's type: a changed row may hold text."""
    if not isinstance(value, bytes):
        raise VerificationError(f"entry {index}: its row holds something else than bytes", index=index)
    return value
