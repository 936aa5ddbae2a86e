"""store/sqlite_driver.py: settings, transactions and errors of SQLite connections."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import event, exc, text

from store.errors import StorageBusy, StorageFull, StorageUnusable
from store.sqlite_driver import PAGE_SIZE, make_engine, reading, sqlite_module, wal_is_safe, writing

ROOT = Path(__file__).resolve().parents[2]


class OldLibrary:
    """The module in use, saying that it is a version from before the WAL-reset fix.

    Two SQLite libraries in one process would not see each other's locks, so it is the same one.
    """

    sqlite_version_info = (3, 40, 1)

    def __getattr__(self, name: str) -> object:
        return getattr(sqlite_module(), name)


def pragmas(engine) -> dict[str, object]:
    names = ["page_size", "journal_mode", "synchronous", "foreign_keys", "secure_delete", "busy_timeout"]
    with reading(engine) as connection:
        return {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names}


def test_wal_and_full_where_the_library_is_new_enough(tmp_path):
    module = sqlite_module()
    if not wal_is_safe(module.sqlite_version_info):
        pytest.skip(f"SQLite {module.sqlite_version} has the WAL-reset bug, and pysqlite3 is not installed")
    found = pragmas(make_engine(tmp_path / "a.db", busy_timeout=7))
    assert found == {
        "page_size": PAGE_SIZE,
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "secure_delete": 1,
        "busy_timeout": 7000,
    }


def test_rollback_journal_and_extra_where_it_is_not_even_for_a_wal_file(tmp_path):
    make_engine(tmp_path / "a.db").dispose()
    found = pragmas(make_engine(tmp_path / "a.db", module=OldLibrary()))
    assert (found["journal_mode"], found["synchronous"], found["page_size"]) == ("delete", 3, PAGE_SIZE)


@pytest.mark.parametrize(("version", "safe"), [((3, 51, 2), False), ((3, 51, 3), True), ((3, 53, 0), True), ((3, 40, 1), False)])
def test_which_versions_may_use_wal(version, safe):
    assert wal_is_safe(version) is safe


def test_only_the_owner_can_read_the_file_and_its_wal(tmp_path):
    engine = make_engine(tmp_path / "a.db")
    with writing(engine) as connection:
        connection.exec_driver_sql("create table t (x)")
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_a_path_is_a_path_and_no_url(tmp_path):
    path = tmp_path / "a?mode=memory#b %41.db"
    make_engine(path).dispose()
    assert path.exists()


def table(tmp_path, **options):
    engine = make_engine(tmp_path / "t.db", **options)
    with writing(engine) as connection:
        connection.exec_driver_sql("create table if not exists t (x unique)")
    return engine


def run(engine, *statements: str) -> None:
    with writing(engine) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def rows(engine) -> list[int]:
    with reading(engine) as connection:
        return [row.x for row in connection.execute(text("select x from t order by x"))]


def test_writing_commits_at_the_end_and_rolls_back_ddl_too(tmp_path):
    engine = table(tmp_path)
    with writing(engine) as connection:
        connection.exec_driver_sql("insert into t values (1)")
    with pytest.raises(exc.OperationalError, match="no such table"):
        run(engine, "insert into t values (2)", "create table u (x)", "insert into nowhere values (1)")
    assert rows(engine) == [1]
    with writing(engine) as connection:
        connection.exec_driver_sql("create table u (x)")


def test_savepoints_are_real(tmp_path):
    engine = table(tmp_path)
    with writing(engine) as connection:
        connection.exec_driver_sql("insert into t values (1)")
        savepoint = connection.begin_nested()
        connection.exec_driver_sql("insert into t values (2)")
        with pytest.raises(exc.IntegrityError):
            connection.exec_driver_sql("insert into t values (1)")
        savepoint.rollback()
        connection.exec_driver_sql("insert into t values (3)")
    assert rows(engine) == [1, 3]


@pytest.mark.parametrize("module", [None, OldLibrary()])
def test_writing_takes_the_lock_at_once_and_says_who_waits_in_vain(tmp_path, module):
    engine = table(tmp_path, module=module, busy_timeout=0.1)
    with writing(engine), pytest.raises(StorageBusy, match="another process"), writing(engine):
        pytest.fail("two writers at the same time")


def test_a_reader_sees_one_snapshot_and_holds_no_writer_up(tmp_path):
    engine = table(tmp_path)
    if pragmas(engine)["journal_mode"] != "wal":
        pytest.skip("readers and writers exclude each other without WAL")
    with reading(engine) as connection:
        before = connection.execute(text("select count(*) from t")).scalar()
        with writing(engine) as writer:
            writer.exec_driver_sql("insert into t values (1)")
        assert connection.execute(text("select count(*) from t")).scalar() == before == 0
    assert rows(engine) == [1]


def test_reading_refuses_to_write_and_the_connection_can_write_again_later(tmp_path):
    engine = table(tmp_path)
    with pytest.raises(exc.OperationalError, match="readonly"), reading(engine) as connection:
        connection.exec_driver_sql("insert into t values (1)")
    with engine.begin() as connection:
        connection.exec_driver_sql("insert into t values (2)")
    assert rows(engine) == [2]


def test_errors_of_the_data_stay_what_they_are(tmp_path):
    engine = table(tmp_path)
    with pytest.raises(exc.IntegrityError):
        run(engine, "insert into t values (1)", "insert into t values (1)")
    assert rows(engine) == []


def test_i10_a_full_disk_is_said_and_nothing_is_written(tmp_path):
    engine = table(tmp_path)
    with reading(engine) as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()

    @event.listens_for(engine, "begin")
    def little_room(connection):
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 2}")

    with pytest.raises(StorageFull, match=r"t\.db: the disk is full; nothing was written"):
        run(engine, "insert into t values (1)", "insert into t values (zeroblob(1000000))")
    assert rows(engine) == []
    event.remove(engine, "begin", little_room)
    with writing(engine) as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 1000}")
        connection.exec_driver_sql("insert into t values (7)")
    assert rows(engine) == [7]


def test_i10_a_disk_that_refuses_bytes_is_said_and_nothing_is_written(tmp_path):
    """The operating system refuses to let any file grow past 200 kB."""
    script = """
