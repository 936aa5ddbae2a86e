"""alerts/outgoing.py against real sockets: bounded in time and size, pinned to the addresses that were checked."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from alerts.base import Refused, Retry
from alerts.guard import Rules, Target, check_url
from alerts.outgoing import Limits, post

OPEN = Rules(allow_private=True, allow_http=True)
QUICK = Limits(connect=1.0, total=1.0, answer=64 * 1024)
PATIENT = Limits(connect=120.0, total=120.0, answer=64 * 1024)
"""For answers that come: how fast this machine is must not matter."""
Serve = Callable[[Callable[[socket.socket], None]], Target]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A server of one connection whose answer is written by hand."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def start(answer: Callable[[socket.socket], None]) -> Target:
        def run() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):  # the client has gone, as it should
                connection.recv(65536)
                answer(connection)

        threads.append(threading.Thread(target=run, daemon=True))
        threads[-1].start()
        return check_url(f"http://127.0.0.1:{listener.getsockname()[1]}/hook", OPEN)

    yield start
    for thread in threads:
        thread.join(20)
    listener.close()


def test_what_is_sent_arrives(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/hook", query_string="a=b", method="POST", data=b"body", headers={"X-One": "1"}).respond_with_data(
        "fine", 201
    )
    answer = post(check_url(httpserver.url_for("/hook?a=b"), OPEN), {"X-One": "1"}, b"body", limits=PATIENT)
    assert (answer.status, answer.body) == (201, b"fine")


def test_the_name_is_resolved_once_and_the_connection_goes_to_that_address(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/hook").respond_with_data("fine")
    asked: list[str] = []

    def lookup(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["192.0.2.1"]

    target = check_url(f"http://hooks.example.test:{httpserver.port}/hook", OPEN)
    assert post(target, {}, b"x", lookup=lookup, limits=PATIENT).status == 200
    assert asked == ["hooks.example.test"]
    [(request, _)] = httpserver.log
    assert request.headers["Host"] == f"hooks.example.test:{httpserver.port}"


def test_a_name_that_turned_private_is_never_connected_to(httpserver: HTTPServer) -> None:
    target = check_url(f"http://hooks.example.test:{httpserver.port}/hook", Rules(allow_http=True))
    with pytest.raises(Refused):
        post(target, {}, b"x", lookup=lambda *_: ["127.0.0.1"])
    assert httpserver.log == []


def test_the_next_address_is_tried_when_one_does_not_answer(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/hook").respond_with_data("fine")
    target = check_url(f"http://hooks.example.test:{httpserver.port}/hook", OPEN)
    assert post(target, {}, b"x", lookup=lambda *_: ["127.0.0.77", "127.0.0.1"], limits=PATIENT).status == 200


def test_a_redirect_is_an_answer_and_leads_nowhere(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/hook").respond_with_data("", 307, {"Location": httpserver.url_for("/secret")})
    assert post(check_url(httpserver.url_for("/hook"), OPEN), {}, b"x", limits=PATIENT).status == 307
    assert [request.path for request, _ in httpserver.log] == ["/hook"]


def test_of_a_huge_body_only_its_beginning_is_read(serve: Serve) -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    got = post(serve(answer), {}, b"x", limits=PATIENT)
    assert (got.status, len(got.body)) == (200, 64 * 1024)


def test_bodies_are_not_unpacked(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/hook").respond_with_data(b"\x1f\x8bnot gzip", 200, {"Content-Encoding": "gzip"})
    assert post(check_url(httpserver.url_for("/hook"), OPEN), {}, b"x", limits=PATIENT).body == b"\x1f\x8bnot gzip"


def test_an_answer_that_never_comes_is_given_up(serve: Serve) -> None:
    gone = threading.Event()
    try:
        with pytest.raises(Retry, match=r"127\.0\.0\.1:\d+ did not answer in time"):
            post(serve(lambda _: gone.wait(120) and None), {}, b"x", limits=QUICK)
    finally:
        gone.set()


def test_an_answer_that_comes_byte_by_byte_is_given_up(serve: Serve) -> None:
    gone = threading.Event()

    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while not gone.wait(0.1):
            connection.sendall(b"X-Pad: 1\r\n")

    try:
        with pytest.raises(Retry, match="did not answer in time"):
            post(serve(answer), {}, b"x", limits=QUICK)
    finally:
        gone.set()


def test_a_body_that_breaks_off_after_the_status_is_an_answer(serve: Serve) -> None:
    got = post(serve(lambda c: c.sendall(b"HTTP/1.1 204 OK\r\nContent-Length: 100\r\n\r\nhalf")), {}, b"x", limits=PATIENT)
    assert got.status == 204


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 2", b"220 smtp ready\r\n", b"HTTP/1.1 200 OK\r\nBroken"])
def test_what_is_no_answer_is_tried_again(serve: Serve, sent: bytes) -> None:
    with pytest.raises(Retry, match="could not be reached"):
        post(serve(lambda c: c.sendall(sent)), {}, b"x", limits=PATIENT)


def test_a_port_that_nobody_listens_on_is_tried_again() -> None:
    with socket.socket() as held:  # bound, so that nobody else gets the port, and not listening
        held.bind(("127.0.0.1", 0))
        with pytest.raises(Retry, match="could not be reached: connection refused"):
            post(check_url(f"http://127.0.0.1:{held.getsockname()[1]}/s3cr3t", OPEN), {}, b"x", limits=PATIENT)


def test_time_that_is_up_before_a_connection_is_made_is_said_as_such(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/hook").respond_with_data("fine")
    with pytest.raises(Retry, match="did not answer in time"):
        post(check_url(httpserver.url_for("/hook"), OPEN), {}, b"x", limits=Limits(total=0.0))
    assert httpserver.log == []


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of hooks.example.test, signed by itself, with its key in the same file."""
    file = tmp_path / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=hooks.example.test", "-addext", "subjectAltName=DNS:hooks.example.test"]
    subprocess.run([*command, *names, "-keyout", str(file), "-out", str(tmp_path / "c")], check=True, capture_output=True)
    file.write_bytes(file.read_bytes() + (tmp_path / "c").read_bytes())
    return file


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[HTTPServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with HTTPServer(host="127.0.0.1", ssl_context=context) as server:
        server.expect_request("/hook").respond_with_data("fine")
        yield server


def test_tls_speaks_of_the_name_though_the_address_is_pinned(tls_server: HTTPServer, certificate: Path) -> None:
    tls = ssl.create_default_context(cafile=str(certificate))
    here = {"tls": tls, "lookup": lambda *_: ["127.0.0.1"], "limits": PATIENT}
    assert post(check_url(f"https://hooks.example.test:{tls_server.port}/hook", OPEN), {}, b"x", **here).status == 200
    with pytest.raises(Retry, match="certificate is not trusted"):
        post(check_url(f"https://other.example.test:{tls_server.port}/hook", OPEN), {}, b"x", **here)


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(tls_server: HTTPServer) -> None:
    target = check_url(f"https://hooks.example.test:{tls_server.port}/hook", OPEN)
    with pytest.raises(Retry, match="certificate is not trusted"):
        post(target, {}, b"x", tls=ssl.create_default_context(), lookup=lambda *_: ["127.0.0.1"], limits=PATIENT)
    assert tls_server.log == []
