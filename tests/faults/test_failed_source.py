"""I11: a failing source never reads as "0 results, success"; its cursor stays (I2), and when it is back nothing is missing."""

from __future__ import annotations

import http.server
import json
import threading
from contextlib import contextmanager

import pytest

from collectors.runner import run_attempts
from store.records import DAY, HOUR
from tests.faults.kit import START, Script, event
from tests.faults.observe import Tables, observe
from tests.faults.whole import check_whole

EVENTS = [event(number, "Decrypt", START + number * HOUR) for number in range(5)]


def windows(path):
    """(state, records, errors) of each window in the log."""
    found = []
    for entry in Tables(path).entries():
        if entry.type == "window":
            record = json.loads(entry.parts["payload"][1])
            found.append((entry.fields["state"], record["counts"]["records"], record["errors"], entry.fields["covers"]))
    return found


def cursor(path):
    return tuple(Tables(path).one("select cursor, cursor_end from source where name = 'trail'"))


def assert_failed(installation, run, *words):
    """Exit 1, a sentence that names the place, a failed window with its error that covers nothing, and no move of the cursor."""
    said = run.said()
    assert run.status == 1, said
    assert "Traceback" not in said
    assert "FAILED" in said
    assert "0 records" not in said
    for word in words:
        assert word in said
    assert windows(installation.store)
    for state, records, errors, covers in windows(installation.store):
        assert (state, records, covers) == ("failed", 0, [])
        assert errors
    assert cursor(installation.store) == (b"{}", None)
    status = installation.start(argv=("status", "--json"))
    status.end()
    said = json.loads(status.said())
    assert said["sources"]["trail"]["state"] != "collecting", said["sources"]
    assert all(control["state"] != "satisfied" for control in said["controls"].values())
    check_whole(installation.store, installation.checkpoints)


def test_i11_a_directory_that_is_not_there(install, tmp_path, few, undisturbed_few):
    folder = tmp_path / "away"
    installation = install(folder)
    run = installation.start()
    run.end()
    assert_failed(installation, run, "does not exist")
    folder.symlink_to(few)
    installation.run()
    check_whole(installation.store, installation.checkpoints)
    back = observe(installation.store)
    assert {key[1] for key in back.evidence} == {key[1] for key in undisturbed_few.outcome.evidence}
    assert back.unmatched == undisturbed_few.outcome.unmatched


def test_i11_a_file_where_a_directory_should_be(install, tmp_path):
    path = tmp_path / "file"
    path.write_text("")
    installation = install(path)
    run = installation.start()
    run.end()
    assert_failed(installation, run, "not a directory")


@pytest.mark.parametrize("depth", [0, 1])
def test_i11_a_directory_that_may_not_be_read(depth, install, tmp_path, few):
    """depth 1: one folder below it; the others could be read, and still nothing says that all was."""
    folder = tmp_path / "closed"
    closed = folder / "AWSLogs" if depth else folder
    closed.mkdir(parents=True)
    closed.chmod(0)
    installation = install(folder)
    run = installation.start(bare=True)
    run.end()
    closed.chmod(0o700)
    assert_failed(installation, run, "permission denied")


KEY = "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11/20/111122223333_CloudTrail_eu-west-1_20261120T1000Z_a.json.gz"
PAGE = f"""<?xml version="1.0"?><ListBucketResult><Name>bucket</Name><IsTruncated>true</IsTruncated>
<NextContinuationToken>t</NextContinuationToken><KeyCount>1</KeyCount><Contents><Key>{KEY}</Key>
<LastModified>2026-11-20T10:00:00.000Z</LastModified><ETag>"a"</ETag><Size>10</Size></Contents></ListBucketResult>"""


class Bucket(http.server.BaseHTTPRequestHandler):
    """An S3 that is out of order in one way: `server.fault` = (status, code), after `server.after` good pages of a listing."""

    def do_GET(self):
        server = self.server
        server.asked += 1
        status, code = server.fault
        body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>no</Message></Error>'
        if server.asked <= server.after:
            status, body = 200, PAGE
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args):
        pass


@contextmanager
def broken_bucket(fault, after):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Bucket)
    server.fault, server.after, server.asked = fault, after, 0
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("after", [0, 1], ids=["at once", "on the second page"])
@pytest.mark.parametrize("fault", [(500, "InternalError"), (503, "SlowDown"), (403, "AccessDenied")], ids=lambda fault: fault[1])
def test_i11_a_bucket_that_is_broken_or_denied(fault, after, install, monkeypatch):
    with broken_bucket(fault, after) as server:
        source = {
            "type": "cloudtrail-s3",
            "bucket": "bucket",
            "endpoint_url": f"http://127.0.0.1:{server.server_port}",
            "region": "eu-west-1",
            "max_attempts": 1,
            "connect_timeout": 300,
            "read_timeout": 300,
        }
        installation = install(source=source)
        run = installation.start(environment={"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "secret-of-the-test"})
        run.end()
        assert server.asked > after
    assert_failed(installation, run, "bucket")
    assert "secret-of-the-test" not in run.said()


def test_i2_the_cursor_stays_at_the_last_window_that_was_read(make_kit):
    """Of three days the second cannot be read: what was read of the first counts, the rest is asked for again."""
    kit = make_kit()
    now = START + 3 * DAY
    script = Script([EVENTS[:2], "the disk is gone"])
    states = [record.state for record in run_attempts(script, kit.stream, kit.ledger, kit.epoch(), now, clock=kit.clock)]
    assert states == ["complete", "failed"]  # the third was never begun, and is taken back
    kit.worker.drain()
    kit.keeper.tick()
    assert kit.ledger.cursor("trail")[0] == START + DAY
    assert kit.ledger.cursor("trail")[1] == {"number": 0}
    assert [state for state, *_ in windows(kit.path)] == ["complete", "failed"]
    again = Script([EVENTS[2:]])
    run_attempts(again, kit.stream, kit.ledger, kit.epoch(), now, clock=kit.clock)
    kit.worker.drain()
    assert again.asked[0].start == START + DAY
    assert {key[1] for key in observe(kit.path).evidence} == {item.id for item in EVENTS}
    check_whole(kit.path)


def test_i11_a_source_that_breaks_off_counts_what_it_gave_and_covers_nothing(make_kit):
    kit = make_kit()

    def some():
        yield from EVENTS[:3]
        raise_unreadable()

    def raise_unreadable():
        from collectors.base import SourceUnreadable

        raise SourceUnreadable("the connection broke")

    run_attempts(Script([some()]), kit.stream, kit.ledger, kit.epoch(), START + HOUR, clock=kit.clock)
    kit.worker.drain()
    assert [window[0] for window in windows(kit.path)] == ["failed"]
    assert windows(kit.path)[0][3] == []
    assert kit.ledger.cursor("trail") == (None, {})
    run_attempts(Script([EVENTS]), kit.stream, kit.ledger, kit.epoch(), START + HOUR, clock=kit.clock)
    kit.worker.drain()
    assert set(observe(kit.path).evidence.values()) == {1}
    assert len(observe(kit.path).evidence) == len(EVENTS)
    check_whole(kit.path)