import sys
import threading
from pathlib import Path
from store.errors import StoreError
from store.sqlite_driver import make_engine, writing
engine = make_engine(Path(sys.argv[1]))
try:
    with writing(engine) as connection:
        connection.exec_driver_sql("insert into t values (1), (zeroblob(1000000))")
except StoreError as error:
    print(type(error).__name__, error)
"""
    engine = table(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "t.db")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000)),
    )
    assert done.stderr == ""
    assert done.stdout.startswith(("StorageUnusable", "StorageFull"))
    assert "nothing was written" in done.stdout
    assert rows(engine) == []


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("no/such/a.db", "folder does not exist"),
        ("file/a.db", "Not a directory"),
        ("folder", "Is a directory"),
        ("file", "not a database"),
    ],
)
def test_a_place_that_cannot_be_used_is_named_with_the_reason(tmp_path, place, reason):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"these are some words\n" * 1000)
    with pytest.raises(StorageUnusable, match=reason) as caught:
        make_engine(tmp_path / place)
    assert str(tmp_path / place) in str(caught.value)
    assert (tmp_path / "file").read_bytes().startswith(b"these are some words"), "what is not ours is left alone"


def test_a_folder_that_may_not_be_written_is_named(tmp_path):
    tmp_path.chmod(0o500)
    # The superuser may write anywhere but where the kernel lets nobody.
    place = Path("/proc/self/a.db") if os.geteuid() == 0 else tmp_path / "a.db"
    with pytest.raises(StorageUnusable, match=r"a\.db: cannot be opened for writing: "):
        make_engine(place)


def test_a_damaged_file_is_said(tmp_path):
    engine = table(tmp_path)
    with writing(engine) as connection:
        connection.exec_driver_sql(
            "with recursive n(x) as (select 1 union all select x + 1 from n where x < 20000) insert into t select x from n"
        )
    engine.dispose()
    path = tmp_path / "t.db"
    data = bytearray(path.read_bytes())
    for page in range(1, len(data) // PAGE_SIZE):
        data[page * PAGE_SIZE : page * PAGE_SIZE + 64] = b"\xff" * 64
    path.write_bytes(data)
    with pytest.raises(StorageUnusable, match="damaged"):
        rows(make_engine(path))


def test_many_processes_may_open_a_new_file_at_once(tmp_path):
    script = """
import sys
import threading
from pathlib import Path
from store.sqlite_driver import make_engine, writing
sys.stdin.readline()
engine = make_engine(Path(sys.argv[1]), busy_timeout=600)
with writing(engine) as connection:
    connection.exec_driver_sql("create table if not exists t (x)")
    connection.exec_driver_sql("insert into t values (1)")
"""
    command = [sys.executable, "-c", script, str(tmp_path / "new.db")]
    started = [subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(6)]
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    assert [process.communicate()[1] for process in started] == [""] * 6
    assert rows(make_engine(tmp_path / "new.db")) == [1] * 6


@pytest.mark.parametrize("patience", [0.1, 600.0])
def test_opening_waits_for_a_writer_before_it_changes_the_journal(tmp_path, patience):
    old = table(tmp_path, module=OldLibrary())
    held, release = threading.Event(), threading.Event()

    def write() -> None:
        with writing(old):
            held.set()
            release.wait(600)

    writer = threading.Thread(target=write)
    writer.start()
    held.wait()
    if patience < 1:
        with pytest.raises(StorageBusy):
            make_engine(tmp_path / "t.db", busy_timeout=patience)
        release.set()
    else:
        threading.Timer(0.3, release.set).start()
        assert rows(make_engine(tmp_path / "t.db", busy_timeout=patience)) == []
    writer.join()
