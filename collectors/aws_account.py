"""Source type aws-account: how AWS accounts are set up, one observation per resource and look (collectors/aws_services/)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from pydantic import field_validator

from collectors.aws import AwsError, is_denial
from collectors.aws_accounts import AwsAccountsSettings, Session
from collectors.aws_services.base import AccountLook, Call, Look, NotHere, Resource, Subject
from collectors.aws_services.registry import RESOURCES, chosen
from collectors.base import Cursor, Permission, Probe, Reads, Report, SourceUnreadable, Window
from collectors.observation import snapshot, summary
from collectors.settings import Duration
from collectors.source_type import Access, SourceType
from store.records import HOUR, Event
from store.times import Clock

_MAX_PART_ERRORS: Final = 20
_REGIONS: Final = Permission("ec2:DescribeRegions", "find the Regions that are enabled, unless the settings name them")


class AwsAccountSettings(AwsAccountsSettings):
    """aws-account: the settings of accounts. `resources`: services or kinds to which it is limited (s3, iam.user)."""

    type: Literal["aws-account"]
    schedule: Duration = HOUR
    lateness: Duration = 0
    resources: tuple[str, ...] = ()

    @field_validator("resources")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        chosen(value)
        return value


@dataclass(frozen=True, slots=True)
class AwsAccount:
    """The accounts, set up. See collectors/base.py for what the methods promise."""

    source: str
    sessions: tuple[Session, ...]
    home: str
    resources: tuple[Resource, ...]
    clock: Clock
    pause: Callable[[float], None] = time.sleep
    type: str = "aws-account"
    reads: Reads = "states"

    def oldest(self, cursor: Cursor, now: int) -> int | None:  # noqa: ARG002  the contract has them
        """None: there is only now."""
        return None

    def collect(self, window: Window, report: Report) -> Iterator[Event]:
        """Yield every resource of every account and Region, and a summary per part that was wholly read."""
        faults: list[str] = []
        readers: list[str] = []
        for session in self.sessions:
            try:
                look = self._account(session)
            except AwsError as error:
                faults.append(str(error))
                report.denied(session.place, str(error))
                self._unread(session, report, str(error))
                continue
            readers.append(session.whose()[1])
            report.identity(readers[0] if len(readers) == 1 else f"{readers[0]} and {len(readers) - 1} more")
            yield from _Looking(window, report, look, self.clock).account(self.resources, self.home)
        if len(faults) == len(self.sessions):
            raise SourceUnreadable(faults[0])
        report.keep({}, owed=True)  # the next look sees all there is: nothing of this one is asked for again

    def check(self) -> Sequence[Probe]:
        """Look at the first of each kind in the first Region of each account; a probe for each that was denied or answered."""
        found: list[Probe] = []
        for session in self.sessions:
            try:
                look = self._account(session)
            except AwsError as error:
                if len(self.sessions) == 1:
                    raise SourceUnreadable(str(error)) from error
                found.append(Probe(str(error), _assume(session)))
                continue
            found.append(Probe(f"AWS account {look.account} is read as {look.session.whose()[1]}"))
            try:
                look.regions = session.every_region()
            except AwsError as error:
                look.regions = (self.home,)
                found.append(Probe(str(error), _REGIONS if is_denial(error) else None))
            for resource in self.resources:
                found += _probes(look, resource, self.home)
        return found

    def _unread(self, session: Session, report: Report, fault: str) -> None:
        """Say of each part that is known by the settings alone that it was not read."""
        account = session.account
        for resource in self.resources if account else ():
            for part in [account] if resource.scope == "global" else [f"{account}/{region}" for region in session.regions]:
                report.part(part, resource.type, complete=False, read=0, errors=[fault])

    def _account(self, session: Session) -> AccountLook:
        account, arn = session.whose()
        return AccountLook(session, account, arn.split(":")[1], (), pause=self.pause)


@dataclass(slots=True)
class _Looking:
    """One account's looks in a window."""

    window: Window
    report: Report
    of: AccountLook
    clock: Clock
    regions: tuple[str, ...] = field(default=(), init=False)

    def account(self, resources: Sequence[Resource], home: str) -> Iterator[Event]:
        """Yield what is seen: global kinds once, the others Region by Region."""
        regional = [resource for resource in resources if resource.scope == "regional"]
        if regional:
            try:
                self.of.regions = self.of.session.every_region()
            except AwsError as error:
                self.report.denied(f"AWS account {self.of.account}, its Regions", str(error))
        for resource in resources:
            if resource.scope == "global":
                yield from self._kind(resource, home, "")
        for region in self.of.regions:
            for resource in regional:
                yield from self._kind(resource, region, region)
            self.of.session.forget(region)
        self.of.session.forget()

    def _kind(self, resource: Resource, asked: str, region: str) -> Iterator[Event]:
        """Yield one kind in one place, then its summary if it was wholly listed, and report the part."""
        account = self.of.account
        part = f"{account}/{region}" if region else account
        look = Look(self.of, asked, resource.calls, self.report.page)
        seen = _Seen()
        errors: list[str] = []
        try:
            for subject in resource.read(look):
                if not subject.gone:
                    yield from self._subject(resource, subject, seen, region)
        except NotHere:
            return
        except AwsError as error:
            errors.append(str(error))
        whole = not errors
        errors += [f"{path} of {count} not read: {why}" for (path, why), count in sorted(look.faults.items())]
        for text in errors:
            self.report.denied(f"{part} {resource.key}", text)
        self.report.part(part, resource.type, complete=whole, enumerates=whole, read=seen.read, errors=errors[:_MAX_PART_ERRORS])
        if whole:
            more = seen.marked(resource)
            names = sorted(seen.names)
            yield summary(self.window, resource.summary_type, self.clock(), names, account=account, region=region, more=more)

    def _subject(self, resource: Resource, subject: Subject, seen: _Seen, region: str) -> Iterator[Event]:
        value = subject.finished(resource.ordered, resource.documents)
        if seen.add(subject.arn, subject.name, subject.marks, bool(subject.unread)) and not subject.named:
            seen.read += 1
            account, unread = self.of.account, subject.unread
            now = self.clock()
            yield snapshot(self.window, resource.type, subject.arn, now, value, account=account, region=region, unread=unread)


