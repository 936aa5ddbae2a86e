"""Source type jira: issues of Jira Cloud and Jira Data Center, each with its whole life."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from collectors.base import Cursor, Permission, Probe, Reads, Report, SourceUnreadable, Window
from collectors.http import Api, ApiError, Patience
from collectors.jira_issue import Conventions, asked_fields
from collectors.jira_look import KIND, Look, Memo
from collectors.jira_search import Edition, Search, selection
from collectors.jira_site import Site
from collectors.rate import Rate
from collectors.secret import Secret, secret
from collectors.source_type import Access, SourceType
from collectors.tickets import Address, TicketSettings, host
from store.records import Event
from store.times import Clock

MAX_BODY: Final = 16 * 1024 * 1024
_NAME: Final = r"^[A-Za-z][A-Za-z0-9_]{0,99}$"


class JiraSettings(TicketSettings):
    """jira: the issues that `jql` selects, at the site `url`."""

    type: Literal["jira"]
    url: Address
    edition: Edition
    email: str | None = Field(default=None, min_length=3, max_length=320, pattern=r"^[!-9;-~]+$")
    token: SecretStr | None = None
    token_file: Path | None = None
    jql: str = Field(default="", max_length=10_000)
    fields: tuple[str, ...] = ()
    comments: bool = True
    severity_field: str = Field(default="priority", pattern=_NAME)
    reviewed_field: str | None = Field(default=None, pattern=_NAME)
    reviewed_labels: tuple[str, ...] = ("reviewed", "postmortem-done")

    @field_validator("jql")
    @classmethod
    def _selects(cls, value: str) -> str:
        return selection(value)

    @model_validator(mode="after")
    def _identity(self) -> JiraSettings:
        secret("token", self.token, self.token_file)
        if (self.email is None) == (self.edition == "cloud"):
            raise ValueError("set email to the account's address for edition cloud; edition data-center needs none")
        return self


@dataclass(frozen=True, slots=True)
class Jira:
    """One Jira, set up. See collectors/base.py for what the methods promise."""

    source: str
    site: Site
    agreed: Conventions
    clock: Callable[[], int]
    overlap: int
    follow: int
    since: int | None = None
    memo: Memo = field(default_factory=dict)
    type: str = "jira"
    reads: Reads = "deliveries"

    def oldest(self, cursor: Cursor, now: int) -> int | None:  # noqa: ARG002  the contract has them
        """Just before the time of the issue that was changed longest ago, not before `since`."""
        try:
            self.site.whoami()
            found = self.site.search.oldest()
        except ApiError as error:
            raise SourceUnreadable(str(error)) from error
        return None if found is None else max(found - 1, self.since or 0)

    def collect(self, window: Window, report: Report) -> Iterator[Event]:
        """Yield the issues that changed in the window; in the latest also those that are open or were done lately."""
        look = Look(self.site, self.agreed, self.clock, self.overlap, self.follow, self.memo, window, report)
        try:
            yield from look.read()
        except ApiError as error:
            raise SourceUnreadable(str(error)) from error

    def check(self) -> Sequence[Probe]:
        """Ask who we are, search, and read one issue by its key."""
        what, browse = self.site.api.what, _browse(self.site.search.jql)
        try:
            who, _ = self.site.whoami()
            keys = self.site.search.sample()
        except ApiError as error:
            if error.kind == "denied":
                return (Probe(str(error), denied=browse),)
            raise SourceUnreadable(str(error)) from error
        known = Probe(f"{what} knows us as {who}")
        if not keys:
            return (known, Probe("its search finds no issue: there is none, or this account may see none (Browse projects)"))
        try:
            self.site.issue(keys[0])
        except ApiError as error:
            if error.kind in ("denied", "missing"):
                return (known, Probe(f"issue {keys[0]}: {error}", denied=browse))
            raise SourceUnreadable(str(error)) from error
        return (known, Probe(f"its search finds issues, and the first of them, {keys[0]}, can be read by its key"))


def _browse(jql: str) -> Permission:
    return Permission(
        "Browse projects",
        "search issues and read their fields, comments and history; no other project permission, and no administration",
        f"the projects of: {jql}" if jql else "every project that is to be read",
        (KIND,),
    )


def _headers(settings: JiraSettings, token: Secret) -> Mapping[str, str]:
    if settings.edition == "data-center":
        return {"Authorization": f"Bearer {token.read()}"}
    pair = base64.b64encode(f"{settings.email}:{token.read()}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def _build(settings: JiraSettings, clock: Clock) -> Jira:
    token = secret("token", settings.token, settings.token_file)
    api = Api(
        f"Jira at {host(settings.url)}",
        settings.url,
        lambda: _headers(settings, token),
        Patience(tries=settings.max_attempts, read=settings.read_timeout),
        Rate(settings.requests_per_second),
        limit=MAX_BODY,
    )
    asked = asked_fields(settings.severity_field, settings.reviewed_field, settings.fields, settings.comments)
    agreed = Conventions(settings.severity_field, settings.reviewed_field, settings.reviewed_labels, settings.comments, asked)
    search = Search(api, settings.edition, settings.jql, asked)
    return Jira(settings.name, Site(api, search), agreed, clock, settings.overlap, settings.follow, settings.since)


def _access(settings: JiraSettings) -> Access:
    notes = (
        "Cloud: an API token of an account of its own (scopes read:jira-work and read:jira-user where it has scopes).",
        "Data Center: a personal access token of an account of its own; a token has no scopes, so give the account no more.",
        "Issues with a security level are seen only by those whom the level names.",
    )
    return Access("scopes", (_browse(settings.jql),), notes)


TYPE: Final = SourceType(
    "jira", "Issues of Jira Cloud and Data Center, with their whole life", JiraSettings, _build, _access, (KIND,)
)
