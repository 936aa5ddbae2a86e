"""The places that sources of findings read in AWS: each Region of each account, entered one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from collectors.aws import AwsError
from collectors.aws_accounts import AwsAccountsSettings, Session
from collectors.aws_services.look import AccountLook, Call, Look, NotHere
from collectors.base import Permission, Probe, Report, SourceUnreadable


@dataclass(frozen=True, slots=True)
class Place:
    """One Region of one account."""

    of: AccountLook
    region: str

    @property
    def part(self) -> str:
        """How windows name it."""
        return f"{self.of.account}/{self.region}"

    def look(self, calls: tuple[Call, ...], page: Callable[[], None]) -> Look:
        """A look at this place, with these calls only."""
        return Look(self.of, self.region, calls, page)


@dataclass(slots=True)
class Places:
    """Iterating enters the accounts in order. `closed`: those that could not be entered, by `key_of`.

    Raises SourceUnreadable where none could be.
    """

    sessions: Sequence[Session]
    report: Report
    closed: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[Place]:
        who, fault = "", ""
        for session in self.sessions:
            try:
                account, arn = session.whose()
                regions = session.every_region()
            except AwsError as error:
                fault = fault or str(error)
                self.closed.append(key_of(session))
                self.report.denied(session.place, str(error))
                continue
            if not who:
                who = arn
                self.report.identity(who)
            of = AccountLook(session, account, arn.split(":")[1], regions)
            for region in regions:
                yield Place(of, region)
        if len(self.closed) == len(self.sessions):
            raise SourceUnreadable(fault)


def key_of(session: Session) -> str:
    """How a cursor names an account before it was entered."""
    return session.role_arn.split(":")[4] if session.role_arn else "own"


def probes(
    sessions: Sequence[Session], ask: Callable[[Look], None], permissions: Sequence[tuple[Call, Permission]]
) -> list[Probe]:
    """Call `ask` in each Region of each account, as a check does. Raises SourceUnreadable where the only account is closed."""
    found: list[Probe] = []
    for session in sessions:
        try:
            account, arn = session.whose()
            regions = session.every_region()
        except AwsError as error:
            if len(sessions) == 1:
                raise SourceUnreadable(str(error)) from error
            role = Permission("sts:AssumeRole", "enter the account", session.role_arn) if session.role_arn else None
            found.append(Probe(str(error), role))
            continue
        found.append(Probe(f"AWS account {account} is read as {arn}"))
        of = AccountLook(session, account, arn.split(":")[1], regions)
        for region in regions:
            found += _probed(Place(of, region), ask, permissions)
    return found


def _probed(place: Place, ask: Callable[[Look], None], permissions: Sequence[tuple[Call, Permission]]) -> Iterator[Probe]:
    look = place.look(tuple(call for call, _ in permissions), lambda: None)
    try:
        ask(look)
    except NotHere:
        return
    except AwsError as error:
        if not look.refused:
            yield Probe(f"{place.part}: {error}")
    for call, permission in permissions:
        if call in look.refused:
            yield Probe(f"{place.part}: {look.refused[call]}", permission)
    if not look.refused and not look.faults:
        yield Probe(f"{place.part} can be read")


def permissions_of(settings: AwsAccountsSettings, own: Sequence[tuple[Call, Permission]]) -> tuple[Permission, ...]:
    """What a source needs: its own calls, and the list of Regions where its settings name none."""
    found = [permission for _, permission in own]
    if not settings.regions:
        types = tuple(dict.fromkeys(kind for permission in found for kind in permission.types))
        found.append(Permission("ec2:DescribeRegions", "find the Regions that are enabled", "*", types))
    return tuple(found)


def notes_of(settings: AwsAccountsSettings) -> tuple[str, ...]:
    """What no permission says."""
    notes = ("sts:GetCallerIdentity needs no permission.",)
    if not settings.accounts:
        return notes
    roles = ", ".join(item.role_arn for item in settings.accounts)
    return (*notes, f"The policy belongs to the role in each account; the own identity needs sts:AssumeRole on {roles}.")