@dataclass(slots=True)
class _Seen:
    """Who was seen of one kind: each once, for pages move while they are read."""

    arns: set[str] = field(default_factory=set)
    names: list[str] = field(default_factory=list)
    marks: dict[str, int] = field(default_factory=dict)
    unsure: bool = False
    read: int = 0

    def add(self, arn: str, name: str, marks: set[str], unsure: bool) -> bool:
        """Note a subject; False if it was seen before."""
        if arn in self.arns:
            return False
        self.arns.add(arn)
        self.names.append(name)
        self.unsure |= unsure
        for mark in marks:
            self.marks[mark] = self.marks.get(mark, 0) + 1
        return True

    def marked(self, resource: Resource) -> dict[str, object]:
        """What the summary says beside the names: how many bear each mark, or that it is not known."""
        if not resource.marks:
            return {}
        if self.unsure:
            return {"_unread": ["marks"]}
        return {"marks": {mark: self.marks.get(mark, 0) for mark in resource.marks}}


def _probes(of: AccountLook, resource: Resource, home: str) -> Iterator[Probe]:
    """Look at the first subject of a kind."""
    region = home if resource.scope == "global" else of.regions[0]
    look = Look(of, region, resource.calls, lambda: None)
    fault = ""
    try:
        for subject in resource.read(look):
            if not subject.gone:
                break
    except NotHere:
        return
    except AwsError as error:
        fault = str(error)
    for call, text in look.refused.items():
        yield Probe(f"{resource.key}: {text}", _permission(call, (resource,)))
    if fault and not look.refused:
        yield Probe(f"{resource.key}: {fault}")
    if not fault and not look.refused and not look.faults:
        yield Probe(f"{resource.key} in account {of.account} ({region}) can be read")


def _assume(session: Session) -> Permission | None:
    if session.role_arn is None:
        return None
    return Permission("sts:AssumeRole", "enter the account", session.role_arn)


def _permission(call: Call, resources: Sequence[Resource]) -> Permission:
    using = [resource for resource in resources if call.permission in {other.permission for other in resource.calls}]
    return Permission(
        call.permission,
        "; ".join(dict.fromkeys(resource.what for resource in using)),
        "*",
        tuple(dict.fromkeys(kind for resource in using for kind in (resource.type, resource.summary_type))),
        tuple(sorted({control for resource in using for control in resource.controls}, key=_order)),
    )


def _order(control: str) -> tuple[int, ...]:
    return tuple(int(number) for number in control.removeprefix("A.").split("."))


def _access(settings: AwsAccountSettings) -> Access:
    resources = chosen(settings.resources)
    calls = {call.permission: call for resource in resources for call in resource.calls}
    found = [_permission(call, resources) for _, call in sorted(calls.items())]
    if not settings.regions and any(resource.scope == "regional" for resource in resources):
        found.append(_REGIONS)
    notes = ["sts:GetCallerIdentity needs no permission."]
    if settings.accounts:
        roles = ", ".join(item.role_arn for item in settings.accounts)
        notes.append(f"The policy belongs to the role in each account; the own identity needs sts:AssumeRole on {roles}.")
    return Access("aws-policy", tuple(found), tuple(notes))


def _build(settings: AwsAccountSettings, clock: Clock) -> AwsAccount:
    home = settings.region or next(iter(settings.regions), "us-east-1")
    return AwsAccount(settings.name, settings.sessions(), home, chosen(settings.resources), clock)


TYPE: Final = SourceType(
    "aws-account",
    "how AWS accounts are set up: identities, storage, logging, networks and more, by their APIs",
    AwsAccountSettings,
    _build,
    _access,
    tuple(kind for resource in RESOURCES.values() for kind in (resource.type, resource.summary_type)),
)
