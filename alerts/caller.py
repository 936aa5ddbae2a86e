"""What notifiers that speak HTTP share: where they call, how an answer is judged, when the receiver may be asked again."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from alerts.base import Refused, Retry
from alerts.guard import Lookup, Target, system_lookup
from alerts.outgoing import Answer, Limits, request
from store.records import SECOND
from store.times import Clock, wall_clock

JSON: Final = "application/json; charset=utf-8"
_AGAIN: Final = frozenset({408, 423, 425, 429})
_MAX_DIGITS: Final = 9


@dataclass(frozen=True, slots=True)
class Caller:
    """Calls `target` and nothing else; `tls` is None only for plain http."""

    target: Target
    tls: ssl.SSLContext | None = None
    limits: Limits = field(default_factory=Limits)
    clock: Clock = wall_clock
    lookup: Lookup = system_lookup

    def at(self, path: str) -> Caller:
        """The same receiver at another path, which is plain ASCII and holds nothing from outside that was not quoted."""
        return replace(self, target=replace(self.target, path=path))

    def send(self, body: bytes, headers: Mapping[str, str], method: str = "POST") -> Answer:
        """Send it and return an answer of 2xx. Raises Retry and Refused for every other."""
        answer = self.ask(body, headers, method)
        self.judge(answer)
        return answer

    def judge(self, answer: Answer) -> None:
        """Raises Retry or Refused for an answer that is not 2xx."""
        check(answer, self.target.authority, self.clock())

    def ask(self, body: bytes, headers: Mapping[str, str], method: str = "POST") -> Answer:
        """Send it and return the answer, whatever it is. Raises Retry where none came, Refused where it must not go."""
        said = {"User-Agent": "attestream", "Accept": "application/json", **headers}
        return request(method, self.target, said, body, tls=self.tls, limits=self.limits, lookup=self.lookup)

    def send_json(self, value: Any, headers: Mapping[str, str] | None = None, method: str = "POST") -> Answer:
        """`send` for a value that is written as JSON."""
        return self.send(dump(value), {"Content-Type": JSON, **(headers or {})}, method)

    def ask_json(self, value: Any, headers: Mapping[str, str] | None = None, method: str = "POST") -> Answer:
        """`ask` for a value that is written as JSON."""
        return self.ask(dump(value), {"Content-Type": JSON, **(headers or {})}, method)


def dump(value: Any) -> bytes:
    """JSON, without spaces; what is no Unicode text is replaced."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def load(answer: Answer) -> Any:
    """The JSON value of an answer's body, None for what is none. Nothing of it may be repeated in errors."""
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None


def load_object(answer: Answer, who: str) -> Mapping[str, Any]:
    """The JSON object of an answer. Raises Retry for what is none: something else answered, or it was cut short."""
    value = load(answer)
    if not isinstance(value, dict):
        raise Retry(f"{who} answered {answer.status} with what is no answer of this service")
    return value


def check(answer: Answer, who: str, now: int) -> None:
    """Raises Retry or Refused for an answer that is not 2xx. Nothing of its text is repeated: it may echo what was sent."""
    status = answer.status
    if 200 <= status < 300:
        return
    if status in _AGAIN or status >= 500:
        raise Retry(f"{who} answered {status}", retry_after(answer.headers.get("retry-after", ""), now))
    if 300 <= status < 400:
        raise Refused(f"{who} answered {status}: redirects are not followed, set the address it moved to")
    raise Refused(f"{who} answered {status}")


def retry_after(value: str, now: int) -> float | None:
    """Seconds of a Retry-After header (a number or an HTTP date), None where it says nothing that can be read."""
    text = value.strip()
    if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS:
        return float(text)
    try:
        date = parsedate_to_datetime(text)
        moment = date if date.tzinfo is not None else date.replace(tzinfo=UTC)
        return max(0.0, (moment - datetime.fromtimestamp(now // SECOND, UTC)).total_seconds())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
