"""A delivered file is one gzip member of compact JSON; it is put whole where a collector reads."""

from __future__ import annotations

import json
import random
import threading
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestream.demo.deliver import deliver, delivery_time, files, to_bucket, to_directory
from attestream.demo.machines import heartbeat
from attestream.demo.period import period_until
from attestream.demo.world import DAY, MINUTE, REGIONS


def single_member(body):
    """The content of a gzip file that holds one member and nothing after it."""
    unzip = zlib.decompressobj(wbits=31)
    content = unzip.decompress(body)
    assert unzip.eof
    assert unzip.unused_data == b""
    return content


def test_every_file_is_one_gzip_member_of_compact_json_with_as_many_records_as_it_says(delivered):
    for file in delivered:
        content = single_member(file.body)
        parsed = json.loads(content)
        assert set(parsed) == {"Records"}
        assert len(parsed["Records"]) == file.records > 0
        assert content.startswith(b'{"Records":[{"eventVersion":"1.11","userIdentity":{')
        assert json.dumps(parsed, separators=(",", ":"), ensure_ascii=False).encode() == content


@given(at=st.integers(min_value=0, max_value=2**52))
def test_delivery_is_five_to_fifteen_minutes_after_the_event_on_a_multiple_of_five(at):
    delivered = delivery_time(at)
    assert 5 * MINUTE <= delivered - at <= 15 * MINUTE
    assert delivered % (5 * MINUTE) == 0


def test_what_is_still_under_way_is_delivered_by_a_later_now(now):
    calls = list(heartbeat(period_until(now), random.Random(1)))
    early, late = (list(deliver(calls, at, random.Random(1))) for at in (now - DAY, now))
    assert sum(file.records for file in early) < sum(file.records for file in late)
    assert max(file.delivered_at for file in early) <= now - DAY


def test_many_records_of_one_moment_become_several_files(now):
    calls = [call for call in heartbeat(period_until(now), random.Random(1)) if call.region == REGIONS[0]][:250]
    made = list(files(calls, REGIONS[0], now - now % (5 * MINUTE), random.Random(1)))
    assert sum(file.records for file in made) == 250
    assert len({file.key for file in made}) == len(made) == 3


def test_a_directory_gets_each_file_under_its_key_and_nothing_else(delivered, tmp_path):
    some = delivered[:40]
    assert to_directory(some, tmp_path) == 40
    written = {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {file.key: file.body for file in some}


def test_a_directory_of_no_files_is_no_error(tmp_path):
    assert to_directory([], tmp_path) == 0


class Bucket:
    """Keeps what was put; refuses the keys in `refused`."""

    def __init__(self, refused=()):
        self.kept, self.refused, self.lock = {}, set(refused), threading.Lock()

    def put_object(self, *, Bucket, Key, Body):
        if Key in self.refused:
            raise PermissionError(Key)
        with self.lock:
            self.kept[Bucket, Key] = Body


def test_a_bucket_gets_each_file_under_its_key(delivered):
    bucket = Bucket()
    assert to_bucket(iter(delivered[:100]), bucket, "logs") == 100
    assert bucket.kept == {("logs", file.key): file.body for file in delivered[:100]}


def test_an_upload_that_is_refused_is_not_counted_as_done(delivered):
    with pytest.raises(PermissionError):
        to_bucket(delivered[:10], Bucket(refused=[delivered[4].key]), "logs")
