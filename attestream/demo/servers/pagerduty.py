"""A small PagerDuty (REST v2): incidents with their logs, escalation policies, who is on call.

Pages by offset that end at 10,000, log entries newest first between `since` and `until` (a month by default), names that repeat.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from attestream.demo.servers.serving import Asked, JsonServer, Reply

MONTH: Final = 30 * 86_400.0
_NOT_FOUND: Final = Reply(404, {"error": {"message": "Not Found", "code": 2100}})


def stamp(seconds: float) -> str:
    """A time as PagerDuty writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class PagerdutyServer(JsonServer):
    """See JsonServer. `deepest`: where pages end."""

    def __init__(self, token: str = "", clock: Callable[[], float] = time.time, deepest: int = 10_000) -> None:
        super().__init__(clock)
        self.token, self.deepest = token, deepest
        self.incidents: dict[str, dict[str, Any]] = {}
        self.entries: list[dict[str, Any]] = []
        self.policies: list[dict[str, Any]] = []
        self.oncalls: list[dict[str, Any]] = []
        self.refused: set[str] = set()
        """First words of paths that the token may not ask for."""
        self.before: Callable[[Asked], None] = lambda _asked: None

    # -- what happens there

    def trigger(self, name: str, at: float | None = None, **more: Any) -> dict[str, Any]:
        """Open an incident; `at`: seconds."""
        moment = stamp(self.clock() if at is None else at)
        self.incidents[name] = {
            "id": name,
            "type": "incident",
            "incident_number": len(self.incidents) + 1,
            "title": f"Incident {name}",
            "created_at": moment,
            "updated_at": moment,
            "status": "triggered",
            "urgency": "high",
            "priority": None,
            "service": {"id": "PSEC", "type": "service_reference", "summary": "Security"},
            "assignments": [{"at": moment, "assignee": {"id": "PANN", "type": "user_reference", "summary": "Ann"}}],
            "resolved_at": None,
            **more,
        }
        self.log(name, "trigger", at)
        return self.incidents[name]

    def log(self, name: str, what: str, at: float | None = None, **more: Any) -> None:
        """Write an entry of an incident's log (`what`: trigger, acknowledge, resolve, annotate, notify …) and what it changes."""
        moment = stamp(self.clock() if at is None else at)
        incident = {"id": name, "type": "incident_reference", "summary": name}
        entry = {"id": f"R{len(self.entries):08d}", "type": f"{what}_log_entry", "created_at": moment, "incident": incident}
        agent = {"id": "PANN", "type": "user_reference", "summary": "Ann"}
        self.entries.append({**entry, "agent": agent, "channel": {"type": "auto"}, **more})
        if what == "acknowledge":
            self.incidents[name] |= {"status": "acknowledged", "updated_at": moment}
        if what == "resolve":
            self.incidents[name] |= {"status": "resolved", "updated_at": moment, "resolved_at": moment, "assignments": []}

    def policy(self, name: str, levels: int = 1, manned: tuple[int, ...] = (1,)) -> None:
        """An escalation policy of so many levels, of which these have somebody on call."""
        reference = {"id": name, "type": "escalation_policy_reference", "summary": name}
        rules = [{"id": f"{name}{level}", "escalation_delay_in_minutes": 30, "targets": []} for level in range(1, levels + 1)]
        self.policies.append({"id": name, "type": "escalation_policy", "name": name, "escalation_rules": rules, "services": []})
        user = {"id": "PANN", "type": "user_reference", "summary": "Ann"}
        self.oncalls += [{"escalation_policy": reference, "escalation_level": level, "user": user} for level in manned]

    # -- what it answers

    def answer(self, asked: Asked) -> Reply:
        self.before(asked)
        if self.token and asked.headers.get("authorization") != f"Token token={self.token}":
            return Reply(401, {"error": {"message": "Unauthorized", "code": 2006}})
        words = asked.path.strip("/").split("/")
        if words[0] in self.refused:
            return Reply(403, {"error": {"message": "Access Denied", "code": 2010}})
        if words == ["users", "me"]:
            return Reply(400, {"error": {"message": "An account-level API key has no user", "code": 2001}})
        if words[0] == "incidents" and len(words) > 1:
            return self._incident(asked, words)
        if words == ["incidents"]:
            return self._page(asked, "incidents", self._listed(asked))
        if words == ["log_entries"]:
            return self._page(asked, "log_entries", self._within(asked, self.entries))
        if words == ["escalation_policies"]:
            return self._page(asked, "escalation_policies", sorted(self.policies, key=lambda item: str(item["name"])))
        if words == ["oncalls"]:
            wanted = {value for name, value in asked.pairs if name == "escalation_policy_ids[]"}
            found = [item for item in self.oncalls if not wanted or item["escalation_policy"]["id"] in wanted]
            return self._page(asked, "oncalls", found)
        return _NOT_FOUND

    def _incident(self, asked: Asked, words: list[str]) -> Reply:
        name = words[1]
        if name not in self.incidents:
            return _NOT_FOUND
        if len(words) == 2:
            return Reply(200, {"incident": self.incidents[name]})
        if words[2] == "log_entries":
            found = [entry for entry in self.entries if entry["incident"]["id"] == name]
            return self._page(asked, "log_entries", _newest(found))
        return _NOT_FOUND

    def _listed(self, asked: Asked) -> list[dict[str, Any]]:
        statuses = {value for name, value in asked.pairs if name == "statuses[]"}
        found = [item for item in self.incidents.values() if not statuses or item["status"] in statuses]
        if asked.query.get("date_range") != "all":
            found = self._within(asked, found)
        return sorted(found, key=lambda item: (str(item["created_at"]), str(item["id"])))

    def _within(self, asked: Asked, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Created in [since, until); where one of the two is not given, a month."""
        since, until = asked.query.get("since"), asked.query.get("until")
        now = self.clock()
        first, last = since or stamp(now - MONTH), until or stamp(now + 1)
        return _newest([item for item in items if first <= str(item["created_at"]) < last])

    def _page(self, asked: Asked, member: str, items: list[dict[str, Any]]) -> Reply:
        limit = min(int(asked.query.get("limit") or 25), 100)
        offset = int(asked.query.get("offset") or 0)
        if offset + limit > self.deepest:
            errors = [f"Offset must be less than or equal to {self.deepest - limit}"]
            return Reply(400, {"error": {"message": "Invalid Input Provided", "code": 2001, "errors": errors}})
        total = len(items) if asked.query.get("total") == "true" else None
        more = offset + limit < len(items)
        content = {member: items[offset : offset + limit], "limit": limit, "offset": offset, "more": more, "total": total}
        return Reply(200, content)


def _newest(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(items, key=lambda item: (str(item["created_at"]), str(item["id"])), reverse=True)
