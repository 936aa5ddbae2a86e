"""Source type pagerduty: incidents with their logs, and who is on call."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import SecretStr, model_validator

from collectors.base import Cursor, Permission, Probe, Reads, Report, SourceUnreadable, Window
from collectors.http import Api, ApiError, Patience
from collectors.pagerduty_calls import MEDIA, Account, TooMany
from collectors.pagerduty_incidents import KIND, MAX_OWED, Incidents, instant
from collectors.pagerduty_oncalls import KIND as ON_CALLS
from collectors.pagerduty_oncalls import SUMMARY, OnCalls
from collectors.rate import Rate
from collectors.secret import secret
from collectors.settings import Duration
from collectors.source_type import Access, SourceType
from collectors.tickets import Address, OpenOnes, TicketSettings, check_clock, host
from collectors.unreadable import shown
from store.records import DAY, HOUR, MINUTE, Event
from store.times import Clock

FIRST: Final = 90 * DAY
"""How far back the first window reaches where `since` is not set."""


class PagerdutySettings(TicketSettings):
    """pagerduty: the account that the token belongs to, at `url`."""

    type: Literal["pagerduty"]
    url: Address = "https://api.pagerduty.com"
    token: SecretStr | None = None
    token_file: Path | None = None
    oncalls: bool = True
    oncalls_schedule: Duration = HOUR

    @model_validator(mode="after")
    def _one_token(self) -> PagerdutySettings:
        secret("token", self.token, self.token_file)
        return self


@dataclass(frozen=True, slots=True)
class Pagerduty:
    """An account, set up. See collectors/base.py for what the methods promise."""

    source: str
    settings: PagerdutySettings
    api: Api
    clock: Clock
    type: str = "pagerduty"
    reads: Reads = "deliveries"

    def oldest(self, cursor: Cursor, now: int) -> int | None:  # noqa: ARG002  the contract has them
        """90 days back, or `since`."""
        self._identity(Account(self.api))
        return self.settings.since if self.settings.since is not None else now - FIRST

    def collect(self, window: Window, report: Report) -> Iterator[Event]:
        """Yield changed incidents; in the latest window also open ones, and who is on call where that is due."""
        own, account, place = self.settings, Account(self.api, report), host(self.settings.url)
        report.identity(self._identity(account))
        cursor = window.cursor
        owed = {name for name in cursor.get("owed", ()) if isinstance(name, str)}
        done = {str(name): time for name, time in _object(cursor.get("done")).items() if isinstance(time, int)}
        ones, followed = OpenOnes.remembered(cursor.get("open")), _number(cursor.get("followed"))
        read = Incidents(account, window, report, place, own.overlap, own.follow, self.clock, ones, owed, done, followed)
        try:
            yield from read.read()
        except ApiError as error:
            raise SourceUnreadable(str(error)) from error
        check_clock(window.end, account.time or None, own.overlap, self.api.what)
        looked, denials = _number(cursor.get("looked")), _number(cursor.get("denials"))
        now = self.clock()
        due = looked > now or now - looked >= own.oncalls_schedule - MINUTE or denials == 1
        if own.oncalls and window.latest and due:
            look = OnCalls(account, window, report, place, self.clock)
            yield from look.read()
            looked, denials = 0 if look.failed else now, denials + 1 if look.denied else 0
        names = ones.names() if window.latest else sorted(ones.before)
        kept = {"open": names, "owed": sorted(read.owed), "done": read.done, "followed": read.followed}
        kept |= {"looked": looked, "denials": denials}
        # Incidents that could not be read are in the cursor by name; where they are too many the whole period is asked for again.
        report.keep(_fit(kept), owed=len(read.owed) <= MAX_OWED)

    def check(self) -> Sequence[Probe]:
        """Ask who we are and call each kind of thing once."""
        account = Account(self.api)
        who = self._identity(account)
        now = self.clock()
        since = f"since={instant(now - HOUR)}&until={instant(now)}"
        calls = {
            "incidents.read": (f"/log_entries?{since}&is_overview=false", "log_entries"),
            "escalation_policies.read": ("/escalation_policies?sort_by=name", "escalation_policies"),
            "oncalls.read": ("/oncalls", "oncalls"),
        }
        found = [Probe(f"{self.api.what} answers {who}")]
        for permission in _permissions(self.settings):
            path, member = calls[permission.action]
            try:
                account.page(path, member, 0)
            except ApiError as error:
                if error.kind not in ("denied", "missing"):
                    raise SourceUnreadable(str(error)) from error
                found.append(Probe(f"{permission.action}: {error}", permission))
            except TooMany as error:
                raise AssertionError("the first page is never too deep") from error
            else:
                found.append(Probe(f"{permission.action}: granted"))
        return tuple(found)

    def _identity(self, account: Account) -> str:
        """As whom. A key of the account belongs to no user. Raises SourceUnreadable."""
        try:
            value = json.loads(account.one("/users/me", "user"))
        except ApiError as error:
            if error.kind in ("denied", "missing", "refused"):
                return f"an API key of the account at {host(self.settings.url)}"
            raise SourceUnreadable(str(error)) from error
        name = value.get("email") or value.get("name")
        return f"PagerDuty user {shown(str(name)[:200])}"


def _fit(cursor: dict[str, Any]) -> dict[str, Any]:
    """Within the cursor's 1 MiB: what only saves questions goes first."""
    if len(json.dumps(cursor)) > 1_000_000:
        cursor["done"] = {}
    return cursor


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _build(settings: PagerdutySettings, clock: Clock) -> Pagerduty:
    token = secret("token", settings.token, settings.token_file)
    patience = Patience(settings.max_attempts, read=settings.read_timeout, whole=settings.read_timeout * 4)

    def headers() -> Mapping[str, str]:
        return {"Accept": MEDIA, "Authorization": f"Token token={token.read()}"}

    what = f"PagerDuty at {host(settings.url)}"
    api = Api(what, settings.url, headers, patience, Rate(settings.requests_per_second))
    return Pagerduty(settings.name, settings, api, clock)


def _permissions(settings: PagerdutySettings) -> tuple[Permission, ...]:
    where = "the account"
    incidents = Permission("incidents.read", "read log entries and incidents", where, (KIND,), ("A.5.26",))
    if not settings.oncalls:
        return (incidents,)
    return (
        incidents,
        Permission("escalation_policies.read", "read escalation policies", where, (ON_CALLS,), ("A.5.24",)),
        Permission("oncalls.read", "read who is on call", where, (ON_CALLS,), ("A.5.24",)),
    )


def _access(settings: PagerdutySettings) -> Access:
    notes = (
        "A read-only API access key of the account (Integrations, API Access Keys) has all of these, and none that writes.",
        "A user's own token sees what the user sees: incidents of teams that are private to others are not read.",
    )
    return Access("scopes", _permissions(settings), notes)


TYPE: Final = SourceType(
    "pagerduty", "PagerDuty incidents and on-call duty", PagerdutySettings, _build, _access, (KIND, ON_CALLS, SUMMARY)
)
