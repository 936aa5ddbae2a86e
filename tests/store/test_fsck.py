"""The verifier: a store as it was written passes; any byte changed, any row removed, added or swapped is found and named."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

from store import schema
from store.blocks import open_block
from store.changes import Changes, NewRow, Present
from store.checkpoint import Checkpoint, CheckpointSigner, CheckpointStore, Refused, SignedCheckpoint
from store.engine import open_engine, reading
from store.errors import StoreError, VerificationError
from store.fsck import Verified, verify
from store.fsck_windows import Stretch, extend
from store.log_source import EntryReader, SqlLogSource, check_entry
from store.note import SigningKey
from store.records import DAY, HOUR, SECOND, Batch, Closing, Cover, Erasure, State, Verdict
from store.sqlite_driver import make_engine, sqlite_module
from tests.store import stating
from tests.store.lab import MAPPINGS, ORIGIN, PART, T0, Lab, for_postgres
from tests.store.places import Place, connected, copy, mark, remove, reset, url_of

SPOKEN = ("A.5.15", "A.5.28", "A.8.2", "A.8.15", "A.8.16")


def write_history(lab: Lab) -> None:
    """Something of everything that a store can hold."""
    lab.now = T0 + 3 * DAY
    lab.activate(MAPPINGS, SPOKEN)
    lab.wait(SECOND)
    lab.append(
        lab.judged(lab.event("e1", T0 + HOUR + 17), "open", "plain"),
        lab.judged(lab.event("e2", T0 + 2 * HOUR + 23), ("open", Verdict.UNTIL), ("two", Verdict.MATCHED, "bob")),
        lab.judged(lab.event("e3", T0 + 3 * HOUR + 31), ("sat", Verdict.ERROR, "bob")),
        lab.judged(lab.event("u1", T0)),
        lab.unreadable("bad"),
    )
    lab.wait(SECOND)
    lab.window(T0, T0 + DAY, lab.judged(lab.event("e4", T0 + 5 * HOUR + 41), "open", ("plain", Verdict.MATCHED, "bob")))
    lab.append(lab.judged(lab.event("e1", T0 + HOUR, payload=b"[]"), "plain"))
    lab.wait(SECOND)
    lab.append(lab.judged(lab.event("e5", T0 + 60 * HOUR + 7), "sat"), lab.judged(lab.event("e6", T0 + 9 * HOUR + 3), "two"))
    lab.window(T0 + DAY, T0 + 2 * DAY, lab.unreadable("bad2"), errors=("one file is torn",), state="partial")
    lab.append(closings=(Closing("two", "bob", T0 + 50 * HOUR, "a drill", "carol"),))
    lab.wait(DAY)
    lab.due()
    lab.append(lab.judged(lab.event("o1", T0 + 19, type="snapshot.aws.s3.bucket", subject="ledger"), "plain"))
    lab.activate(MAPPINGS[:3], SPOKEN)
    lab.append(lab.judged(lab.event("e0", T0 + 13), "open"))
    stating.accept(lab)
    stating.accept(lab, 2, subject=None)
    stating.accept(lab, 2, days=60, act="renew")
    stating.attest(lab, controls=("A.5.28", "A.8.2"), files=(stating.PAPER,))
    stating.attest(lab, 2, controls=("A.8.2",), four_eyes=True, says="not-satisfied")
    stating.act_on(lab, "review", 2, by="erin", approve=True)
    stating.state_soa(lab, "A.8.16", applicable=False)
    stating.register(lab, "R-1", "A.8.16")


REFUSED = (sqlite_module().IntegrityError, psycopg.IntegrityError, psycopg.DataError, psycopg.ProgrammingError)
"""What a database says that takes no such damage."""


class Raw:
    """A driver connection without any of our checks. Statements are written for SQLite."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def execute(self, statement: str, values: Sequence[Any] = ()) -> Any:
        if isinstance(self.connection, psycopg.Connection):
            return self.connection.execute(for_postgres(statement).encode(), values)
        return self.connection.execute(statement, values)

    def executescript(self, statements: str) -> None:
        for statement in statements.split(";"):
            self.execute(statement)


