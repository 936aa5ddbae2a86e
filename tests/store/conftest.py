"""Fixtures of the store's tests. Whatever takes `lab` or `new_lab` runs on every backend."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from store.open import open_store
from tests.postgres_server import postgres
from tests.store.lab import Lab
from tests.store.places import Place, copy, mark, remove, reset, url_of

KEPT = 6
"""Stores that stay as they are until others are made. No test makes as many."""


@pytest.fixture(scope="session", params=["sqlite", pytest.param("postgres", marks=pytest.mark.parts("postgres"))])
def backend(request: pytest.FixtureRequest) -> str:
    """The name of a backend of the store."""
    return str(request.param)


@pytest.fixture(scope="session")
def empty_store(backend: str, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A migrated store, to be copied: the migration takes longer than most tests."""
    path = tmp_path_factory.mktemp("empty") / "store.db"
    place: Place = path if backend == "sqlite" else postgres().url(postgres().create())
    open_store(url_of(place)).engine.dispose()
    mark(place)
    return place


@pytest.fixture(scope="session")
def new_lab(empty_store: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Lab]]:
    """Makes stores, each new."""
    folder, numbers = tmp_path_factory.mktemp("labs"), itertools.count()
    labs: list[Lab] = []
    free: list[str] = []

    def make(copy_of: Lab | None = None) -> Lab:
        while len(labs) > KEPT:
            old = labs.pop(0)
            old.close()
            if isinstance(old.place, str):
                free.append(old.place)
        if copy_of is None and free:
            reset(place := free.pop())
            labs.append(Lab(place))
        else:
            source = empty_store if copy_of is None else copy_of.settled()
            labs.append(Lab(copy(source, folder / f"{next(numbers)}.db")))
        return labs[-1]

    yield make
    for lab in labs:
        lab.close()
        remove(lab.place)
    for place in free:
        remove(place)


@pytest.fixture
def lab(new_lab: Callable[[], Lab]) -> Lab:
    """A store with the four mappings active: open, two (two-sided), sat (satisfied on match), plain (evidence)."""
    made = new_lab()
    made.activate()
    return made
