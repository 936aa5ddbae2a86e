"""Where a test's stores stand: SQLite files, or databases of the run's PostgreSQL.

A file is copied, which is fast. A database is made once and then brought back to how it was marked, which is faster than making
another.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Final

import psycopg
from sqlalchemy import make_url

from tests.postgres_server import postgres

Place = Path | str
"""A SQLite file, or the URL of a database."""
_TABLES: Final = """
    SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
    AND relname <> 'alembic_version'
"""
_MARK: Final = f"""
DO $$ DECLARE t text; BEGIN
DROP SCHEMA IF EXISTS pristine CASCADE;
CREATE SCHEMA pristine;
FOR t IN {_TABLES} LOOP EXECUTE format('CREATE TABLE pristine.%I AS TABLE public.%I', t, t); END LOOP;
END $$
"""
_RESET: Final = f"""
DO $$ DECLARE t text; s text; BEGIN
SET LOCAL session_replication_role = replica;
FOR t IN {_TABLES} LOOP EXECUTE format('DELETE FROM public.%I', t); END LOOP;
FOR t IN {_TABLES} LOOP EXECUTE format('INSERT INTO public.%I TABLE pristine.%I', t, t); END LOOP;
FOR s IN SELECT oid::regclass FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace LOOP
    t := replace(s, '_id_seq', '');
    EXECUTE format('SELECT setval(%L, coalesce((SELECT max(id) FROM public.%I), 0) + 1, false)', s, t);
END LOOP;
END $$
"""


def url_of(place: Place) -> str:
    """The store's URL."""
    return place if isinstance(place, str) else f"sqlite:///{place}"


def copy(place: Place, path: Path) -> Place:
    """A copy of a store that nobody is connected to: the file `path`, or a database beside it."""
    if isinstance(place, Path):
        shutil.copy(place, path)
        return path
    return postgres().url(postgres().create(template=database_of(place)))


def mark(place: Place) -> None:
    """Remember how a database is now, and its copies with it."""
    if isinstance(place, str):
        with connected(place) as connection:
            connection.execute(_MARK.encode())


def reset(place: str) -> None:
    """Bring a database back to how it was marked. Nobody is connected to it."""
    with connected(place) as connection:
        connection.execute(_RESET.encode())


def remove(place: Place) -> None:
    """Its database is of no use to anybody; pytest looks after files."""
    if isinstance(place, str):
        postgres().drop(database_of(place))


def connected(url: str) -> psycopg.Connection[Any]:
    """The superuser's connection to the store's database."""
    return postgres().connect(database_of(url))


def database_of(url: str) -> str:
    """The name of the database."""
    return str(make_url(url).database)