@dataclass(frozen=True)
class Template:
    """A store to damage and verify, and to put back as it was."""

    place: Place
    work: Place
    engine: Engine

    @property
    def flips(self) -> int:
        """Changes of one byte that are tried for each column: on PostgreSQL the same are found, and it takes longer."""
        return 4 if isinstance(self.place, Path) else 1

    @contextmanager
    def damaged(self, damage: Callable[[Any], object]) -> Iterator[Engine]:
        """The store after `damage` had its way with it."""
        if isinstance(self.work, str):
            reset(self.work)
            with connected(self.work) as connection, connection.transaction():
                damage(Raw(connection))
            yield self.engine
            return
        copy(self.place, self.work)
        with closing(sqlite_module().connect(str(self.work))) as connection:
            connection.execute("PRAGMA synchronous=OFF")
            damage(Raw(connection))
            connection.commit()
        engine = make_engine(self.work)
        try:
            yield engine
        finally:
            engine.dispose()
            for suffix in ("", "-wal", "-shm"):
                self.work.with_name(self.work.name + suffix).unlink(missing_ok=True)

    def verify(self, damage: Callable[[Any], object], **more: Any) -> Verified:
        with self.damaged(damage) as engine:
            return verify(engine, more.pop("checkpoint", None), **more)

    def found(self, damage: Callable[[Any], object], **more: Any) -> VerificationError:
        with pytest.raises(VerificationError) as caught:
            self.verify(damage, **more)
        return caught.value

    def verdict(self, damage: Callable[[Any], object]) -> Exception | None:
        """What verifying says, or the database when it takes no such damage; None when it passes."""
        try:
            self.verify(damage)
        except (VerificationError, *REFUSED) as error:
            return error  # type: ignore[no-any-return]
        return None

    def column(self, table: str, column: str, order: str) -> list[Any]:
        with self.damaged(nothing) as engine, reading(engine) as connection:
            return list(connection.exec_driver_sql(f"SELECT {column} FROM {table} ORDER BY {order}").scalars())


@contextmanager
def template(lab: Lab, folder: Path) -> Iterator[Template]:
    """Of what a lab holds."""
    place = lab.settled()
    if isinstance(place, Path):
        yield Template(place, folder / "damaged.db", lab.engine)
        return
    mark(work := copy(place, folder))
    engine = open_engine(url_of(work))
    try:
        yield Template(place, work, engine)
    finally:
        engine.dispose()
        remove(work)


@pytest.fixture(scope="module")
def whole(new_lab: Callable[[], Lab], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Template]:
    lab = new_lab()
    write_history(lab)
    with template(lab, tmp_path_factory.mktemp("damaged")) as made:
        yield made


@pytest.fixture(scope="module")
def large(new_lab: Callable[[], Lab], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Template]:
    """A log of more than one full tile."""
    lab = new_lab()
    lab.activate(MAPPINGS, SPOKEN)
    lab.append(*(lab.judged(lab.event(f"e{n}", T0 + n), "plain") for n in range(600)))
    with template(lab, tmp_path_factory.mktemp("large")) as made:
        yield made


def nothing(connection: Any) -> None:
    """No damage."""


def test_a_store_as_it_was_written_passes(whole: Template, large: Template) -> None:
    verified = whole.verify(nothing)
    assert verified.size == sum(verified.entries.values()) > 25
    stated = {"attestation", "exception", "risk", "soa"}
    assert set(verified.entries) == {"closing", "dead_letter", "evidence", "finding", "mapping_set", "window", *stated}
    assert (verified.checkpoint_size, verified.erased) == (None, 0)
    assert large.verify(nothing).entries == {"evidence": 600, "mapping_set": 1}


def test_an_empty_store_passes(new_lab: Callable[[], Lab]) -> None:
    assert verify(new_lab().engine, None).size == 0


def test_progress_ends_at_its_total(whole: Template) -> None:
    told: list[tuple[int, int]] = []
    size = whole.verify(nothing, progress=lambda done, total: told.append((done, total))).size
    assert told[-1] == (2 * size, 2 * size)


def test_the_folds_are_asked_last_and_may_refuse(whole: Template) -> None:
    def refuse(connection: Any) -> None:
        raise VerificationError("entry 7 does not follow", index=7)

    assert whole.found(nothing, refold=refuse).index == 7


# Any byte changed.

UNCHECKED = {
    "finding": {"quiet_at", "due_at"},  # the folds' own (see fsck.py)
    "entry": set(),
    "observed": {"time"},  # moves with every look, also those that store nothing
    "head": {"recorded_at", "appends"},  # an append without entries moves them too
    "attempt_count": {"attempt", "partition", "unmatched", "duplicate"},
}
ROWS = {"seen": "idx >= 0", "tally": "n > 0", "attempt_count": "evidence > 0 OR dead_letter > 0"}


