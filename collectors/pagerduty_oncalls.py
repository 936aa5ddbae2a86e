"""Who is on call now, per escalation policy, as observations."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import msgspec

from collectors.base import Report, Window
from collectors.calls import refused
from collectors.http import ApiError
from collectors.json_text import attach
from collectors.observation import observation, summary
from collectors.pagerduty_calls import Account, TooMany, text
from collectors.unreadable import Excerpt, Unreadable, shown, unreadable_event
from store.records import UNREADABLE, Event

KIND: Final = "snapshot.pagerduty.oncalls"
SUMMARY: Final = "summary.pagerduty.oncalls"


@dataclass(slots=True)
class OnCalls:
    """One look. `denied`, `failed`: was anything refused, or did anything fail?"""

    account: Account
    window: Window
    report: Report
    host: str
    clock: Callable[[], int]
    denied: bool = False
    failed: bool = False

    def read(self) -> Iterator[Event]:
        """Every escalation policy with its on-call entries of this moment, the part, and its summary."""
        names: dict[str, None] = {}
        errors: list[str] = []
        try:
            for policy in dict.fromkeys(self.account.every("/escalation_policies?sort_by=name", "escalation_policies")):
                name = text(policy, "id")
                subject = f"{self.host}/escalation_policies/{shown(str(name))}"
                if name is None:
                    errors.append("an escalation policy without an id")
                    yield self._unreadable(subject, policy, Unreadable("has no id"))
                    continue
                names[name] = None
                try:
                    more = self._on_call(name)
                    yield observation(self.window, KIND, subject, self.clock(), attach(policy, more), account=self.host)
                except Unreadable as error:
                    errors.append(f"{subject}: {error.reason}")
                    yield self._unreadable(subject, policy, error)
                except (ApiError, TooMany) as error:
                    errors.append(self._wrong(f"on-calls of {shown(name)}", error))
                    yield self._partly(subject, policy)
        except (ApiError, TooMany) as error:
            errors.append(self._wrong("escalation policies", error))
        self.report.part(self.host, KIND, complete=not errors, read=len(names), errors=errors[:20], enumerates=True)
        if not errors:
            yield summary(self.window, SUMMARY, self.clock(), list(names), account=self.host)

    def _on_call(self, policy: str) -> dict[str, Any]:
        """`_oncalls`, and `_manned`: the levels at which somebody is on call now. Raises ApiError, TooMany."""
        path = f"/oncalls?escalation_policy_ids[]={quote(policy, safe='')}"
        found = sorted(dict.fromkeys(self.account.every(path, "oncalls")))
        levels: set[int] = set()
        for item in found:
            value = json.loads(item)
            if isinstance(value, dict) and isinstance(value.get("escalation_level"), int) and value.get("user"):
                levels.add(value["escalation_level"])
        return {"_manned": sorted(levels), "_oncalls": [msgspec.Raw(item) for item in found]}

    def _partly(self, subject: str, policy: bytes) -> Event:
        content = attach(policy, {"_unread": ["_manned", "_oncalls"]})
        return observation(self.window, KIND, subject, self.clock(), content, account=self.host)

    def _wrong(self, place: str, error: ApiError | TooMany) -> str:
        words = "there are more than pages reach" if isinstance(error, TooMany) else str(error)
        self.report.denied(place, words)
        if isinstance(error, ApiError) and refused(error):
            self.denied = True
        else:
            self.failed = True
        return f"{place}: {words}"

    def _unreadable(self, place: str, data: bytes, error: Unreadable) -> Event:
        looked = self.clock()
        self.report.unreadable(place, error.reason)
        like = Event(self.window.source, "-", UNREADABLE, looked, b"", self.window.attempt, looked, account=self.host)
        return unreadable_event(like, Excerpt.of([data]), place, error.reason)
