"""Notifier `webhook`: one POST per alert, CloudEvents 1.0 in structured mode, signed with HMAC-SHA256 (docs/alerts.md)."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import SecretStr, model_validator

from alerts.base import Alert, Notifier
from alerts.build import caller_of
from alerts.caller import Caller
from alerts.route_type import RouteType
from alerts.secret import one_of, read_secret
from alerts.settings import MIN_SECRET, HookSettings
from store.records import SECOND
from store.times import format_time

EVENT_TYPE: Final = "io.attestream.drift"
SIGNATURE: Final = "Attestream-Signature"
CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"


class WebhookSettings(HookSettings):
    """webhook: POST to `url`, signed with `secret` or what stands in `secret_file`."""

    type: Literal["webhook"]
    secret: SecretStr | None = None
    secret_file: Path | None = None

    @model_validator(mode="after")
    def _one_secret(self) -> WebhookSettings:
        one_of("secret", self.secret, self.secret_file, "; every request is signed")
        return self


@dataclass(frozen=True, slots=True)
class WebhookNotifier:
    """Posts to `caller`. The secret never leaves this object."""

    caller: Caller
    secret: bytes = field(repr=False)

    def notify(self, alert: Alert) -> None:
        """Post it. Any 2xx means that the receiver has it."""
        body = encode(alert)
        signature = sign(self.secret, self.caller.clock() // SECOND, body)
        self.caller.send(body, {"Content-Type": CONTENT_TYPE, SIGNATURE: signature})


def encode(alert: Alert) -> bytes:
    """The event as JSON."""
    event = {
        "specversion": "1.0",
        "id": alert.id,
        "source": alert.origin,
        "type": f"{EVENT_TYPE}.{alert.action.value}",
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
        said["lines"] = list(alert.lines)
    return said


def sign(secret: bytes, at: int, body: bytes) -> str:
    """`t=<seconds>,v1=<hex>`: HMAC-SHA256 of the seconds in decimal, a dot, and the body."""
    return f"t={at},v1={hmac.new(secret, b'%d.' % at + body, hashlib.sha256).hexdigest()}"


def _build(settings: WebhookSettings) -> Notifier:
    secret = read_secret("secret", settings.secret, settings.secret_file, MIN_SECRET)
    return WebhookNotifier(caller_of(settings), secret.encode())


TYPE: Final = RouteType("webhook", "a signed POST of a CloudEvents event", WebhookSettings, _build)
