"""Source type cloudtrail-lookup: management events as CloudTrail's LookupEvents has them, without a trail of one's own.

Nothing but the time of the event can be asked for, and events appear late. So each window also asks for the hour before it, and
once a day for the last 26 hours again. Answers come newest first, and page tokens do not last: a range of which a page is not
had is asked for again as a whole. A part (account and Region) that failed is owed: the cursor moves, and remembers where that
part stands.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from pydantic import Field

from collectors.aws import AwsError, explain, faults, is_denial
from collectors.aws_accounts import AwsAccountsSettings, Session
from collectors.base import Cursor, Permission, Probe, Reads, Report, SourceUnreadable, Window
from collectors.cloudtrail import EVENT_TYPE
from collectors.cloudtrail_again import again
from collectors.cloudtrail_pages import PERMISSION, Pages, fault, once
from collectors.rate import Rate
from collectors.source_type import Access, SourceType
from store.records import DAY, HOUR, Cover, Event
from store.times import Clock

OVERLAP: Final = HOUR
AGAIN: Final = 26 * HOUR
"""What is asked for once more each day."""
RANGE: Final = 26 * HOUR
"""What is asked for with one row of page tokens."""
KEPT: Final = 90 * DAY - HOUR
"""How far back there is anything to look up."""
MAX_FAILED: Final = 3
"""Regions of an account that fail one after another, after which its others are not asked."""


class CloudTrailLookupSettings(AwsAccountsSettings):
    """cloudtrail-lookup: management events of accounts and Regions; AWS allows two requests a second in each."""

    type: Literal["cloudtrail-lookup"]
    requests_per_second: float = Field(default=2.0, gt=0, le=100)


@dataclass(slots=True)
class _Round:
    """What one window asks for, and how it went."""

    window: Window
    report: Report
    begin: int
    owed: Mapping[str, int]
    left: dict[str, int] = field(default_factory=dict)
    first: str = ""
    had: int = 0

    def start(self, place: str) -> int:
        """From when on a part is asked for."""
        return max(min(self.begin, self.owed.get(place, self.begin)), self.window.end - KEPT)

    def failed(self, place: str, since: int, error: str) -> None:
        """A part, or a whole account, stays owed."""
        self.left[place] = since
        self.first = self.first or f"{place}: {error}"
        self.report.denied(place, error)


@dataclass(frozen=True, slots=True)
class CloudTrailLookup:
    """Accounts, set up. See collectors/base.py for what the methods promise."""

    source: str
    sessions: Sequence[Session]
    since: int | None
    per_second: float
    clock: Callable[[], int]
    type: str = "cloudtrail-lookup"
    reads: Reads = "deliveries"
    _rates: dict[tuple[str, str], Rate] = field(default_factory=dict)

    def oldest(self, cursor: Cursor, now: int) -> int | None:  # noqa: ARG002  the contract has them
        """90 days ago, or `since`. Raises SourceUnreadable where no account answers."""
        said = ""
        for session in self.sessions:
            try:
                session.whose()
            except AwsError as error:
                said = said or str(error)
            else:
                return max(now - KEPT, self.since or 0)
        raise SourceUnreadable(said)

    def collect(self, window: Window, report: Report) -> Iterator[Event]:
        """Yield the events of every account and Region."""
        again = window.cursor.get("again")
        daily = window.latest and isinstance(again, int) and window.end - again >= DAY
        begin = min(window.start - OVERLAP, window.end - AGAIN) if daily else window.start - OVERLAP
        round_ = _Round(window, report, begin, window.cursor.get("owed", {}))
        who: list[str] = []
        for session in self.sessions:
            yield from self._account(session, round_, who)
        if round_.first and not round_.had:
            raise SourceUnreadable(round_.first)
        report.identity(", ".join(who))
        next_again = window.end if daily or not isinstance(again, int) else again
        report.keep({"again": next_again, "owed": round_.left}, owed=True)

    def _account(self, session: Session, round_: _Round, who: list[str]) -> Iterator[Event]:
        """1. Who it is and which Regions it has; what is not known of it is owed as a whole. 2. Region by Region."""
        try:
            account, arn = session.whose()
            who.append(arn)
            regions = session.every_region()
        except AwsError as error:
            place = session.account or "own account"
            round_.failed(place, round_.start(place), str(error))
            round_.report.part(place, EVENT_TYPE, complete=False, read=0, errors=[str(error)])
            return
        whole = round_.start(session.account or "own account")
        in_a_row = 0
        for region in regions:
            place = f"{account}/{region}"
            start = min(round_.start(place), whole)
            if in_a_row >= MAX_FAILED:
                why = f"was not asked, for {MAX_FAILED} Regions before it failed one after another"
                round_.failed(place, start, why)
                round_.report.part(place, EVENT_TYPE, complete=False, read=0, errors=[why])
            elif session.offers("cloudtrail", region):
                good = yield from self._part(session, account, region, start, round_)
                in_a_row = 0 if good else in_a_row + 1

    def _part(self, session: Session, account: str, region: str, start: int, round_: _Round) -> Generator[Event, None, bool]:
        """One account and Region, range by range from the oldest; True if all of it was had."""
        place, end, read, unread = f"{account}/{region}", round_.window.end, 0, 0
        rate = self._rates.setdefault((account, region), Rate(self.per_second))
        wrong = ""
        at = start
        try:
            while at < end:
                upto = min(at + RANGE, end)
                client = session.client("cloudtrail", region)
                pages = Pages(client, rate, round_.window, round_.report, self.clock(), account, region)
                yield from pages.events(at, upto)
                round_.had += 1
                read, unread, at = read + pages.read, unread + pages.unread, upto
        except faults(AwsError) as error:
            wrong = str(error if isinstance(error, AwsError) else fault(error, account, region))
            round_.failed(place, at, wrong)
        if at > start:
            round_.report.covered([Cover(place, start, at)])
        whole = not wrong and not unread
        round_.report.part(place, EVENT_TYPE, complete=whole, read=read, errors=[wrong] if wrong else [])
        return not wrong

    def check(self) -> Sequence[Probe]:
        """Of each account: who we are, which Regions there are, and one page of the first of them."""
        probes: list[Probe] = []
        for session in self.sessions:
            probes += self._probes(session)
        return probes

    def _probes(self, session: Session) -> Iterator[Probe]:
        account, arn = session.whose()
        yield Probe(f"account {account} is read as {arn}")
        region = "us-east-1"
        try:
            region = session.every_region()[0]
            yield Probe(f"account {account} has its Regions listed")
            once(session.client("cloudtrail", region))
            yield Probe(f"account {account} can be looked up in {region}")
        except faults(AwsError, KeyError, IndexError) as error:
            wrong = error if isinstance(error, AwsError) else explain(error, f"account {account}", PERMISSION)
            if not is_denial(wrong):
                raise SourceUnreadable(str(wrong)) from error
            yield Probe(str(wrong), denied=REGIONS if "DescribeRegions" in str(wrong) else LOOKUP)


LOOKUP: Final = Permission(PERMISSION, "read management events", types=(EVENT_TYPE,))
REGIONS: Final = Permission("ec2:DescribeRegions", "know which Regions the account has", types=(EVENT_TYPE,))


def _build(settings: CloudTrailLookupSettings, clock: Clock) -> CloudTrailLookup:
    return CloudTrailLookup(settings.name, settings.sessions(), settings.since, settings.requests_per_second, clock)


def _access(settings: CloudTrailLookupSettings) -> Access:
    roles = [Permission("sts:AssumeRole", "read the other accounts", item.role_arn, (EVENT_TYPE,)) for item in settings.accounts]
    notes = ("In each account that is read by a role, the role needs the two permissions, and to trust this identity.",)
    return Access("aws-policy", (LOOKUP, *([] if settings.regions else [REGIONS]), *roles), notes if roles else ())


TYPE: Final = SourceType(
    "cloudtrail-lookup",
    "CloudTrail management events, looked up",
    CloudTrailLookupSettings,
    _build,
    _access,
    (EVENT_TYPE,),
    again,
)