def flipped(value: Any, chance: random.Random) -> Any:
    """The value with one bit of one byte changed; something where there was nothing."""
    if value is None:
        return 0
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value ^ (1 << chance.randrange(max(value.bit_length(), 1) + 1))
    data = bytearray(value if isinstance(value, bytes) else value.encode())
    if not data:
        return b"\0" if isinstance(value, bytes) else "x"
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    if isinstance(value, bytes):
        return bytes(data)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return bytes(data)


def flip(table: str, column: str, chance: random.Random, seen: list[Any]) -> Callable[[Any], None]:
    """Damage: one byte of a column in a random row."""
    keys = [key.name for key in schema.metadata.tables[table].primary_key.columns]

    def damage(connection: Any) -> None:
        where = f"WHERE {ROWS[table]}" if table in ROWS else ""
        rows = connection.execute(f'SELECT "{column}", {", ".join(keys)} FROM {table} {where}').fetchall()
        value, *key = chance.choice(rows)
        new = flipped(value, chance)
        seen.append((key, value, new))
        holder = "CAST(? AS TEXT)" if isinstance(value, str) else "?"
        places = " AND ".join(f"{name} IS ?" for name in keys)
        assert connection.execute(f'UPDATE {table} SET "{column}" = {holder} WHERE {places}', (new, *key)).rowcount == 1

    return damage


TABLES = (
    "acceptance",
    "applicability",
    "block",
    "control",
    "coverage",
    "dead_letter",
    "entry",
    "evidence",
    "evidence_control",
    "finding",
    "finding_row",
    "handle",
    "head",
    "mapping_set",
    "observed",
    "rollup",
    "seen",
    "tag",
    "tally",
    "tile",
    "attempt_count",
)
COLUMNS = [
    (table, column.name)
    for table in TABLES
    for column in schema.metadata.tables[table].columns
    if column.name not in UNCHECKED.get(table, set())
]


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_i5_one_byte_changed_in_any_column_is_found_and_named(whole: Template, table: str, column: str) -> None:
    chance = random.Random(f"{table}.{column}")
    for _ in range(whole.flips):
        seen: list[Any] = []
        error = whole.verdict(flip(table, column, chance, seen))
        if error is None:
            assert (table, column) == ("block", "data"), seen
            same_content(whole, *seen[0])
        elif isinstance(error, VerificationError):  # else the database itself refuses such a row
            assert error.index is not None, (str(error), seen)
            assert error.index >= 0


def same_content(whole: Template, key: list[int], before: bytes, after: bytes) -> None:
    """A zstd frame may say the same in other bytes: then what it holds, which is what is committed to, must be the same."""
    lengths = dict(zip(whole.column("block", "id", "id"), whole.column("block", "length", "id"), strict=True))
    length = lengths[key[0]]
    assert open_block(after, length, key[0]) == open_block(before, length, key[0])


def test_i5_the_first_of_the_entries_that_differ_is_named(large: Template) -> None:
    chance = random.Random(3)
    for _ in range(10):
        first, second = sorted(chance.sample(range(1, 600), 2))

        def damage(connection: Any, indexes: tuple[int, int] = (first, second)) -> None:
            for index in indexes:
                connection.execute("UPDATE entry SET payload_salt = zeroblob(16) WHERE idx = ?", (index,))

        assert large.found(damage).index == first


def test_i5_a_byte_of_a_tile_names_the_first_entry_under_it(large: Template) -> None:
    def damage(level: int, index: int, at: int) -> Callable[[Any], None]:
        def act(connection: Any) -> None:
            (data,) = connection.execute("SELECT data FROM tile WHERE level = ? AND idx = ?", (level, index)).fetchone()
            new = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
            connection.execute("UPDATE tile SET data = ? WHERE level = ? AND idx = ?", (new, level, index))

        return act

    assert large.found(damage(0, 0, 5 * 32 + 7)).index == 5
    assert large.found(damage(0, 1, 0)).index == 256
    assert large.found(damage(0, 2, 10 * 32)).index == 522
    assert large.found(damage(1, 0, 40)).index == 256


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM tile WHERE level = 0 AND idx = 1",
        "DELETE FROM tile WHERE level = 1",
        "INSERT INTO tile VALUES (0, 3, zeroblob(32))",
        "INSERT INTO tile VALUES (2, 0, zeroblob(32))",
        "INSERT INTO tile VALUES (0, -1, zeroblob(32))",
        "UPDATE tile SET data = data || zeroblob(32) WHERE level = 1",
        "UPDATE tile SET data = substr(data, 1, 32) WHERE level = 0 AND idx = 2",
        "UPDATE tile SET data = 'text' WHERE level = 0 AND idx = 0",
    ],
)
def test_tiles_that_are_missing_strange_or_of_another_length_are_found(large: Template, damage: str) -> None:
    error = large.verdict(lambda connection: connection.execute(damage))
    if isinstance(large.place, Path) or isinstance(error, VerificationError):
        assert getattr(error, "index", None) is not None
    else:
        assert isinstance(error, REFUSED)


