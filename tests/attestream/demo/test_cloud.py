"""LocalS3: answers while the block lasts, takes uploads, leaves no process behind, and says where its log is."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from attestream.demo import cloud
from attestream.demo.cloud import DemoError, LocalS3
from attestream.demo.deliver import to_bucket


def refuses(port):
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_uploads_are_listed_and_read_back_and_the_server_is_gone_after(tmp_path, delivered, monkeypatch):
    # What the shell says of AWS and of proxies must reach neither the server nor the client.
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    some = {file.key: file.body for file in delivered[:60]}
    with LocalS3(tmp_path / "log" / "s3.log") as server:
        port = int(server.endpoint.removeprefix("http://127.0.0.1:"))
        server.make_bucket("logs")
        client = server.client()
        assert to_bucket(delivered[:60], client, "logs") == 60
        listed = [one["Key"] for one in client.list_objects_v2(Bucket="logs", Prefix="AWSLogs/")["Contents"]]
        assert sorted(listed) == sorted(some)
        key = delivered[3].key
        assert client.get_object(Bucket="logs", Key=key)["Body"].read() == some[key]
    assert refuses(port)
    assert b"PUT /logs/" in (tmp_path / "log" / "s3.log").read_bytes()


def test_an_error_inside_the_block_stops_the_server_and_passes_through(tmp_path):
    ports = []

    def use():
        with LocalS3(tmp_path / "s3.log") as server:
            ports.append(int(server.endpoint.rpartition(":")[2]))
            raise LookupError("inside")

    with pytest.raises(LookupError, match="inside"):
        use()
    assert refuses(ports[0])


def test_a_server_that_does_not_start_is_an_error_that_names_the_log(tmp_path, monkeypatch):
    monkeypatch.setattr(cloud, "_CHILD", "raise SystemExit('no moto here')")
    with pytest.raises(DemoError, match=r"s3\.log"), LocalS3(tmp_path / "s3.log"):
        pytest.fail("there is no server to use")
    assert "no moto here" in (tmp_path / "s3.log").read_text()


def test_the_server_ends_with_its_parent_even_when_that_is_killed(tmp_path):
    code = (
        "import os, signal, sys, pathlib\n"
        "from attestream.demo.cloud import LocalS3\n"
        "with LocalS3(pathlib.Path(sys.argv[1])) as s:\n"
        "    print(s.endpoint, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = str(Path(cloud.__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root}
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "s3.log")], capture_output=True, env=environment, timeout=900
    )
    port = int(ran.stdout.strip().rpartition(b":")[2])
    assert ran.returncode == -9
    # The pipe that the child waits on closed with its parent; give it the time to leave.
    for _ in range(2400):
        if refuses(port):
            return
        time.sleep(0.05)
    pytest.fail(f"the server on port {port} outlived its parent")
