"""A small CloudTrail API: LookupEvents with its bounds, pages and rate, and ListPublicKeys, over several accounts and Regions.

As documented: events of 90 days, newest first, at most 50 a page; both ends of the time asked for belong to it; a page token
holds only with the parameters it was given for, and not for long; more than two requests a second are refused.
"""

from __future__ import annotations

import json
import secrets
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from attestream.demo.servers.aws import AwsServer, Call, Refused

MAX_RESULTS: Final = 50
KEPT: Final = 90 * 86_400.0
TOKEN_LIVES: Final = 3600.0


@dataclass(frozen=True, slots=True)
class _Token:
    """What a page token stands for: the parameters, how many events were handed out, until when it holds."""

    asked: tuple[Any, ...]
    done: int
    until: float


class CloudTrailServer(AwsServer):
    """`page`: no page holds more. `per_second`: requests a second and Region, 0: any number. `public_keys`: what is listed."""

    def __init__(self, account: str = "111122223333", *, page: int = MAX_RESULTS, per_second: float = 0.0, **how: Any) -> None:
        super().__init__(account, **how)
        self.page, self.per_second = page, per_second
        self.public_keys: Sequence[Mapping[str, Any]] = ()
        self.token_lives = TOKEN_LIVES
        self.refused: dict[tuple[str, str], str] = {}
        self.asked: list[tuple[str, str, Mapping[str, Any]]] = []
        self._events: defaultdict[tuple[str, str], list[tuple[int, str, str | None]]] = defaultdict(list)
        self._tokens: dict[str, _Token] = {}
        self._last: dict[tuple[str, str], float] = {}

    def put(
        self, name: str = "ConsoleLogin", *, ago: float = 600.0, account: str = "", region: str = "eu-west-1", **more: Any
    ) -> str:
        """An event happened `ago` seconds before now; returns its id. `more`: members of the record."""
        account, at = account or self.account, int(self.clock() - ago)
        own = {"eventVersion": "1.11", "eventID": str(uuid.uuid4()), "eventTime": _stamp(at), "eventName": name}
        record = {**own, "awsRegion": region, "recipientAccountId": account, **more}
        self.put_text(json.dumps(record, separators=(",", ":")), at, str(record["eventID"]), account=account, region=region)
        return str(record["eventID"])

    def put_text(self, text: str | None, at: int, id_: str, *, account: str = "", region: str = "eu-west-1") -> None:
        """An event with this text as its record (None: without one), at `at` seconds."""
        with self.lock:
            self._events[account or self.account, region].append((at, id_, text))

    def clear(self) -> None:
        """Forget every event."""
        with self.lock:
            self._events.clear()

    def call(self, call: Call) -> dict[str, Any]:
        """Answer one operation of CloudTrail's."""
        where = (call.account, call.region)
        if where in self.refused:
            raise Refused(self.refused[where])
        if call.operation == "ListPublicKeys":
            return {"PublicKeyList": list(self.public_keys)}
        if call.operation != "LookupEvents":
            raise Refused("UnknownOperationException")
        self._slow_down(where)
        self.asked.append((*where, call.body))
        return self._lookup(where, call.body)

    def _slow_down(self, where: tuple[str, str]) -> None:
        now = self.clock()
        if self.per_second and now - self._last.get(where, 0.0) < 1.0 / self.per_second:
            raise Refused("ThrottlingException", 400, "Rate exceeded")
        self._last[where] = now

    def _lookup(self, where: tuple[str, str], body: Mapping[str, Any]) -> dict[str, Any]:
        now = self.clock()
        start, end = float(body.get("StartTime", 0.0)), float(body.get("EndTime", now))
        size = int(body.get("MaxResults", MAX_RESULTS))
        if start > end:
            raise Refused("InvalidTimeRangeException")
        if not 1 <= size <= MAX_RESULTS:
            raise Refused("InvalidMaxResultsException")
        asked = (where, start, body.get("EndTime"), size)
        token = self._tokens.get(str(body["NextToken"])) if "NextToken" in body else _Token(asked, 0, now)
        if token is None or token.asked != asked or token.until < now:
            raise Refused("InvalidNextTokenException")
        floor = max(start, now - KEPT)
        found = sorted((item for item in self._events[where] if floor <= item[0] <= end), key=lambda item: -item[0])
        upto = token.done + min(size, self.page)
        answer: dict[str, Any] = {"Events": [_wrapped(*item) for item in found[token.done : upto]]}
        if upto < len(found):
            answer["NextToken"] = secrets.token_urlsafe(32)
            self._tokens[answer["NextToken"]] = _Token(asked, upto, now + self.token_lives)
        return answer


def _wrapped(at: int, id_: str, text: str | None) -> dict[str, Any]:
    event: dict[str, Any] = {"EventId": id_, "EventTime": at, "Resources": []}
    return event if text is None else {**event, "CloudTrailEvent": text}


def _stamp(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
