"""Source type aws-securityhub: what Security Hub holds of other tools' findings, one observation per finding.

Two questions are asked in each Region. What was updated in the window's period, by UpdatedAt. And, in the latest window, what is
still open: people's decisions (BatchUpdateFindings) leave UpdatedAt as it was, providers deliver late, and conditions on time
must be judged again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from collectors.asff import KIND, NotAFinding, describe, updated
from collectors.aws import AwsError
from collectors.aws_accounts import AwsAccountsSettings, Session
from collectors.aws_places import Place, Places, notes_of, permissions_of, probes
from collectors.aws_services.look import Call, Look, NotHere
from collectors.base import Cursor, Permission, Probe, Reads, Report, Window
from collectors.observation import observation
from collectors.securityhub_filters import OPEN, Filters, matches, period
from collectors.settings import Duration
from collectors.source_type import Access, SourceType
from collectors.unreadable import Excerpt, shown, unreadable_event
from store.records import DAY, HOUR, Event
from store.times import Clock

FINDINGS: Final = Call("securityhub", "GetFindings")
PAGE: Final = 100
FIRST: Final = 8 * DAY
"""How far back the first window goes without `since`: what is checked at all is checked and updated again within days."""
_CONTROLS: Final = (
    "A.5.10",
    "A.5.12",
    "A.5.15",
    "A.5.17",
    "A.5.18",
    "A.5.24",
    "A.5.25",
    "A.5.34",
    "A.5.36",
    "A.8.2",
    "A.8.3",
    "A.8.5",
    "A.8.7",
    "A.8.8",
    "A.8.9",
    "A.8.12",
    "A.8.13",
    "A.8.14",
    "A.8.15",
    "A.8.20",
    "A.8.24",
    "A.8.26",
    "A.8.33",
)
_NEED: Final = Permission("securityhub:GetFindings", "read findings", "*", (KIND,), _CONTROLS)
_OFF: Final = (
    "Security Hub is not enabled in account {account}, {region}: enable it, or name the Regions that have it under regions"
)


class SecurityHubSettings(AwsAccountsSettings):
    """aws-securityhub. `overlap`: how far back each window looks for findings that came later than their UpdatedAt says."""

    type: Literal["aws-securityhub"]
    schedule: Duration = 6 * HOUR
    lateness: Duration = 0
    overlap: Duration = 6 * HOUR


@dataclass(frozen=True, slots=True)
class SecurityHub:
    """The hubs, set up. See collectors/base.py for what the methods promise."""

    source: str
    sessions: tuple[Session, ...]
    overlap: int
    since: int | None
    clock: Clock
    type: str = "aws-securityhub"
    reads: Reads = "deliveries"

    def oldest(self, cursor: Cursor, now: int) -> int | None:  # noqa: ARG002  the contract has it
        """The day that `since` names, else some days back."""
        return min(self.since, now) if self.since is not None else max(0, now - FIRST)

    def collect(self, window: Window, report: Report) -> Iterator[Event]:
        """Yield what was updated in the window, and in the latest window all that is open."""
        owed = {str(part): int(start) for part, start in window.cursor.get("owed", {}).items()}
        still: dict[str, int] = {}
        places, asked = Places(self.sessions, report), set()
        for place in places:
            asked.add(place.part)
            account = "own" if place.of.session.role_arn is None else place.of.account
            start = min(window.start, owed.get(place.part, window.start), owed.get(account, window.start))
            reading = _Reading(window, report, place, self.clock, max(0, start - self.overlap))
            yield from reading.events()
            if reading.faults:
                still[place.part] = start
        if places.closed:
            still |= {part: start for part, start in owed.items() if part not in asked and part not in still}
            still |= {account: min(window.start, owed.get(account, window.start)) for account in places.closed}
        report.keep({"owed": still} if still else {}, owed=True)

    def check(self) -> Sequence[Probe]:
        """Ask for one finding in each Region of each account."""
        return probes(self.sessions, _one, ((FINDINGS, _NEED),))


def _one(look: Look) -> None:
    try:
        look.ask(FINDINGS, MaxResults=1)
    except AwsError as error:
        raise _explained(error, look.account, look.region) from error


def _explained(error: AwsError, account: str, region: str) -> AwsError:
    return AwsError(_OFF.format(account=account, region=region), error.code) if error.code == "InvalidAccessException" else error


@dataclass(slots=True)
class _Reading:
    """One place in one window: UpdatedAt from `start` on, both ends included."""

    window: Window
    report: Report
    place: Place
    clock: Clock
    start: int
    faults: list[str] = field(default_factory=list)
    read: int = 0

    def events(self) -> Iterator[Event]:
        """Yield the findings of this place, and report the part."""
        asked = period(self.start, self.window.end)
        look = self.place.look((FINDINGS,), self.report.page)
        try:
            yield from self._found(look, asked, None)
            for filters in OPEN if self.window.latest else ():
                yield from self._found(look, filters, asked)
        except NotHere:
            return
        except AwsError as error:
            self.faults.append(str(_explained(error, self.place.of.account, self.place.region)))
            self.report.denied(f"{self.place.part} findings", self.faults[-1])
        self.report.part(self.place.part, KIND, complete=not self.faults, read=self.read, errors=self.faults)

    def _found(self, look: Look, filters: Filters, done: Filters | None) -> Iterator[Event]:
        """Yield what one question brings. What does not fit it is not taken, whoever answered so; what fits `done` was."""
        order = [{"Field": "UpdatedAt", "SortOrder": "asc"}]
        for finding in look.list(FINDINGS, "Findings", Filters=filters, SortCriteria=order, MaxResults=PAGE):
            if matches(finding, filters) and (done is None or updated(finding) is None or not matches(finding, done)):
                yield self._event(finding)

    def _event(self, finding: Mapping[str, Any]) -> Event:
        looked, account, region = self.clock(), self.place.of.account, self.place.region
        try:
            known = describe(finding, account, region)
        except NotAFinding as error:
            like = observation(self.window, KIND, "", looked, error.content, account=account, region=region)
            place = f"{self.place.part} {shown(str(finding.get('Id', 'a finding'))[:200])}"
            self.report.unreadable(place, str(error))
            return unreadable_event(like, Excerpt.of([error.content]), place, str(error))
        self.read += 1
        return observation(self.window, KIND, known.subject, looked, known.payload, account=known.account, region=known.region)


def _access(settings: SecurityHubSettings) -> Access:
    return Access("aws-policy", permissions_of(settings, ((FINDINGS, _NEED),)), notes_of(settings))


def _build(settings: SecurityHubSettings, clock: Clock) -> SecurityHub:
    return SecurityHub(settings.name, settings.sessions(), settings.overlap, settings.since, clock)


TYPE: Final = SourceType(
    "aws-securityhub",
    "findings that other tools reported to AWS Security Hub, with what people decided on them",
    SecurityHubSettings,
    _build,
    _access,
    (KIND,),
)
