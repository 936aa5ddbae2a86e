"""Stores of earlier schemas are brought forward with what they hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import inspect

import store
from pipeline.posture import decide
from store import schema
from store.engine import open_engine, reading, writing
from store.evidence import EvidenceStore
from store.fsck import verify
from store.open import open_store
from store.records import Activation, Batch, Counts, Event, Judged, Judgement, Verdict
from store.seen import Known, keys_of, look_up
from tests.postgres_server import postgres
from tests.store.lab import CONTROLS, MAPPINGS, T0, TYPE
from tests.store.places import Place, remove, url_of

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.fixture
def place(backend: str, tmp_path: Path) -> Iterator[Place]:
    """An empty place for a store."""
    made: Place = tmp_path / "old.db" if backend == "sqlite" else postgres().url(postgres().create())
    yield made
    remove(made)


def brought_to(place: Place, revision: str, *statements: str) -> None:
    """Make a store of this revision of the schema, with an empty log and these rows. `X(…)` is a literal of bytes."""
    config = Config()
    config.set_main_option("script_location", str(Path(next(iter(store.__path__))) / "migrations"))
    engine = open_engine(url_of(place))
    literal = "x'{}'" if isinstance(place, Path) else "decode('{}', 'hex')"
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        for statement in statements:
            head, *parts = statement.split("X(")
            text = head + "".join(literal.format(part.split(")", 1)[0]) + part.split(")", 1)[1] for part in parts)
            connection.exec_driver_sql(text)
    engine.dispose()


def began(place: Place, *statements: str) -> EvidenceStore:
    """A store of schema 0002 with these rows, as it is after the upgrade."""
    head = f"INSERT INTO head (id, size, root, recorded_at, mapping_set, set_idx) VALUES (1, 0, X({EMPTY}), 0, '', 0)"
    meta = f"INSERT INTO meta VALUES ('seen_key', X({'00' * 32})), ('store_id', X(61))"
    brought_to(place, "0002", head, meta, *statements)
    return open_store(url_of(place), lambda: T0)


def test_v0003_evidence_stays_known_and_what_was_unmatched_lapses(place: Place) -> None:
    event = Event("trail", "e", TYPE, T0, b"{}", collected_at=T0)
    keys = keys_of(bytes(32), Judged(event))
    rows = f"('trail', X({keys.id.hex()}), -1, NULL, 5), ('trail', X({'11' * 16}), 7, X({'22' * 16}), NULL)"
    columns, erased = "source, key, idx, digest, expires", f"('o', X({'33' * 16}), -2, NULL, NULL)"
    opened = began(place, f"INSERT INTO seen ({columns}) VALUES {rows}, {erased}")
    with reading(opened.engine) as connection:
        found = look_up(connection, [("trail", keys.id), ("trail", b"\x11" * 16), ("o", b"\x33" * 16)])
    assert found == {("trail", b"\x11" * 16): Known(7, b"\x22" * 16), ("o", b"\x33" * 16): Known(-2, None)}
    opened.engine.dispose()


def test_v0003_a_store_goes_on_as_if_it_were_new(place: Place) -> None:
    opened = began(place)
    opened.append(Batch(activate=Activation("a" * 64, b"set", MAPPINGS, CONTROLS)), (), decide)
    judgement = Judgement("plain", Verdict.MATCHED, "evidence", "111122223333", ("A.5.28",), "said")
    items = [Judged(Event("trail", f"e{n}", TYPE, T0, b"{}", "", T0), (judgement,) if n else (), 0) for n in range(3)]
    for counts in (Counts(evidence=2, unmatched=1), Counts(duplicate=3)):
        assert opened.append(Batch(mapping_set="a" * 64, items=tuple(items)), (), decide).counts == counts
    verify(opened.engine, None)
    opened.engine.dispose()


def test_the_schema_that_migrations_make_is_the_one_that_is_used(place: Place) -> None:
    """Columns of every table, in the order of schema.py or not."""
    opened = open_store(url_of(place))
    found = inspect(opened.engine)
    for table in schema.metadata.sorted_tables:
        columns = {column["name"]: column["nullable"] for column in found.get_columns(table.name)}
        assert columns == {column.name: bool(column.nullable) for column in table.columns}, table.name
        assert found.get_pk_constraint(table.name)["constrained_columns"] == [c.name for c in table.primary_key], table.name
    opened.engine.dispose()
