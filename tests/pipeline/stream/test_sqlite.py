"""pipeline/stream/sqlite.py: what the embedded stream promises beyond the contract (tests/contract/test_stream.py)."""

from __future__ import annotations

import random
import resource
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import event as hooks

from pipeline.errors import StreamError
from pipeline.event import Event
from pipeline.stream.sqlite import SqliteStream
from store.sqlite_driver import make_engine, writing

ROOT = Path(__file__).resolve().parents[3]
noise = random.Random(5)


def some_events(count: int, size: int = 100, prefix: str = "e") -> list[Event]:
    return [Event("s", f"{prefix}-{n}", "log.x.y", n, noise.randbytes(size)) for n in range(count)]


def ids(stream: SqliteStream) -> Counter[str]:
    consumer = stream.subscribe(lambda _partition: (1, 0), lambda _partition: None)
    found: Counter[str] = Counter()
    while (polled := consumer.poll(10_000, 0.0)).advances:
        found.update(item.event.id for item in polled.items)
    return found


def test_the_number_of_partitions_is_the_file_s(tmp_path):
    SqliteStream(tmp_path / "s.db", 3).close()
    assert SqliteStream(tmp_path / "s.db", 3).partitions == 3
    with pytest.raises(StreamError, match=r"s\.db: the stream has 3 partitions, 4 were asked for"):
        SqliteStream(tmp_path / "s.db")


@pytest.mark.parametrize("partitions", [0, -1, 257])
def test_a_number_of_partitions_that_cannot_be_is_refused_and_makes_no_file(tmp_path, partitions):
    with pytest.raises(StreamError, match="1 to 256"):
        SqliteStream(tmp_path / "s.db", partitions)
    assert list(tmp_path.iterdir()) == []


def test_another_database_is_refused_and_left_alone(tmp_path):
    engine = make_engine(tmp_path / "store.db")
    with writing(engine) as connection:
        connection.exec_driver_sql("create table evidence (x)")
    with pytest.raises(StreamError, match="not a stream"):
        SqliteStream(tmp_path / "store.db")
    with writing(engine) as connection:
        assert connection.exec_driver_sql("select name from sqlite_master").scalars().all() == ["evidence"]


@pytest.mark.parametrize("content", [b"words and no database\n" * 500])
def test_what_is_no_database_is_refused(tmp_path, content):
    (tmp_path / "s.db").write_bytes(content)
    with pytest.raises(StreamError, match="not a database"):
        SqliteStream(tmp_path / "s.db")
    assert (tmp_path / "s.db").read_bytes() == content


def test_a_stream_of_a_later_format_is_refused(tmp_path):
    SqliteStream(tmp_path / "s.db").close()
    with writing(make_engine(tmp_path / "s.db")) as connection:
        connection.exec_driver_sql("update stream set format = 2")
    with pytest.raises(StreamError, match="format 2 is not known"):
        SqliteStream(tmp_path / "s.db")


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(StreamError, match="folder does not exist"):
        SqliteStream(tmp_path / "none" / "s.db")


def test_i10_a_full_disk_publishes_nothing_and_the_stream_goes_on_when_there_is_room(tmp_path):
    stream = SqliteStream(tmp_path / "s.db")
    stream.publish(some_events(20, prefix="first"))
    before = dict(stream.ends())
    engine = stream._file._engine

    @hooks.listens_for(engine, "begin")
    def little_room(connection):
        connection.exec_driver_sql("PRAGMA max_page_count=30")

    with pytest.raises(StreamError, match="disk is full; nothing was written"):
        stream.publish(some_events(50, 100_000, "lost"))
    assert dict(stream.ends()) == before
    assert ids(stream).keys() == {f"first-{n}" for n in range(20)}
    hooks.remove(engine, "begin", little_room)
    stream.close()
    stream = SqliteStream(tmp_path / "s.db")
    stream.publish(some_events(50, 100_000, "late"))
    assert len(ids(stream)) == 70


def test_i10_a_disk_that_refuses_bytes_publishes_nothing(tmp_path):
    script = """
import sys, random
from pathlib import Path
from pipeline.errors import StreamError
from pipeline.stream.sqlite import SqliteStream
from store.records import Event
stream = SqliteStream(Path(sys.argv[1]))
stream.publish([Event("s", "small", "log.x.y", 1, b"{}")])
try:
    stream.publish([Event("s", f"lost-{n}", "log.x.y", 1, random.randbytes(200_000)) for n in range(10)])
except StreamError as error:
    print(error)
stream.publish([Event("s", "after", "log.x.y", 1, b"{}")])
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "s.db")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000)),
    )
    assert done.stderr == ""
    assert "nothing was written" in done.stdout
    assert ids(SqliteStream(tmp_path / "s.db")) == {"small": 1, "after": 1}


def test_a_killed_publisher_leaves_whole_calls_or_nothing_of_them(tmp_path):
    script = """
