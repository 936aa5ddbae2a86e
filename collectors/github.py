"""Source type github: issues and pull requests, settings of an organisation and its repositories, scanning alerts, audit log."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator

from collectors.base import Cursor, Permission, Probe, Reads, Report, SourceUnreadable, Window
from collectors.github_parts.access import permissions, probes, with_audit_log
from collectors.github_parts.app import Credentials, Installation, Token
from collectors.github_parts.audit import AUDIT, AuditLog
from collectors.github_parts.hub import Hub, said
from collectors.github_parts.life import ISSUE, PULL
from collectors.github_parts.look import Look
from collectors.github_parts.memory import Memory
from collectors.github_parts.pieces import ALERTS, MEMBER, ORG, ORG_LISTS, OUTSIDE, REPO, REPO_LISTS, SBOM_KIND
from collectors.github_parts.settings import NAME, gone, organisation, repository
from collectors.github_parts.settings import Reads as Asked
from collectors.github_parts.tickets import Tickets
from collectors.http import Api, ApiError, Patience
from collectors.rate import Rate
from collectors.secret import secret
from collectors.settings import Duration
from collectors.source_type import Access, SourceType
from collectors.tickets import Address, TicketSettings, check_clock
from collectors.unreadable import shown
from store.records import DAY, HOUR, Event
from store.times import Clock

FIRST: Final = 90 * DAY
"""How far back the first window reaches where `since` is not set."""
Login = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})$")]


def _repository(value: str) -> str:
    if NAME.fullmatch(value) is None:
        raise ValueError(f"{value!r} is no repository: write OWNER/NAME")
    return value


class GithubSettings(TicketSettings):
    """github: the API at `url`, all of an `organisation`, or `repositories` by name, or those of an organisation alone."""

    type: Literal["github"]
    url: Address = "https://api.github.com"
    organisation: Login | None = None
    repositories: tuple[Annotated[str, AfterValidator(_repository)], ...] = Field(default=(), max_length=2000)
    token: SecretStr | None = None
    token_file: Path | None = None
    app_id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9.]{1,64}$")
    installation_id: int | None = Field(default=None, ge=1)
    private_key_file: Path | None = None
    tickets: bool = True
    settings: bool = True
    sbom: bool = True
    audit_log: bool = False
    settings_schedule: Duration = HOUR
    severity_labels: tuple[Annotated[str, StringConstraints(min_length=1, max_length=64)], ...] = (
        "severity:",
        "severity/",
        "sev:",
        "priority:",
        "priority/",
    )

    @model_validator(mode="after")
    def _whole(self) -> GithubSettings:
        if not self.organisation and not self.repositories:
            raise ValueError("set organisation, or repositories, or both")
        if not self.tickets and not self.settings and not self.audit_log:
            raise ValueError("tickets and settings are both off: nothing is left to read")
        if self.audit_log and not self.organisation:
            raise ValueError("audit_log is an organisation's: set organisation")
        app = (self.app_id, self.installation_id, self.private_key_file)
        if any(app):
            if not all(app):
                raise ValueError("a GitHub App needs all three of app_id, installation_id and private_key_file")
            if self.token is not None or self.token_file is not None:
                raise ValueError("set a token or a GitHub App, only one of the two")
        else:
            secret("token", self.token, self.token_file)
        return self

    @property
    def where(self) -> str:
        """What permissions are granted on."""
        if self.repositories:
            return f"{len(self.repositories)} repositories" + (f" of {self.organisation}" if self.organisation else "")
        return f"all repositories of {self.organisation}"

    @property
    def patience(self) -> Patience:
        """How long and how often a request is tried."""
        return Patience(self.max_attempts, read=self.read_timeout, whole=self.read_timeout * 4)

    def credentials(self) -> Credentials:
        """As whom; nothing is called."""
        if self.app_id and self.installation_id and self.private_key_file:
            what = f"GitHub at {urlsplit(self.url).netloc}"
            return Installation(what, self.url, self.app_id, self.installation_id, self.private_key_file, self.patience)
        return Token(secret("token", self.token, self.token_file))

    @property
    def needed(self) -> tuple[Permission, ...]:
        """What it must be allowed."""
        own = self.organisation is not None
        found = permissions(self.where, organisation=own, tickets=self.tickets, settings=self.settings, sbom=self.sbom)
        return with_audit_log(found, self.where) if self.audit_log else found


@dataclass(frozen=True, slots=True)
class Github:
    """An organisation or repositories, set up. See collectors/base.py for what the methods promise."""

    source: str
    settings: GithubSettings
    api: Api
    clock: Clock
    type: str = "github"
    reads: Reads = "deliveries"

    def oldest(self, cursor: Cursor, now: int) -> int | None:  # noqa: ARG002  the contract has them
        """90 days back, or `since`; None where only settings are read."""
        if not self.settings.tickets and not self.settings.audit_log:
            return None
        self._identity(Hub(self.api))
        return self.settings.since if self.settings.since is not None else now - FIRST

    def collect(self, window: Window, report: Report) -> Iterator[Event]:
        """Yield changed tickets; in the latest window also open ones, and settings where they are due."""
        hub, memory = Hub(self.api, report), Memory.of(window.cursor)
        report.identity(self._identity(hub))
        names = self._repositories(hub)
        org = self._organisation(names)
        check_clock(window.end, hub.time or None, self.settings.overlap, self.api.what)
        if self.settings.tickets:
            yield from self._tickets(hub, window, report, memory, org).read(names)
        if self.settings.audit_log and org:
            yield from AuditLog(hub, window, report, memory, org, self.settings.overlap, self.clock).entries()
        now = self.clock()
        if self.settings.settings and window.latest and memory.due(now, self.settings.settings_schedule):
            look = Look(hub, window, report, self._host, self.clock)
            yield from self._settings(look, memory, org, names)
            memory.looked = 0 if look.failed else now
            memory.denials = memory.denials + 1 if look.denied else 0
        # What was denied stands in the memory itself, so that one repository holds up no other.
        report.keep(memory.cursor(window.end, window.latest), owed=True)

    def check(self) -> Sequence[Probe]:
        """Ask who we are and call what each permission opens."""
        hub = Hub(self.api)
        try:
            who = self._identity(hub)
            found = [Probe(f"{self.api.what} answers {who}")]
            try:
                names = self._repositories(hub)
            except SourceUnreadable as error:
                return (*found, Probe(str(error), self.settings.needed[0]))
            found.append(Probe(f"{len(names)} repositories"))
            first = names[0] if names else None
            return (*found, *probes(hub, self.settings.needed, self.settings.organisation, first))
        except ApiError as error:
            raise SourceUnreadable(str(error)) from error

    @property
    def _host(self) -> str:
        return urlsplit(self.settings.url).netloc.lower().removeprefix("api.")

    def _identity(self, hub: Hub) -> str:
        """As whom. A token that may not ask is still a token. Raises SourceUnreadable."""
        if self.settings.app_id:
            try:
                self.api.headers()
            except ApiError as error:
                raise SourceUnreadable(str(error)) from error
            return f"GitHub App {self.settings.app_id}, installation {self.settings.installation_id}"
        told = hub.ask("/user")
        if told.error is not None and told.error.kind not in ("denied", "missing"):
            raise SourceUnreadable(str(told.error)) from told.error
        value = json.loads(told.data) if told.data is not None else None
        name = value.get("login") if isinstance(value, dict) else None
        return f"GitHub user {shown(name[:100])}" if isinstance(name, str) else "a token whose user is not told"

    def _repositories(self, hub: Hub) -> list[str]:
        """Names, sorted. Raises SourceUnreadable: without them nothing can be said to be all."""
        if self.settings.repositories:
            return sorted(set(self.settings.repositories))
        path = f"/orgs/{self.settings.organisation}/repos?type=all&sort=created&direction=asc&per_page=100"
        found: set[str] = set()
        try:
            for item in hub.every(path):
                value = json.loads(item)
                name = value.get("full_name") if isinstance(value, dict) else None
                if not isinstance(name, str) or NAME.fullmatch(name) is None:
                    raise SourceUnreadable(f"{self.api.what} lists a repository without a name that can be one")
                found.add(name)
        except ApiError as error:
            note = f" ({said(error)})" if error.kind == "missing" and said(error).isascii() and said(error).isprintable() else ""
            raise SourceUnreadable(f"repositories of {self.settings.organisation}: {error}{note}") from error
        return sorted(found)

    def _organisation(self, names: Sequence[str]) -> str | None:
        """The configured organisation, written as GitHub writes it where that is known: it takes any case."""
        own = self.settings.organisation
        owners = {name.partition("/")[0] for name in names}
        return next((owner for owner in sorted(owners) if own and owner.lower() == own.lower()), own)

    def _tickets(self, hub: Hub, window: Window, report: Report, memory: Memory, org: str | None) -> Tickets:
        own = self.settings
        labels = own.severity_labels
        return Tickets(hub, window, report, memory, self._host, org, own.overlap, own.follow, labels, self.clock)

    def _settings(self, look: Look, memory: Memory, org: str | None, names: Sequence[str]) -> Iterator[Event]:
        own = self.settings
        if org:
            yield from organisation(look, org)
        for owner in {org, *(name.partition("/")[0] for name in names)} - {None}:
            look.of(REPO, str(owner))
        asked = Asked(own.follow, own.sbom)
        for name in names:
            yield from repository(look, name, asked)
        doubtful: list[str] = []
        for name in sorted(set(memory.known) - set(names)):
            told = look.hub.ask(f"/repos/{name}")
            if told.error is not None and told.error.kind == "missing":
                yield from gone(look, name)
            elif told.data is None:
                doubtful.append(name)
        yield from look.rest()
        memory.known = [*doubtful, *names]


def _build(settings: GithubSettings, clock: Clock) -> Github:
    what = f"GitHub at {urlsplit(settings.url).netloc}"
    rate = Rate(settings.requests_per_second)
    api = Api(what, settings.url, settings.credentials().headers, settings.patience, rate)
    return Github(settings.name, settings, api, clock)


def _access(settings: GithubSettings) -> Access:
    notes = (
        "Make a fine-grained token with the organisation as its resource owner, or a GitHub App; grant nothing beyond these.",
        "Only a token of an organisation owner is told who has two-factor authentication off, and the settings of members.",
    )
    return Access("scopes", settings.needed, notes)


_KINDS: Final = (
    AUDIT,
    ISSUE,
    PULL,
    ORG,
    MEMBER,
    OUTSIDE,
    *(listed.kind for listed in ORG_LISTS),
    REPO,
    *(listed.kind for listed in REPO_LISTS),
    SBOM_KIND,
    *(alerts.kind for alerts in ALERTS),
)
TYPE: Final = SourceType(
    "github",
    "GitHub issues, pull requests, settings, scanning alerts and audit log",
    GithubSettings,
    _build,
    _access,
    (*_KINDS, *(f"summary.{kind.partition('.')[2]}" for kind in _KINDS if not kind.startswith(("ticket.", "log.")))),
)
