"""Fixtures of the store's tests."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from store.open import open_store
from tests.store.lab import Lab


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database file, to be copied: the migration takes longer than most tests."""
    path = tmp_path_factory.mktemp("empty") / "store.db"
    open_store(f"sqlite:///{path}").engine.dispose()
    return path


@pytest.fixture(scope="session")
def new_lab(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Lab]]:
    """Makes stores, each new."""
    folder, numbers = tmp_path_factory.mktemp("labs"), itertools.count()
    labs: list[Lab] = []

    def make(copy_of: Lab | None = None) -> Lab:
        path = folder / f"{next(numbers)}.db"
        if copy_of is not None:
            copy_of.sql("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy(empty_store if copy_of is None else copy_of.path, path)
        labs.append(Lab(path))
        return labs[-1]

    yield make
    for lab in labs:
        lab.close()


@pytest.fixture
def lab(new_lab: Callable[[], Lab]) -> Lab:
    """A store with the four mappings active: open, two (two-sided), sat (satisfied on match), plain (evidence)."""
    made = new_lab()
    made.activate()
    return made
