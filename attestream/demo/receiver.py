"""Where the demonstration's alerts go: a Slack and a PagerDuty on the loopback address, which take what they are sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from attestream.demo.servers.serving import Asked, JsonServer, Reply

Service = Literal["slack", "pagerduty"]
_SLACK: Final = "/slack"
_EVENTS: Final = ("/v2/enqueue", "/v2/change/enqueue")


@dataclass(frozen=True, slots=True)
class Received:
    """One message: what `service` was sent."""

    service: Service
    body: Mapping[str, Any]

    @property
    def action(self) -> str:
        """PagerDuty's word (trigger, acknowledge, resolve; "change" for what pages nobody), "" for Slack."""
        return str(self.body.get("event_action", "change")) if self.service == "pagerduty" else ""

    @property
    def text(self) -> str:
        """What a person reads."""
        if self.service == "slack":
            return str(self.body.get("text", ""))
        return str(self.body.get("payload", {}).get("summary") or self.body.get("dedup_key", ""))


class Receiver(JsonServer):
    """See JsonServer. Slack's webhook is at `.slack`, PagerDuty at `.url`; `.taken()` returns what came since the last call."""

    def __init__(self, told: Callable[[Received], None] = lambda _received: None) -> None:
        super().__init__()
        self._told = told
        self._came: list[Received] = []

    @property
    def slack(self) -> str:
        """The address of the webhook."""
        return f"{self.url}{_SLACK}"

    def answer(self, asked: Asked) -> Reply:
        """As the two answer when all is well."""
        if asked.path == _SLACK:
            self._take(Received("slack", asked.json()))
            return Reply(200, b"ok", {"Content-Type": "text/plain"})
        if asked.path in _EVENTS:
            body = asked.json()
            self._take(Received("pagerduty", body))
            return Reply(202, {"status": "success", "message": "Event processed", "dedup_key": body.get("dedup_key", "")})
        return Reply(404, {"message": "nothing is here"})

    def _take(self, received: Received) -> None:
        self._came.append(received)
        self._told(received)

    def taken(self) -> list[Received]:
        """What came since the last call."""
        with self.lock:
            came, self._came = self._came, []
        return came
