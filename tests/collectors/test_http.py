"""collectors/http.py against a real HTTP server that behaves and one that does not."""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from collectors.http import Api, ApiError, Patience, retry_after
from collectors.rate import Rate

TOKEN = "canary-5f1e"
QUICK = Patience(tries=3, connect=120, read=120, whole=240, first_wait=0.001, longest_wait=60)


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def api(httpserver: HTTPServer, slept: list[float]) -> Iterator[Api]:
    made = Api("Example at localhost", httpserver.url_for(""), lambda: {"Authorization": f"Bearer {TOKEN}"}, QUICK, Rate(1e6))
    made.sleep = slept.append
    made.now = lambda: 1_700_000_000.0
    yield made
    made.close()


def scripted(httpserver: HTTPServer, *answers: Response) -> list[Request]:
    """Answers one after another; the last one for ever."""
    seen: list[Request] = []

    def handler(request: Request) -> Response:
        seen.append(request)
        return answers[min(len(seen), len(answers)) - 1]

    httpserver.expect_request("/things").respond_with_handler(handler)
    return seen


def ok(body: bytes = b'{"a":1}', **headers: str) -> Response:
    return Response(body, 200, headers)


def test_an_answer_comes_with_the_credentials_and_the_query(api: Api, httpserver: HTTPServer) -> None:
    [seen, _] = [scripted(httpserver, ok()), None]
    answer = api.get("/things", {"a b": "c&d", "n": 3})
    assert answer.json("Example") == {"a": 1}
    assert seen[0].headers["Authorization"] == f"Bearer {TOKEN}"
    assert seen[0].args.to_dict() == {"a b": "c&d", "n": "3"}


def test_a_question_is_posted_and_asked_again(api: Api, httpserver: HTTPServer) -> None:
    seen = scripted(httpserver, Response(b"", 503), ok())
    api.post("/things", b'{"q":1}')
    assert [request.data for request in seen] == [b'{"q":1}'] * 2


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again_with_growing_waits(
    api: Api, httpserver: HTTPServer, slept: list[float], status: int
) -> None:
    seen = scripted(httpserver, Response(b"", status))
    with pytest.raises(ApiError) as error:
        api.get("/things")
    assert len(seen) == 3
    assert 0.0005 <= slept[0] <= 0.001
    assert 0.001 <= slept[1] <= 0.002
    assert str(status) in str(error.value)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "refused"),
        (401, "credentials"),
        (403, "denied"),
        (404, "missing"),
        (409, "refused"),
        (410, "missing"),
        (422, "refused"),
    ],
)
def test_what_will_not_pass_is_said_at_once(api: Api, httpserver: HTTPServer, status: int, kind: str) -> None:
    seen = scripted(httpserver, Response(f"you sent {TOKEN}", status))
    with pytest.raises(ApiError) as error:
        api.get("/things")
    assert (error.value.kind, error.value.status, len(seen)) == (kind, status, 1)
    assert TOKEN not in str(error.value)


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [
        (429, {"Retry-After": "7"}, 7.0),
        (503, {"Retry-After": "Tue, 14 Nov 2023 22:13:50 GMT"}, 30.0),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1700000020"}, 21.0),
        (403, {"Retry-After": "3"}, 3.0),
    ],
)
def test_a_wait_that_is_asked_for_is_kept(
    api: Api, httpserver: HTTPServer, slept: list[float], status: int, headers: dict[str, str], wait: float
) -> None:
    scripted(httpserver, Response(b"", status, headers), ok())
    assert api.get("/things").status == 200
    assert slept == [pytest.approx(wait)]


def test_a_wait_too_long_ends_the_run(api: Api, httpserver: HTTPServer, slept: list[float]) -> None:
    scripted(httpserver, Response(b"", 429, {"Retry-After": "3600"}))
    with pytest.raises(ApiError, match="to wait 3600 s") as error:
        api.get("/things")
    assert (error.value.kind, slept) == ("throttled", [])


@pytest.mark.parametrize("token", ["tök€n", "a\nb", "x\x00"])
def test_a_token_that_no_header_can_carry_is_said_and_not_shown(api: Api, httpserver: HTTPServer, token: str) -> None:
    api.headers = lambda: {"Authorization": f"Bearer {token}"}
    with pytest.raises(ApiError, match="does not accept the credentials") as error:
        api.get("/things")
    assert (token in str(error.value), httpserver.log) == (False, [])


