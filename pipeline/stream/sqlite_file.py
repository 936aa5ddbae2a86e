"""The file of the embedded stream: its tables, and the four things that are done with them.

Offsets are given out under the file's write lock, from a row per partition that trimming does not touch: they are contiguous and
never used again. Errors of SQLite leave here as StreamError.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Column, Connection, Integer, LargeBinary, MetaData, Table, Text, delete, insert, inspect, select, update
from sqlalchemy.exc import SQLAlchemyError

from pipeline.errors import StreamError
from pipeline.stream.base import Published
from pipeline.stream.packs import Record
from store.errors import StoreError
from store.sqlite_driver import make_engine, reading, writing

FORMAT: Final = 1
_CACHE: Final = 4_000
"""KiB: what is read is read once, and what is written lies together at the end."""
MAX_PARTITIONS: Final = 256

_METADATA: Final = MetaData()
_STREAM: Final = Table(
    "stream", _METADATA, Column("format", Integer), Column("partitions", Integer), Column("identity", Text), sqlite_strict=True
)
_ENDS: Final = Table(
    "ends",
    _METADATA,
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("next", Integer, nullable=False),
    sqlite_strict=True,
)
_RECORDS: Final = Table(
    "records",
    _METADATA,
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("offset", Integer, primary_key=True, autoincrement=False),
    Column("written_at", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
    sqlite_strict=True,
)


class StreamFile:
    """A file of records by (partition, offset). Several processes may have it open."""

    def __init__(self, path: Path, partitions: int) -> None:
        """Open or create the file. Raises StreamError where it cannot be used or has another number of partitions."""
        if not 1 <= partitions <= MAX_PARTITIONS:
            raise StreamError(f"{partitions} partitions are not possible: 1 to {MAX_PARTITIONS}")
        self.path = path
        self.partitions = partitions
        self.identity = ""
        self._closed = False
        with self._errors():
            self._engine = make_engine(path, cache=_CACHE)
            try:
                with writing(self._engine) as connection:
                    self._prepare(connection)
            except BaseException:
                self._engine.dispose()
                raise

    def append(self, records: Mapping[int, Sequence[Record]]) -> Published:
        """Write all the records in one durable transaction, each partition's in order after its last."""
        now = max(0, time.time_ns() // 1000)
        offsets: dict[int, int] = {}
        with self._errors(), writing(self._engine) as connection:
            ends = _read_ends(connection)
            for partition, some in records.items():
                start, stop = ends[partition], ends[partition] + len(some)
                rows = [
                    {"partition": partition, "offset": offset, "written_at": now, "data": record.data}
                    for offset, record in zip(range(start, stop), some, strict=True)
                ]
                connection.execute(insert(_RECORDS), rows)
                connection.execute(update(_ENDS).where(_ENDS.c.partition == partition).values(next=stop))
                offsets[partition] = stop - 1
        return Published(offsets, {partition: sum(record.events for record in some) for partition, some in records.items()})

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """One consistent state of the file, for `ends_in` and `records_in`."""
        with self._errors(), reading(self._engine) as connection:
            yield connection

    def ends_in(self, connection: Connection) -> dict[int, int]:
        """The next offset to be written, by partition."""
        return _read_ends(connection)

    def records_in(self, connection: Connection, partition: int, position: int) -> Iterator[tuple[int, int, bytes]]:
        """Yield (offset, written_at, record) from `position` on, one row in memory at a time."""
        query = select(_RECORDS.c.offset, _RECORDS.c.written_at, _RECORDS.c.data)
        query = query.where(_RECORDS.c.partition == partition, _RECORDS.c.offset >= position).order_by(_RECORDS.c.offset)
        with connection.execute(query) as result:
            while (row := result.fetchone()) is not None:
                yield row.offset, row.written_at, row.data

    def trim(self, positions: Mapping[int, int]) -> None:
        """Delete the records before the positions. Raises StreamError, deleting nothing, where one is past the end."""
        with self._errors(), writing(self._engine) as connection:
            ends = _read_ends(connection)
            for partition, position in positions.items():
                if position > ends.get(partition, -1):
                    raise StreamError(f"{self.path}: position {position} of partition {partition} is past the stream's end")
                older = (_RECORDS.c.partition == partition) & (_RECORDS.c.offset < position)
                connection.execute(delete(_RECORDS).where(older))

    def close(self) -> None:
        """Close the connections. May be called again."""
        self._closed = True
        self._engine.dispose()

    def _prepare(self, connection: Connection) -> None:
        found = set(inspect(connection).get_table_names())
        if not found:
            _METADATA.create_all(connection)
            self.identity = uuid.uuid4().hex
            connection.execute(insert(_STREAM), {"format": FORMAT, "partitions": self.partitions, "identity": self.identity})
            connection.execute(insert(_ENDS), [{"partition": number, "next": 0} for number in range(self.partitions)])
            return
        if not found >= set(_METADATA.tables):
            raise StreamError(f"{self.path}: a database, but not a stream; name another file for the stream")
        row = connection.execute(select(_STREAM)).one()
        if row.format != FORMAT:
            raise StreamError(f"{self.path}: stream format {row.format} is not known to this version (it writes {FORMAT})")
        if row.partitions != self.partitions:
            raise StreamError(
                f"{self.path}: the stream has {row.partitions} partitions, {self.partitions} were asked for; "
                "their number is set when the file is made"
            )
        self.identity = row.identity

    @contextmanager
    def _errors(self) -> Iterator[None]:
        if self._closed:
            raise StreamError(f"{self.path}: the stream is closed")
        try:
            yield
        except StoreError as error:
            raise StreamError(f"stream: {error}") from error
        except SQLAlchemyError as error:
            raise StreamError(f"stream: {self.path}: {type(error).__name__}: {getattr(error, 'orig', None) or error}") from error


def _read_ends(connection: Connection) -> dict[int, int]:
    return {row.partition: row.next for row in connection.execute(select(_ENDS).order_by(_ENDS.c.partition))}
