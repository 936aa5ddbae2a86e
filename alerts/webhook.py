"""Notifier `webhook`: one POST per alert, CloudEvents 1.0 in structured mode, signed with HMAC-SHA256 (docs/alerts.md)."""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from alerts.base import Alert, Refused, Retry
from alerts.guard import Lookup, Target, system_lookup
from alerts.outgoing import Answer, Limits, post
from store.records import SECOND
from store.times import Clock, format_time, wall_clock

TYPE: Final = "io.attestream.drift"
SIGNATURE: Final = "Attestream-Signature"
CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"
_AGAIN: Final = frozenset({408, 425, 429})
_MAX_DIGITS: Final = 9


@dataclass(frozen=True, slots=True)
class WebhookNotifier:
    """Posts to `target`; `tls` None only for plain http. The secret never leaves this object."""

    target: Target
    secret: bytes = field(repr=False)
    tls: ssl.SSLContext | None = None
    limits: Limits = field(default_factory=Limits)
    clock: Clock = wall_clock
    lookup: Lookup = system_lookup

    def notify(self, alert: Alert) -> None:
        """Post it. Any 2xx means that the receiver has it."""
        body = encode(alert)
        headers = {
            "Content-Type": CONTENT_TYPE,
            "User-Agent": "attestream",
            SIGNATURE: sign(self.secret, self.clock() // SECOND, body),
        }
        answer = post(self.target, headers, body, tls=self.tls, limits=self.limits, lookup=self.lookup)
        check(answer, self.target.authority, self.clock())


def encode(alert: Alert) -> bytes:
    """The event as JSON."""
    event = {
        "specversion": "1.0",
        "id": alert.id,
        "source": alert.origin,
        "type": f"{TYPE}.{alert.action.value}",
        "subject": alert.key,
        "time": format_time(alert.changed_at),
        "datacontenttype": "application/json",
        "data": data(alert),
    }
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def data(alert: Alert) -> dict[str, Any]:
    """What the event says. It never holds bytes of a payload."""
    said: dict[str, Any] = {
        "title": alert.title,
        "sentence": alert.sentence,
        "kind": alert.kind,
        "level": alert.level,
        "before": alert.before,
        "after": alert.after,
        "since": format_time(alert.since),
        "until": format_time(alert.until) if alert.until is not None else None,
        "known_at": format_time(alert.known_at),
        "source": alert.source,
        "account": alert.account,
        "mapping": alert.mapping,
        "controls": list(alert.controls),
        "subjects": list(alert.subjects),
        "subject_count": alert.subject_count,
        "joined": list(alert.joined),
        "left": list(alert.left),
        "brief": alert.brief,
        "entry": alert.entry,
        "evidence": list(alert.evidence),
        "link": alert.link,
    }
    if alert.counts is not None:
        said["counts"] = dict(alert.counts)
        said["top"] = [{"title": title, "open": number} for title, number in alert.top]
    return said


def sign(secret: bytes, at: int, body: bytes) -> str:
    """`t=<seconds>,v1=<hex>`: HMAC-SHA256 of the seconds in decimal, a dot, and the body."""
    return f"t={at},v1={hmac.new(secret, b'%d.' % at + body, hashlib.sha256).hexdigest()}"


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