def test_a_redirect_is_not_followed(api: Api, httpserver: HTTPServer) -> None:
    scripted(httpserver, Response(b"", 302, {"Location": "https://elsewhere.example/"}))
    with pytest.raises(ApiError, match="a redirect"):
        api.get("/things")


@pytest.mark.parametrize("link", ["https://elsewhere.example/things", "http://localhost:1/things", "file:///etc/passwd"])
def test_a_link_that_leaves_the_api_is_refused_unasked(api: Api, httpserver: HTTPServer, link: str) -> None:
    with pytest.raises(ApiError):
        api.get(link)
    assert httpserver.log == []


def test_a_link_within_the_api_is_followed(api: Api, httpserver: HTTPServer) -> None:
    scripted(httpserver, ok())
    assert api.get(httpserver.url_for("/things?page=2")).status == 200


def test_bodies_are_unpacked_and_bounded(api: Api, httpserver: HTTPServer) -> None:
    api.limit = 2 * 1024 * 1024
    scripted(httpserver, ok(gzip.compress(b"[1]"), **{"Content-Encoding": "gzip"}))
    assert api.get("/things").body == b"[1]"
    httpserver.clear()
    scripted(httpserver, ok(gzip.compress(b"0" * 3_000_000), **{"Content-Encoding": "gzip"}))
    with pytest.raises(ApiError, match="its body unfolds to more"):
        api.get("/things")
    httpserver.clear()
    scripted(httpserver, ok(b"0" * 3_000_000))
    with pytest.raises(ApiError, match="holds more than"):
        api.get("/things")


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a":1,"a":2}', b"[NaN]", b"[" * 100 + b"]" * 100, b"\xff"])
def test_nonsense_is_no_answer(api: Api, httpserver: HTTPServer, body: bytes) -> None:
    scripted(httpserver, ok(body))
    with pytest.raises(ApiError) as error:
        api.get("/things").json("Example")
    assert error.value.kind == "nonsense"


def test_nobody_there(httpserver: HTTPServer) -> None:
    api = Api("Example", "http://127.0.0.1:9", dict, QUICK, Rate(1e6), sleep=lambda _: None)
    with pytest.raises(ApiError, match="cannot be reached or broke off") as error:
        api.get("/")
    assert error.value.status == 0


def test_a_body_that_drips_for_ever_ends(httpserver: HTTPServer) -> None:
    release = threading.Event()

    def drip(_request: Request) -> Response:
        def body() -> Iterator[bytes]:
            for _ in range(3000):
                if release.wait(0.02):
                    return
                yield b" "

        return Response(body(), 200)

    httpserver.expect_request("/drip").respond_with_handler(drip)
    patience = Patience(tries=1, connect=120, read=120, whole=0.3)
    api = Api("Example", httpserver.url_for(""), dict, patience, Rate(1e6))
    try:
        with pytest.raises(ApiError, match="ReadTimeout"):
            api.get("/drip")
    finally:
        release.set()
        api.close()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("0", 0.0), (" 12 ", 12.0), ("-1", None), ("1.5", None), ("", None), ("soon", None), ("9" * 12, None), ("²", None)],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    assert retry_after(value, 0.0) == seconds


def test_a_rate_spaces_calls_evenly_however_many_wait() -> None:
    now, slept = [100.0], []

    def sleep(seconds: float) -> None:
        slept.append(round(seconds, 6))
        now[0] += seconds

    rate = Rate(2.0, lambda: now[0], sleep)
    for _ in range(4):
        rate.wait()
    assert slept == [0.5, 0.5, 0.5]
    now[0] += 10
    rate.wait()
    assert len(slept) == 3


def test_a_rate_is_one_for_all_threads() -> None:
    rate = Rate(200.0)
    began = time.monotonic()
    threads: list[Any] = [threading.Thread(target=rate.wait) for _ in range(11)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - began >= 0.05


@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;"],
    ids=["headers", "interim-answers", "chunk-extensions"],
)
def test_whatever_drips_for_ever_ends(head: bytes) -> None:
    drips = head if head.startswith(b"HTTP/1.1 100") else b"x"
    with socket.create_server(("127.0.0.1", 0)) as server:
        stop = threading.Event()

        def serve() -> None:
            with contextlib.suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    connection.sendall(head)
                    while not stop.wait(0.02):
                        connection.sendall(drips)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        api = Api("Example", f"http://127.0.0.1:{server.getsockname()[1]}", dict, Patience(1, 20, 20, 0.5), Rate(1e6))
        try:
            with pytest.raises(ApiError, match="cannot be reached or broke off"):
                api.get("/")
        finally:
            stop.set()
            api.close()
            thread.join(60)
