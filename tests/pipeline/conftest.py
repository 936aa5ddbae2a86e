"""Fixtures of the pipeline's tests that need a store."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from store.open import open_store
from tests.store.lab import Lab


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database file, to be copied: the migration takes longer than most tests."""
    path = tmp_path_factory.mktemp("migrated") / "store.db"
    open_store(f"sqlite:///{path}").engine.dispose()
    return path


@pytest.fixture(scope="session")
def new_lab(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Lab]]:
    """Makes stores, each new. They do not wait for the disk: what happens to one that dies is not asked here."""
    folder, numbers = tmp_path_factory.mktemp("labs"), itertools.count()
    labs: list[Lab] = []

    def make() -> Lab:
        path = folder / f"{next(numbers)}.db"
        shutil.copy(migrated, path)
        lab = Lab(path)
        event.listen(lab.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
        lab.engine.dispose()
        labs.append(lab)
        return lab

    yield make
    for lab in labs:
        lab.close()


@pytest.fixture
def lab(new_lab: Callable[[], Lab]) -> Lab:
    """A store with the four mappings of the lab active: open, two (two-sided), sat (satisfied on match), plain (evidence)."""
    made = new_lab()
    made.activate()
    return made
