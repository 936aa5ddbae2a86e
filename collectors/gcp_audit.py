"""Source type gcp-audit: Cloud Audit Logs, read from Cloud Logging over gRPC.

Windows lie on receiveTimestamp, which is when Cloud Logging took an entry; its timestamp may lie before it, or up to a day ahead.
Each resource is asked by itself; what one of them denies is owed and asked for again, while the others go on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pydantic import Field, field_validator, model_validator

from collectors.base import Cursor, Permission, Probe, Reads, Report, SourceUnreadable, Window
from collectors.calls import GIVE_UP, refused
from collectors.gcp import Credentials, GcpSettings, account_of, loopback, parent
from collectors.gcp_entries import Decoder, kept_part
from collectors.gcp_logging import SCOPE, Logging
from collectors.http import ApiError
from collectors.rate import Rate
from collectors.runner import cut
from collectors.settings import Duration
from collectors.source_type import Access, SourceType
from collectors.unreadable import Excerpt, Unreadable, shown, unreadable_event
from store.records import DAY, HOUR, MINUTE, Cover, Event
from store.times import Clock, format_time

KIND: Final = "log.gcp.gcp.audit"
FIRST: Final = 7 * DAY
"""How far back the first window goes without `since`."""
AROUND: Final = DAY
"""How far an entry's timestamp may lie from when it was received."""
Log = Literal["activity", "data_access", "system_event", "policy", "access_transparency"]
LOGS: Final[tuple[Log, ...]] = ("activity", "data_access", "system_event", "policy", "access_transparency")
_ENDPOINT: Final = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})")
_CONTROLS: Final = ("A.5.18", "A.5.23", "A.8.2", "A.8.3", "A.8.12", "A.8.15", "A.8.16", "A.8.20", "A.8.24", "A.8.32")
_LIST: Final = Permission(
    "logging.logEntries.list", "read activity, system event and policy denied logs", "*", (KIND,), _CONTROLS
)
_PRIVATE: Final = Permission(
    "logging.privateLogEntries.list",
    "read data access logs, and what Google's own staff accessed",
    "*",
    (KIND,),
    ("A.5.22", "A.8.11", "A.8.15", "A.8.18"),
)


class GcpAuditSettings(GcpSettings):
    """gcp-audit. `overlap`: how far back each window looks for entries that could not be found yet when they were received."""

    type: Literal["gcp-audit"]
    resources: tuple[str, ...] = Field(min_length=1)
    logs: tuple[Log, ...] = Field(default=LOGS, min_length=1)
    endpoint: str | None = None
    lateness: Duration = 2 * HOUR
    overlap: Duration = 5 * MINUTE
    requests_per_second: float = Field(default=1.0, gt=0, le=1000)

    @field_validator("resources")
    @classmethod
    def _named(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(map(parent, value)))

    @model_validator(mode="after")
    def _reachable(self) -> GcpAuditSettings:
        found = _ENDPOINT.fullmatch(self.endpoint or "")
        if self.endpoint is not None and found is None:
            raise ValueError("endpoint: write host:port")
        if self.insecure and (found is None or not loopback(found[1])):
            raise ValueError(
                "insecure: only for an endpoint on this machine (127.0.0.1:port), for nothing else is spoken to in clear"
            )
        return self


@dataclass(frozen=True, slots=True)
class GcpAudit:
    """The audit logs, set up. See collectors/base.py for what the methods promise."""

    source: str
    resources: tuple[str, ...]
    logs: tuple[str, ...]
    logging: Logging
    overlap: int
    since: int | None
    clock: Clock
    type: str = "gcp-audit"
    reads: Reads = "deliveries"

    def oldest(self, cursor: Cursor, now: int) -> int | None:  # noqa: ARG002  the contract has it
        """The time that `since` names, else some days back."""
        return min(self.since, now) if self.since is not None else max(0, now - FIRST)

    def collect(self, window: Window, report: Report) -> Iterator[Event]:
        """Yield what each resource received in the window, and before it what it still owes."""
        report.identity(self.logging.who())
        owed = {str(name): int(start) for name, start in window.cursor.get("owed", {}).items()}
        decoder, still, faults = Decoder.load(), dict[str, int](), list[str]()
        silent = 0
        try:
            for resource in self.resources:
                reading = _Reading(self, window, report, resource, decoder)
                start = min(window.start, owed.get(resource, window.start))
                yield from reading.events(start) if silent < GIVE_UP else reading.left(start, faults[-1])
                silent = silent + 1 if reading.silent else 0
                if reading.fault:
                    still[resource] = reading.reached
                    faults.append(reading.fault)
        finally:
            self.logging.close()
        if len(faults) == len(self.resources):
            raise SourceUnreadable(faults[0])
        report.keep({"owed": still} if still else {}, owed=True)

    def check(self) -> Sequence[Probe]:
        """Ask for the newest entry of each log of each resource."""
        found = [Probe(f"Cloud Logging is read as {self.logging.who()}")]
        try:
            found += [self._probe(resource, log) for resource in self.resources for log in self.logs]
        finally:
            self.logging.close()
        return found

    def _probe(self, resource: str, log: str) -> Probe:
        now = self.clock()
        try:
            self.logging.ask(resource, query(resource, (log,), now - DAY, now), 1)
        except ApiError as error:
            if not refused(error):
                raise SourceUnreadable(str(error)) from error
            return Probe(f"{resource}, {log}: {error}", _need(log) if error.kind == "denied" else None)
        return Probe(f"{resource}, {log}: may be asked for")


