"""Calling an HTTP API that a source reads: bounded, patient, and silent about secrets.

Every request has a timeout for each step and one for the whole; 429, 5xx and broken connections are tried again with growing,
scattered waits that honour Retry-After; answers are bounded in size; redirects are not followed, and no request leaves the API's
own address. Errors say what to do and repeat nothing that was sent or answered.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal

import httpx2

from collectors.base import CollectorError
from collectors.deadline import Deadline, bound
from collectors.gz import Limits, plain, unzip
from collectors.json_text import strict
from collectors.rate import Rate
from collectors.unreadable import Unreadable, shown

Kind = Literal["credentials", "denied", "missing", "throttled", "refused", "failing", "unreachable", "nonsense"]
_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_KINDS: Final[Mapping[int, Kind]] = {401: "credentials", 403: "denied", 404: "missing", 410: "missing", 429: "throttled"}
_WORDS: Final[Mapping[Kind, str]] = {
    "credentials": "does not accept the credentials ({status}): renew the token, or correct the source's settings",
    "denied": "denies access ({status}): allow it to the identity that reads it (attestream doctor --policy says what)",
    "missing": "is not there ({status}), or the identity that reads it may not see it",
    "throttled": "throttled us ({status}) through every try: nothing is lost, the next run asks again; a longer schedule helps",
    "refused": "refused the request ({status}): check the source's settings",
    "failing": "answered with an error of its own ({status}) through every try: nothing is lost, the next run asks again",
    "unreachable": "cannot be reached or broke off ({status}): check network, proxy and address; nothing is lost",
    "nonsense": "answered with what is no answer of this API ({status}): correct the source's address, or the proxy on the way",
}


class ApiError(CollectorError):
    """What the API, or the way to it, answered. `status` is 0 where no answer came; the message is a sentence.

    `body`: what a refusal said, for those who know its words; it is never shown.
    """

    def __init__(self, what: str, kind: Kind, status: int, detail: str = "", body: bytes = b"") -> None:
        super().__init__(f"{what} {_WORDS[kind].format(status=detail or status)}")
        self.kind = kind
        self.status = status
        self.body = body


@dataclass(frozen=True, slots=True)
class Patience:
    """How long and how often: seconds. `longest_wait`: a wait that is asked for beyond it ends the run instead."""

    tries: int = 5
    connect: float = 5.0
    read: float = 30.0
    whole: float = 120.0
    first_wait: float = 0.5
    longest_wait: float = 120.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with a status below 400; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self, what: str) -> Any:
        """The body as strict JSON. Raises ApiError."""
        try:
            return strict(self.body)
        except Unreadable as error:
            raise ApiError(what, "nonsense", self.status, error.reason) from error


@dataclass(slots=True)
class Api:
    """One API below `base` (https://host[:port][/path], without a slash at the end).

    `what` names it in sentences ("Jira at example.atlassian.net"). `headers` is asked before each try and returns the headers
    that carry credentials; it raises SourceUnreadable or ApiError. `limit`: bytes of a body, unpacked.
    """

    what: str
    base: str
    headers: Callable[[], Mapping[str, str]]
    patience: Patience = Patience()
    rate: Rate = field(default_factory=lambda: Rate(10.0))
    limit: int = 16 * 1024 * 1024
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time
    _client: httpx2.Client | None = field(default=None, init=False)
    _deadline: Deadline = field(default_factory=Deadline, init=False)

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> Answer:
        """GET below the base; `path` begins with a slash, or is a URL that the API itself gave. Raises ApiError."""
        return self._call("GET", path, query, None)

    def post(self, path: str, body: bytes) -> Answer:
        """POST a JSON question that changes nothing (it may be asked twice). Raises ApiError."""
        return self._call("POST", path, None, body)

    def close(self) -> None:
        """Close its connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _call(self, method: str, path: str, query: Mapping[str, str | int] | None, body: bytes | None) -> Answer:
        url = self._url(path)
        wait = self.patience.first_wait
        for number in range(1, self.patience.tries + 1):
            self.rate.wait()
            last = number == self.patience.tries
            try:
                answer = self._try(method, url, query, body)
            except httpx2.HTTPError as error:
                if last:
                    raise ApiError(self.what, "unreachable", 0, type(error).__name__) from error
                self.sleep(random.uniform(wait / 2, wait))  # noqa: S311  scatters callers, keeps no secret
            else:
                asked = self._asked_to_wait(answer)
                if answer.status < 400:
                    return answer
                if (answer.status not in _AGAIN and asked is None) or last or (asked or 0) > self.patience.longest_wait:
                    raise self._error(answer, asked)
                self.sleep(max(asked or 0.0, random.uniform(wait / 2, wait)))  # noqa: S311
            wait = min(wait * 2, self.patience.longest_wait)
        raise AssertionError("the last try returns or raises")

    def _try(self, method: str, url: str, query: Mapping[str, str | int] | None, body: bytes | None) -> Answer:
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "attestream", **self.headers()}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if not all(value.isascii() and value.isprintable() for value in headers.values()):
            raise ApiError(self.what, "credentials", 0, "not asked: they hold a sign that no token has")
        self._deadline.until = until = time.monotonic() + self.patience.whole
        with self._http().stream(method, url, params=query, content=body, headers=headers) as response:
            names = {name.lower(): value for name, value in response.headers.items()}
            if response.status_code == 206:
                raise ApiError(self.what, "nonsense", 206, "206, a part of an answer")
            if 300 <= response.status_code < 400 and response.status_code != 304:
                raise ApiError(self.what, "nonsense", response.status_code, f"{response.status_code}, a redirect")
            zipped = names.get("content-encoding", "identity").strip().lower()
            if zipped not in ("identity", "gzip", ""):
                raise ApiError(self.what, "nonsense", response.status_code, "an encoding that was not asked for")
            chunks = _timely(response.iter_raw(), until)
            limits = Limits(self.limit, ratio=200)
            try:
                content = b"".join((unzip if zipped == "gzip" else plain)(chunks, limits))
            except Unreadable as error:
                if "cut short" in error.reason:
                    raise httpx2.RemoteProtocolError("body cut short") from error
                raise ApiError(self.what, "nonsense", response.status_code, f"its body {error.reason}") from error
            return Answer(response.status_code, names, content)

    def _http(self) -> httpx2.Client:
        if self._client is None:
            timeout = httpx2.Timeout(self.patience.read, connect=self.patience.connect)
            self._client = httpx2.Client(timeout=timeout, follow_redirects=False)
            bound(self._client, self._deadline)
        return self._client

    def _url(self, path: str) -> str:
        """The address of a path; one that the API gave (a link to the next page) must lie on the same origin."""
        if path.startswith("/"):
            return self.base + path
        try:
            base, given = httpx2.URL(self.base), httpx2.URL(path)
        except (httpx2.InvalidURL, TypeError, ValueError) as error:
            raise ApiError(self.what, "nonsense", 0, "a link that is no address") from error
        if (given.scheme, given.host, given.port) != (base.scheme, base.host, base.port) or given.userinfo:
            raise ApiError(self.what, "nonsense", 0, f"a link to another place, {shown(given.host)[:100]}")
        return str(given)

    def _asked_to_wait(self, answer: Answer) -> float | None:
        """Seconds that the other side asks for, None where it asks for none. Some say 403 where they mean 429."""
        if answer.status not in (403, 429, 503):
            return None
        if (said := retry_after(answer.headers.get("retry-after", ""), self.now())) is not None:
            return said
        reset = answer.headers.get("x-ratelimit-reset", "")
        if answer.headers.get("x-ratelimit-remaining") == "0" and reset.isascii() and reset.isdigit() and len(reset) < 12:
            return max(0.0, int(reset) - self.now()) + 1.0
        return None

    def _error(self, answer: Answer, asked: float | None) -> ApiError:
        if asked is not None:
            return ApiError(self.what, "throttled", answer.status, f"{answer.status}, to wait {asked:.0f} s")
        kind: Kind = _KINDS.get(answer.status) or ("failing" if answer.status >= 500 else "refused")
        return ApiError(self.what, kind, answer.status, body=answer.body)


def _timely(chunks: Iterator[bytes], until: float) -> Iterator[bytes]:
    """The chunks, as long as they come in time: a body that drips for ever ends."""
    for chunk in chunks:
        yield chunk
        if time.monotonic() > until:
            raise httpx2.ReadTimeout("the whole answer took too long")


def retry_after(value: str, now: float) -> float | None:
    """Seconds of a Retry-After header (a number or an HTTP date; RFC 9110, 10.2.3), None where it says nothing readable."""
    text = value.strip()
    if text.isascii() and text.isdigit() and len(text) <= 9:
        return float(text)
    try:
        date = parsedate_to_datetime(text)
        moment = date if date.tzinfo is not None else date.replace(tzinfo=UTC)
        return max(0.0, (moment - datetime.fromtimestamp(now, UTC)).total_seconds())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
