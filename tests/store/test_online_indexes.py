"""Indexes that are built beside others who write."""

from __future__ import annotations

import pytest
from sqlalchemy import inspect

from store import online_indexes, schema
from store.engine import writing
from store.online_indexes import ONLINE, build_missing, missing_indexes
from store.open import open_store
from tests.store.lab import Lab
from tests.store.places import url_of

NAMES = [index.name for index in ONLINE]


def test_they_are_in_the_schema_and_in_a_new_store(lab: Lab) -> None:
    declared = {i.name: (i.table.name, [c.name for c in i.columns]) for t in schema.metadata.tables.values() for i in t.indexes}
    found = inspect(lab.engine)
    for index in ONLINE:
        columns = index.columns.split(", ")
        assert declared[index.name] == (index.table, columns)
        made = {i["name"]: i["column_names"] for i in found.get_indexes(index.table)}
        assert made[index.name] == columns


@pytest.mark.parametrize("backend", [pytest.param("postgres", marks=pytest.mark.parts("postgres"))], indirect=True)
def test_what_is_missing_is_built_when_the_store_is_opened_and_by_one(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    with writing(lab.engine) as connection:
        for name in NAMES[:2]:
            connection.exec_driver_sql(f"DROP INDEX {name}")
    assert [index.name for index in missing_indexes(lab.engine)] == NAMES[:2]
    with writing(lab.engine) as connection:  # another builds them
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({online_indexes._LOCK})")
        assert build_missing(lab.engine) == 0
        connection.exec_driver_sql(f"SELECT pg_advisory_unlock({online_indexes._LOCK})")
    open_store(url_of(lab.place)).engine.dispose()
    assert missing_indexes(lab.engine) == []
    assert build_missing(lab.engine) == 0
    with monkeypatch.context() as patch:
        patch.setattr(online_indexes, "missing_indexes", lambda _: ONLINE[:1])  # as one that was broken off
        assert build_missing(lab.engine) == 1
    assert missing_indexes(lab.engine) == []