@dataclass(slots=True)
class _Reading:
    """One resource in one window. `reached`: up to where all was had; `fault`: why no further, "" where all was."""

    of: GcpAudit
    window: Window
    report: Report
    resource: str
    decoder: Decoder
    reached: int = 0
    fault: str = ""
    read: int = 0
    unread: int = field(default=0, init=False)
    silent: bool = field(default=False, init=False)
    """Did it fail, other than by a refusal?"""

    def left(self, start: int, fault: str) -> Iterator[Event]:
        """Nothing: it is not asked, since those before it did not answer."""
        self.reached, self.fault, self.silent = start, f"not asked for, since nothing answers: {fault}", True
        self.report.denied(self.resource, self.fault)
        self.report.part(account_of(self.resource), KIND, complete=False, read=0, errors=[self.fault])
        return iter(())

    def events(self, start: int) -> Iterator[Event]:
        """Yield what was received in (start, end of the window], at most a day at a time, and report the part."""
        self.reached = start
        try:
            for begin, end in cut(start, self.window.end):
                yield from self._between(begin - self.of.overlap if begin == start else begin, end)
                self.reached = end
        except ApiError as error:
            self.fault, self.silent = str(error), not refused(error)
            self.report.denied(self.resource, self.fault)
        part = account_of(self.resource)
        whole = not self.fault and not self.unread
        self.report.part(part, KIND, complete=whole, read=self.read, errors=[self.fault] if self.fault else ())
        if self.reached > start and not self.unread:
            self.report.covered([Cover(part, start, self.reached)])

    def _between(self, start: int, end: int) -> Iterator[Event]:
        asked = query(self.resource, self.of.logs, max(0, start), end)
        for raw in self.of.logging.entries(self.resource, asked, lambda _entries, size: self.report.page(size=size)):
            yield self._event(raw)

    def _event(self, raw: Any) -> Event:
        now = self.of.clock()
        try:
            entry = self.decoder.entry(raw)
        except Unreadable as error:
            self.unread += 1
            account, time = kept_part(raw)
            place = f"{self.resource} {shown(raw.insert_id)[:200]}"
            self.report.unreadable(place, error.reason)
            like = Event(self.window.source, "", KIND, time or now, b"", self.window.attempt, now, None, account)
            return unreadable_event(like, Excerpt.of([raw.SerializeToString(deterministic=True)]), place, error.reason)
        self.read += 1
        window, source = self.window.attempt, self.window.source
        return Event(source, entry.id, KIND, entry.time, entry.payload, window, now, None, entry.account)


def query(resource: str, logs: Sequence[str], start: int, end: int) -> str:
    """The filter for what was received in (start, end]; both are microseconds, and `resource` is one that `parent` let pass.

    The bounds of timestamp must stand there: without any Cloud Logging adds `timestamp >= now - 24h` by itself.
    """
    names = " OR ".join(f'"{resource}/logs/cloudaudit.googleapis.com%2F{log}"' for log in logs)
    received = f'receiveTimestamp > "{format_time(start)}" AND receiveTimestamp <= "{format_time(end)}"'
    stamped = f'timestamp >= "{format_time(max(0, start - AROUND))}" AND timestamp <= "{format_time(end + AROUND)}"'
    return f"logName = ({names}) AND {received} AND {stamped}"


def _need(log: str) -> Permission:
    return _PRIVATE if log in ("data_access", "access_transparency") else _LIST


def _access(settings: GcpAuditSettings) -> Access:
    needed = tuple(dict.fromkeys((_LIST, *map(_need, settings.logs))))
    notes = (
        f"Grant the role on {', '.join(settings.resources)}.",
        "Without logging.privateLogEntries.list Cloud Logging leaves data access entries out and says nothing.",
        "An organisation's or folder's own logs do not hold those of its projects: name the projects too.",
    )
    return Access("gcp-role", needed, notes)


def _build(settings: GcpAuditSettings, clock: Clock) -> GcpAudit:
    credentials = Credentials(SCOPE, settings.credentials_file, settings.quota_project, settings.read_timeout)
    rate = Rate(settings.requests_per_second)
    logging = Logging(credentials, settings.endpoint, settings.insecure, settings.max_attempts, settings.read_timeout, rate)
    return GcpAudit(settings.name, settings.resources, settings.logs, logging, settings.overlap, settings.since, clock)


TYPE: Final = SourceType(
    "gcp-audit",
    "Google Cloud's audit logs: admin activity, data access, system events, policy denied, access transparency",
    GcpAuditSettings,
    _build,
    _access,
    (KIND,),
)
