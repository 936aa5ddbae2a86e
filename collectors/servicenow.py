"""Source type servicenow: tickets in tables of a ServiceNow instance, each with its whole life."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from collectors.base import Cursor, Permission, Probe, Reads, Report, SourceUnreadable, Window
from collectors.http import Api, ApiError, Patience
from collectors.rate import Rate
from collectors.secret import Secret, secret
from collectors.servicenow_journal import ENTRY, JOURNAL, Journal
from collectors.servicenow_look import WHOLE, Look, kind_of
from collectors.servicenow_row import Conventions, condition, conventions
from collectors.servicenow_table import OLDEST, Table, selection
from collectors.source_type import Access, SourceType
from collectors.tickets import Address, TicketSettings, host
from store.records import Event
from store.times import Clock

MAX_BODY: Final = 16 * 1024 * 1024
MAX_TABLES: Final = 50
_READ: Final = "read (an access control rule on the table and its fields)"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,79}")
_FIELD: Final = re.compile(r"[a-z][a-z0-9_]{0,79}(\.[a-z][a-z0-9_]{0,79}){0,3}")


class ServiceNowSettings(TicketSettings):
    """servicenow: the rows of `tables` that `query` selects, at the instance `url`. Mappings are by table."""

    type: Literal["servicenow"]
    url: Address
    user: str | None = Field(default=None, min_length=1, max_length=200, pattern=r"^[!-9;-~]+$")
    password: SecretStr | None = None
    password_file: Path | None = None
    token: SecretStr | None = None
    token_file: Path | None = None
    tables: tuple[str, ...] = Field(default=("incident", "change_request", "problem"), min_length=1, max_length=MAX_TABLES)
    query: Mapping[str, str] = Field(default_factory=dict)
    open: Mapping[str, str] = Field(default_factory=dict)
    fields: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    severity_field: str = "priority"
    first_response_field: Mapping[str, str] = Field(default_factory=dict)
    reviewed_field: Mapping[str, str] = Field(default_factory=dict)
    journal: bool = False

    @field_validator("tables")
    @classmethod
    def _tables(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [name for name in value if not _NAME.fullmatch(name)]
        if wrong or len(set(value)) != len(value):
            raise ValueError(f"{wrong[0]!r} is no name of a table" if wrong else "names a table twice")
        return value

    @field_validator("query")
    @classmethod
    def _queries(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        return {table: selection(query) for table, query in value.items() if query}

    @field_validator("open")
    @classmethod
    def _open(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        return {table: condition(text).text for table, text in value.items()}

    @model_validator(mode="after")
    def _whole(self) -> ServiceNowSettings:
        basic = self.password is not None or self.password_file is not None
        if basic == (self.token is not None or self.token_file is not None):
            raise ValueError("set user and password_file, or token_file for OAuth, and only one of the two")
        if basic != (self.user is not None):
            raise ValueError("user and password_file go together")
        _secret(self)
        for key in ("query", "open", "fields", "first_response_field", "reviewed_field"):
            for table in getattr(self, key):
                if table not in self.tables:
                    raise ValueError(f"{key} names the table {table!r}, which is not among tables")
        names = [self.severity_field, *self.first_response_field.values(), *self.reviewed_field.values()]
        for name in (*names, *(name for more in self.fields.values() for name in more)):
            if not _FIELD.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a field")
        return self


@dataclass(frozen=True, slots=True)
class ServiceNow:
    """One instance, set up. See collectors/base.py for what the methods promise."""

    source: str
    api: Api
    who: str
    tables: tuple[tuple[Table, Conventions], ...]
    clock: Callable[[], int]
    overlap: int
    follow: int
    journal: Journal | None = None
    since: int | None = None
    type: str = "servicenow"
    reads: Reads = "deliveries"

    def oldest(self, cursor: Cursor, now: int) -> int | None:  # noqa: ARG002  the contract has them
        """Just before the time of the row that was changed longest ago, not before `since`."""
        times: list[int] = []
        failed: list[ApiError] = []
        for table, _ in self.tables:
            try:
                times += [time for time in [table.oldest()] if time is not None]
            except ApiError as error:
                failed.append(error)
                if error.kind not in ("denied", "missing", "refused") or len(failed) == len(self.tables):
                    raise SourceUnreadable(str(error)) from error
        return max(min(times) - 1, self.since or 0) if times else None

    def collect(self, window: Window, report: Report) -> Iterator[Event]:
        """Yield the rows that changed in the window; in the latest also those that are open or were done lately."""
        report.identity(self.who)
        account = host(self.api.base)
        look = Look(
            self.api.what, account, self.tables, self.clock, self.overlap, self.follow, self.since, self.journal, window, report
        )
        try:
            yield from look.read()
        except ApiError as error:
            raise SourceUnreadable(str(error)) from error

    def check(self) -> Sequence[Probe]:
        """Read the first page of each table; say how many rows it has, what is hidden, which fields are not answered."""
        found: list[Probe] = []
        for table, agreed in self.tables:
            try:
                page = next(table.walk("", OLDEST))
            except ApiError as error:
                if error.kind in WHOLE or error.kind in ("failing", "nonsense"):
                    raise SourceUnreadable(str(error)) from error
                found.append(Probe(f"table {table.name}: {error}", denied=_read(table.name)))
                continue
            if page.hidden:
                text = f"table {table.name}: access rules hide {page.hidden} rows of the first {table.limit} or more"
                found.append(Probe(text, denied=_read(table.name)))
                continue
            lacking = [name for name in agreed.fields if page.rows and not any(name in row.value for row in page.rows)]
            what = f"table {table.name} can be read: {page.total} rows" + (" fit its query" if table.query else "")
            note = f"; not answered, hidden or not there: {', '.join(lacking)}" if lacking else ""
            found.append(Probe(what + note))
        return (*found, *self._check_journal())

    def _check_journal(self) -> Sequence[Probe]:
        if self.journal is None:
            return ()
        try:
            page = next(self.journal.table.walk("", OLDEST))
        except ApiError as error:
            if error.kind not in ("denied", "missing", "refused"):
                raise SourceUnreadable(str(error)) from error
            return (Probe(f"table {JOURNAL}: {error}", denied=_read(JOURNAL)),)
        if page.hidden:
            return (Probe(f"table {JOURNAL}: access rules hide {page.hidden} rows or more", denied=_read(JOURNAL)),)
        return (Probe(f"table {JOURNAL} can be read: {page.total} entries"),)


def _read(table: str) -> Permission:
    if table == JOURNAL:
        return Permission(_READ, "read who wrote comments and work notes, and when: the first response", table)
    return Permission(_READ, "read its rows", table, (kind_of(table),))


def _secret(settings: ServiceNowSettings) -> Secret:
    if settings.user is not None:
        return secret("password", settings.password, settings.password_file)
    return secret("token", settings.token, settings.token_file)


def _headers(user: str | None, own: Secret) -> Mapping[str, str]:
    if user is None:
        return {"Authorization": f"Bearer {own.read()}"}
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{own.read()}".encode()).decode()}


def _build(settings: ServiceNowSettings, clock: Clock) -> ServiceNow:
    own = _secret(settings)
    api = Api(
        f"ServiceNow at {host(settings.url)}",
        settings.url,
        lambda: _headers(settings.user, own),
        Patience(tries=settings.max_attempts, read=settings.read_timeout),
        Rate(settings.requests_per_second),
        limit=MAX_BODY,
    )
    tables = tuple(_table(settings, api, name) for name in settings.tables)
    who = settings.user or "whom the OAuth token stands for"
    journal = Journal(Table(api, JOURNAL, ENTRY, "", time="sys_created_on")) if settings.journal else None
    return ServiceNow(settings.name, api, who, tables, clock, settings.overlap, settings.follow, journal, settings.since)


def _table(settings: ServiceNowSettings, api: Api, name: str) -> tuple[Table, Conventions]:
    by: list[Any] = [settings.first_response_field.get(name), settings.reviewed_field.get(name), settings.fields.get(name, ())]
    agreed = conventions(name, settings.open.get(name), settings.severity_field, *by)
    return Table(api, name, agreed.fields, settings.query.get(name, "")), agreed


def _access(settings: ServiceNowSettings) -> Access:
    notes = (
        "Give the account the role snc_read_only, so that it can change nothing, and a role that may read the tables (itil, or "
        "one of your own); web service access only.",
        "A row that an access rule hides makes the window partial; one that a before-query business rule hides is not even "
        "counted: exempt the account from such rules, or narrow the query to what it may see.",
    )
    tables = [*settings.tables, *([JOURNAL] if settings.journal else [])]
    return Access("scopes", tuple(_read(table) for table in tables), notes)


TYPE: Final = SourceType(
    "servicenow",
    "Tickets in tables of ServiceNow, with their whole life",
    ServiceNowSettings,
    _build,
    _access,
    ("ticket.servicenow.*",),
)