# Rows removed, added, swapped.


@pytest.mark.parametrize("table", [t for t in TABLES if t not in ("head", "attempt_count")])
def test_i5_a_row_removed_is_found(whole: Template, table: str) -> None:
    keys = ", ".join(key.name for key in schema.metadata.tables[table].primary_key.columns)
    where = f"WHERE {ROWS[table]}" if table in ROWS else ""
    for seed in range(3):

        def damage(connection: Any, chance: random.Random = random.Random(seed)) -> None:
            row = chance.choice(connection.execute(f"SELECT {keys} FROM {table} {where}").fetchall())
            places = " AND ".join(f"{name.strip()} IS ?" for name in keys.split(","))
            assert connection.execute(f"DELETE FROM {table} WHERE {places}", row).rowcount == 1

        assert whole.found(damage).index is not None


BODY = "type, recorded_at, metadata, leaf"
DETAIL = "detail_salt, detail_block, detail_offset, detail_length"
PAYLOAD = "payload_salt, payload_block, payload_offset, payload_length"
OF_EVIDENCE = 'source, part_id, type, "window", event_time, NULL FROM evidence LIMIT 1'
OF_TAG = "part_id, fresh_at, ends_at FROM tag WHERE verdict = 'matched' LIMIT 1"
OF_FINDING = "since, row_idx, row_time, input_time, matched_at, matched_fresh, quiet_at, due_at, errors FROM finding LIMIT 1"
ADDED = {
    "entry beyond the head": f"INSERT INTO entry SELECT idx + 1, {BODY}, {DETAIL}, {PAYLOAD} FROM entry ORDER BY 1 DESC LIMIT 1",
    "entry below the log": f"INSERT INTO entry SELECT -1, {BODY}, {DETAIL}, {PAYLOAD} FROM entry LIMIT 1",
    "evidence": f"INSERT INTO evidence SELECT 0, {OF_EVIDENCE}",
    "evidence beyond the log": f"INSERT INTO evidence SELECT 9999, {OF_EVIDENCE}",
    "tag": f"INSERT INTO tag SELECT mapping, subject, event_time, idx, 'until', {OF_TAG}",
    "tag of no entry": f"INSERT INTO tag SELECT mapping, subject, event_time, 9999, verdict, {OF_TAG}",
    "control of evidence": "INSERT INTO evidence_control SELECT 'A.5.99', event_time, idx FROM evidence LIMIT 1",
    "dead letter": 'INSERT INTO dead_letter SELECT 0, source, "window", recorded_at FROM dead_letter LIMIT 1',
    "finding row": "INSERT INTO finding_row SELECT mapping, subject, event_time + 1, 0, 'satisfied' FROM finding_row LIMIT 1",
    "finding": f"INSERT INTO finding SELECT 'plain', subject, part_id, silence, 'satisfied', {OF_FINDING}",
    "tally": "INSERT INTO tally VALUES ('plain', 'satisfied', 1)",
    "empty tally": "INSERT INTO tally VALUES ('plain', 'satisfied', 0)",
    "rollup": "INSERT INTO rollup VALUES (0, 'source', 'trail', 1)",
    "seen": "INSERT INTO seen SELECT source, zeroblob(16), idx, digest FROM seen WHERE idx >= 0 LIMIT 1",
    "seen as erased": "INSERT INTO seen VALUES ('trail', zeroblob(16), -2, NULL)",
    "block": "INSERT INTO block SELECT id + 1, length, data FROM block ORDER BY id DESC LIMIT 1",
    "exception": "INSERT INTO acceptance SELECT mapping, x'00', idx, id, start, until FROM acceptance LIMIT 1",
    "exclusion": "INSERT INTO applicability SELECT 'A.5.15', event_time, idx, applicable FROM applicability LIMIT 1",
    "mapping set": "INSERT INTO mapping_set VALUES ('other', 0, 0)",
    "coverage": 'INSERT INTO coverage SELECT part_id, start + 7, "end", held, joins, bridge, idx FROM coverage LIMIT 1',
    "attempt": "UPDATE attempt SET id = 'another' WHERE idx = (SELECT max(idx) FROM attempt)",
    "head": "INSERT INTO head SELECT 2, size, root, recorded_at, mapping_set, set_idx, appends FROM head",
}