import sys
from pathlib import Path
from pipeline.stream.sqlite import SqliteStream
from store.records import Event
stream = SqliteStream(Path(sys.argv[1]))
for call in range(10**6):
    stream.publish([Event("s", f"{sys.argv[2]}-{call}-{n}", "log.x.y", 1, bytes(2000)) for n in range(450)])
    print(call, flush=True)
"""
    chance = random.Random(11)
    for kill in range(4):
        command = [sys.executable, "-c", script, str(tmp_path / "s.db"), f"{kill}"]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(chance.randrange(1, 9)):
                assert process.stdout.readline()
            process.send_signal(signal.SIGKILL)
    found = ids(SqliteStream(tmp_path / "s.db"))
    assert set(found.values()) == {1}
    calls = Counter(event_id.rpartition("-")[0] for event_id in found)
    assert set(calls.values()) == {450}
    assert {call.partition("-")[0] for call in calls} == {"0", "1", "2", "3"}


def test_a_position_past_the_end_is_said_rather_than_waited_at(tmp_path):
    stream = SqliteStream(tmp_path / "s.db")
    stream.publish(some_events(20))
    consumer = stream.subscribe(lambda _partition: (1, 50), lambda _partition: None)
    with pytest.raises(StreamError, match="past the stream's end"):
        consumer.poll(10, 0.0)


def test_records_that_a_position_needs_and_are_gone_are_said_rather_than_passed_over(tmp_path):
    stream = SqliteStream(tmp_path / "s.db", 1)
    for number in range(3):
        stream.publish(some_events(5, prefix=f"{number}"))
    stream.trim({0: 2})
    consumer = stream.subscribe(lambda _partition: (1, 1), lambda _partition: None)
    with pytest.raises(StreamError, match=r"record 1 of partition 0 is gone"):
        consumer.poll(10, 0.0)


def test_a_record_missing_in_the_middle_is_said_after_those_before_it(tmp_path):
    stream = SqliteStream(tmp_path / "s.db", 1)
    for number in range(3):
        stream.publish(some_events(5, prefix=f"{number}"))
    with writing(make_engine(tmp_path / "s.db")) as connection:
        connection.exec_driver_sql('delete from records where "offset" = 1')
    consumer = stream.subscribe(lambda _partition: (1, 0), lambda _partition: None)
    assert {item.event.id[0] for item in consumer.poll(100, 0.0).items} == {"0"}
    with pytest.raises(StreamError, match=r"record 1 of partition 0 is gone"):
        consumer.poll(100, 0.0)


@pytest.mark.parametrize("positions", [{0: 99}, {9: 0}, {0: 1, 3: 99}])
def test_trimming_past_the_end_deletes_nothing(tmp_path, positions):
    stream = SqliteStream(tmp_path / "s.db")
    stream.publish(some_events(100))
    with pytest.raises(StreamError, match="past the stream's end"):
        stream.trim(positions)
    assert len(ids(stream)) == 100


def test_what_is_trimmed_leaves_the_file(tmp_path):
    stream = SqliteStream(tmp_path / "s.db", 1)
    secret = noise.randbytes(64)
    stream.publish([Event("s", "1", "log.x.y", 1, secret)])
    stream.publish(some_events(3))
    stream.trim({0: 1})
    stream.close()
    assert secret not in (tmp_path / "s.db").read_bytes()
    assert len(list(tmp_path.iterdir())) == 1, "the last one to close leaves no journal behind"


def test_a_poll_holds_a_bounded_number_of_bytes(tmp_path):
    stream = SqliteStream(tmp_path / "s.db", 1)
    for number in range(12):
        stream.publish([Event("s", f"{number}", "log.x.y", 1, bytes(6_000_000))])
    consumer = stream.subscribe(lambda _partition: (1, 0), lambda _partition: None)
    first = consumer.poll(10_000, 0.0)
    assert len(first.items) == 6
    assert len(consumer.poll(10_000, 0.0).items) == 6


def test_a_locked_file_is_said(tmp_path, monkeypatch):
    defaults = {**make_engine.__kwdefaults__, "busy_timeout": 0.1}
    monkeypatch.setattr("store.sqlite_driver.make_engine.__kwdefaults__", defaults)
    stream = SqliteStream(tmp_path / "s.db")
    with writing(make_engine(tmp_path / "s.db")), pytest.raises(StreamError, match="another process"):
        stream.publish(some_events(1))


def test_an_error_while_reading_moves_no_position(tmp_path, monkeypatch):
    stream = SqliteStream(tmp_path / "s.db", 1)
    stream.publish(some_events(30))
    consumer = stream.subscribe(lambda _partition: (1, 0), lambda _partition: None)
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.stream.sqlite_consumer.read_record", lambda *_: (_ for _ in ()).throw(sqlite3.Error("boom")))
        with pytest.raises(sqlite3.Error):
            consumer.poll(10, 0.0)
    assert len(consumer.poll(100, 0.0).items) == 30