@pytest.mark.parametrize("name", ADDED)
def test_i5_a_row_added_is_found(whole: Template, name: str) -> None:
    assert str(whole.found(lambda connection: connection.execute(ADDED[name])))


def swap(connection: Any, table: str, key: str, columns: str, one: Any, other: Any) -> None:
    """Swap the columns of two rows."""
    select = f"SELECT {columns} FROM {table} WHERE {key} = ?"
    first, second = (connection.execute(select, (k,)).fetchone() for k in (one, other))
    assert first != second
    names = ", ".join(f"{c.strip()} = ?" for c in columns.split(","))
    connection.execute(f"UPDATE {table} SET {names} WHERE {key} = ?", (*second, one))
    connection.execute(f"UPDATE {table} SET {names} WHERE {key} = ?", (*first, other))


@pytest.mark.parametrize("columns", [f"{BODY}, {DETAIL}, {PAYLOAD}", "metadata, leaf", DETAIL, PAYLOAD, "payload_salt"])
def test_i5_entries_or_their_bytes_swapped_are_found(large: Template, columns: str) -> None:
    found = large.found(lambda connection: swap(connection, "entry", "idx", columns, 17, 300))
    assert found.index == 17


def test_i5_names_swapped_are_found(whole: Template) -> None:
    def damage(connection: Any) -> None:
        one, other = (row[0] for row in connection.execute("SELECT handle FROM handle ORDER BY name LIMIT 2").fetchall())
        first, second = (connection.execute("SELECT name FROM handle WHERE handle = ?", (h,)).fetchone()[0] for h in (one, other))
        connection.execute("UPDATE handle SET name = NULL WHERE handle = ?", (one,))
        connection.execute("UPDATE handle SET name = ? WHERE handle = ?", (first, other))
        connection.execute("UPDATE handle SET name = ? WHERE handle = ?", (second, one))

    assert whole.found(damage).index is not None


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE entry SET recorded_at = 'soon' WHERE idx = 3",
        "UPDATE entry SET metadata = 'text' WHERE idx = 3",
        "UPDATE entry SET metadata = zeroblob(20000) WHERE idx = 3",
        "UPDATE entry SET leaf = NULL WHERE idx = 3 AND 0; UPDATE entry SET leaf = 'x' WHERE idx = 3",
        "UPDATE entry SET detail_offset = 'x' WHERE idx = 3",
        "UPDATE entry SET detail_offset = -1 WHERE idx = 3",
        "UPDATE entry SET detail_block = 9999 WHERE idx = 3",
        "UPDATE entry SET detail_salt = NULL WHERE idx = 3",
        "UPDATE entry SET detail_salt = CAST('0123456789abcdef' AS TEXT) WHERE idx = 3",
        "UPDATE block SET data = zeroblob(100) WHERE id = 1",
        "UPDATE block SET data = 'text', length = 'many' WHERE id = 1",
        "UPDATE evidence SET event_time = 'x' WHERE idx = (SELECT min(idx) FROM evidence)",
        "UPDATE finding SET state = 'perfect'",
        "UPDATE tally SET n = 'x'",
        "UPDATE control SET state = 'fine'",
        "UPDATE handle SET name = CAST(x'ff' AS TEXT) WHERE name = 'bob'",
        "UPDATE attempt SET record = x'7b'",
        "UPDATE attempt SET record = NULL",
        "UPDATE mapping SET record = x'00'",
        "UPDATE mapping SET held = 1",
        "UPDATE head SET size = -1",
        "UPDATE head SET size = size - 1",
        "UPDATE head SET size = 'x'",
        "DELETE FROM head",
        "UPDATE part SET baseline_idx = NULL",
        "UPDATE source SET evidence = evidence + 1",
        "UPDATE source SET duplicate = -1",
    ],
)
def test_damage_of_any_kind_is_named_and_never_a_crash(whole: Template, damage: str) -> None:
    error = whole.verdict(lambda connection: connection.executescript(damage))
    assert isinstance(error, VerificationError) or (isinstance(whole.place, str) and isinstance(error, REFUSED))


# What the rows say must follow.


def forged(lab: Lab, mapping: str, after: str, cites: tuple[int, ...], before: str = "") -> None:
    """A finding entry that no fold gave, with its rows, as somebody with the database and this code could write it."""

    def lie(view: Any) -> Changes:
        (handle,), (part_id,) = (
            lab.sql(query)[0] for query in ("SELECT handle FROM handle WHERE name = 'bob'", "SELECT part_id FROM evidence")
        )
        time, state = T0 + 70 * HOUR, State(after)
        row = NewRow(mapping, bytes(handle), time, State(before) if before else None, state, cites, "")
        present = Present(mapping, bytes(handle), part_id, False, state, time, time, 0, None, None, None, None, 0, None)
        return Changes(rows=(row,), presents=(present,))

    lab.store.append(Batch(), (), lie)


@pytest.mark.parametrize(
    ("cites", "before", "words"),
    [
        ((), "satisfied", "the state before it was"),
        ((10_000,), "", "not below it"),
        ((0,), "", "does not say so"),
    ],
)
def test_a_finding_that_does_not_follow_from_what_it_cites_is_found(lab: Lab, cites: Any, before: str, words: str) -> None:
    lab.append(lab.judged(lab.event("e1", T0), ("plain", Verdict.MATCHED, "bob")))
    forged(lab, "sat", "stale", cites, before)
    with pytest.raises(VerificationError, match=words) as caught:
        verify(lab.engine, None)
    assert caught.value.index == 2


def test_a_verdict_cannot_cause_any_state(lab: Lab) -> None:
    lab.append(lab.judged(lab.event("e1", T0), ("open", Verdict.MATCHED, "carol"), ("plain", Verdict.MATCHED, "bob")))
    forged(lab, "sat", "satisfied", (1,))
    with pytest.raises(VerificationError, match="does not say so"):
        verify(lab.engine, None)


# The signed checkpoint.


def signer(lab: Lab, folder: Path) -> CheckpointSigner[Any]:
    key = SigningKey(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"\1" * 32))
    return CheckpointSigner(key, ORIGIN, CheckpointStore(folder), SqlLogSource(lab.engine), check_entry)


def test_a_log_that_grew_since_it_was_signed_passes(lab: Lab, tmp_path: Path) -> None:
    lab.append(lab.judged(lab.event("e1", T0), "open"))
    signed = signer(lab, tmp_path).publish()
    lab.append(lab.judged(lab.event("e2", T0), "open"))
    assert signed.checkpoint.size == lab.query.log().size - 1
    assert verify(lab.engine, signed).checkpoint_size == signed.checkpoint.size
    assert signer(lab, tmp_path).publish().checkpoint.size == lab.query.log().size


def test_i4_an_older_database_is_found_by_what_was_signed(lab: Lab, new_lab: Callable[[Lab | None], Lab], tmp_path: Path) -> None:
    older = new_lab(lab)
    lab.append(lab.judged(lab.event("e1", T0), "open"))
    signed = signer(lab, tmp_path).publish()
    with pytest.raises(VerificationError, match="were signed") as caught:
        verify(older.engine, signed)
    assert caught.value.index == older.query.log().size
    with pytest.raises(Refused):
        signer(older, tmp_path).publish()


def test_i4_another_history_is_found_by_what_was_signed(lab: Lab, new_lab: Callable[[Lab | None], Lab], tmp_path: Path) -> None:
    other = new_lab(lab)
    other.digest, other.mappings = lab.digest, lab.mappings
    lab.append(lab.judged(lab.event("e1", T0), "open"))
    other.append(lab.judged(lab.event("e2", T0), "open"), lab.judged(lab.event("e3", T0), "open"))
    signed = signer(lab, tmp_path).publish()
    verify(other.engine, None)
    with pytest.raises(VerificationError, match="not those that were signed"):
        verify(other.engine, signed)


def test_a_checkpoint_of_nothing_fits_every_log(lab: Lab) -> None:
    empty = SignedCheckpoint(Checkpoint.parse(f"{ORIGIN}\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"), b"")
    assert verify(lab.engine, empty).checkpoint_size == 0


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE entry SET payload_salt = zeroblob(16) WHERE idx = 1",
        "UPDATE entry SET leaf = zeroblob(32) WHERE idx = 1",
        "UPDATE entry SET type = 'window' WHERE idx = 1",
        "UPDATE entry SET detail_salt = NULL WHERE idx = 1",
        "DELETE FROM entry WHERE idx = 1",
        "UPDATE entry SET recorded_at = recorded_at + 1 WHERE idx = 1",
    ],
)
def test_the_signer_refuses_an_entry_that_does_not_verify(lab: Lab, tmp_path: Path, damage: str) -> None:
    lab.append(lab.judged(lab.event("e1", T0), "plain"), lab.judged(lab.event("e2", T0), "plain"))
    lab.sql(damage)
    with pytest.raises(Refused) as caught:
        signer(lab, tmp_path).publish()
    assert caught.value.index == 1


# What was erased.


def erase(lab: Lab, index: int) -> None:
    """Erase an entry's bytes."""
    lab.append(erasures=(Erasure((index,), "asked for", "carol"),))


def test_i15_what_an_erasure_names_may_be_missing(lab: Lab, tmp_path: Path) -> None:
    lab.append(lab.judged(lab.event("e1", T0), "plain"), lab.judged(lab.event("e2", T0), ("plain", Verdict.MATCHED, "bob")))
    before = signer(lab, tmp_path).publish()
    erase(lab, 2)
    assert verify(lab.engine, before).erased == 1
    signer(lab, tmp_path / "anew").publish()
    row = lab.query.evidence_row(2)
    assert row is not None
    assert (row.id, row.tags, row.controls) == ("", (), ("A.5.28",))
    assert lab.append(lab.judged(lab.event("e2", T0), ("plain", Verdict.MATCHED, "bob"))).counts.duplicate == 1


def test_what_is_missing_elsewhere_is_found(lab: Lab) -> None:
    lab.append(lab.judged(lab.event("e1", T0), "plain"), lab.judged(lab.event("e2", T0), ("plain", Verdict.MATCHED, "bob")))
    erase(lab, 2)
    lab.sql("UPDATE entry SET payload_salt = NULL WHERE idx = 1")
    with pytest.raises(VerificationError, match="no erasure says so") as caught:
        verify(lab.engine, None)
    assert caught.value.index == 1


# Reading the log.


def test_entries_are_read_in_order_with_their_bytes(lab: Lab) -> None:
    lab.append(*(lab.judged(lab.event(f"e{n}", T0 + n), "plain") for n in range(450)))
    source = SqlLogSource(lab.engine)
    assert source.head() == (451, bytes.fromhex(lab.query.log().root))
    entries = list(source.entries(1, 440))
    assert [entry.index for entry in entries] == list(range(1, 440))
    for number, entry in enumerate(entries):
        assert entry.payload.data == lab.event(f"e{number}", 0).payload
        assert json.loads(entry.detail.data or b"")["id"] == f"e{number}"
        assert check_entry(entry) == entry.leaf
    assert list(source.entries(440, 440)) == []
    with reading(lab.engine) as connection:
        assert [entry.index for entry in EntryReader(connection).entries(449, 10_000)] == [449, 450]
    with pytest.raises(StoreError):
        source.tile(5, 0)


def test_coverage_is_rebuilt_as_windows_write_it(lab: Lab) -> None:
    chance = random.Random(5)
    rebuilt: list[Stretch] = []
    for _ in range(60):
        start, length = chance.randrange(100) * HOUR, chance.randrange(1, 10) * HOUR
        cover = Cover(PART, T0 + start, T0 + start + length, chance.random() < 0.7, chance.choice([0, HOUR]))
        if chance.random() < 0.1:
            lab.wait(SECOND)
            lab.activate()
        lab.window(T0, T0 + DAY, covers=(cover,))
        index, held = lab.sql("SELECT idx, held FROM attempt WHERE idx IS NOT NULL ORDER BY idx DESC LIMIT 1")[0]
        extend(rebuilt, cover, held, index)
    stored = lab.sql('SELECT start, "end", held, joins, bridge, idx FROM coverage ORDER BY start')
    assert [tuple(row) for row in stored] == [(s.start, s.end, s.held, s.joins, s.bridge, s.idx) for s in rebuilt]
    assert len(stored) > 5
