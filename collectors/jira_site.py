"""One Jira as it is asked beside its search: who we are, one issue by its key, the rest of a history, a project."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlsplit

from collectors.http import Api, ApiError
from collectors.jira_issue import inside
from collectors.jira_search import Issue, Search, read
from collectors.tickets import host, said_at
from collectors.unreadable import shown

KEY: Final = re.compile(r"[A-Z][A-Z0-9_]*-[0-9]+")
COUNT: Final = 100
MAX_PAGES: Final = 200
"""Pages of one issue's history or comments, 100 entries each."""


@dataclass(frozen=True, slots=True)
class Site:
    """A Jira. Every method raises ApiError."""

    api: Api
    search: Search

    @property
    def account(self) -> str:
        """The site's host name."""
        return host(self.api.base)

    def subject(self, key: str) -> str:
        """The stable name of an issue: where people find it, without the scheme."""
        return f"{self.account}{urlsplit(self.api.base).path}/browse/{key}"

    def whoami(self) -> tuple[str, int | None]:
        """As whom Jira is read, and what time its clock says (microseconds; None: it does not say).

        Jira answers this with 401 to a token that it does not know; its search would take us for nobody and find nothing.
        """
        answer = self.api.get(f"{self.search.root}/myself")
        value = answer.json(self.api.what)
        name = inside(value, "accountId") or inside(value, "name") or inside(value, "key")
        if not isinstance(name, str):
            raise ApiError(self.api.what, "nonsense", answer.status, "no account")
        return shown(name)[:200], said_at(answer)

    def issue(self, key: str) -> Issue:
        """One issue by its key; it comes under another key where it was moved."""
        query = {"fields": ",".join(self.search.fields), "expand": "changelog"}
        return read(self.api.get(f"{self.search.root}/issue/{quote(key, safe='')}", query).body)

    def sees_project(self, name: str) -> bool:
        """May we see this project? Jira answers 404 both to what is not there and to what we may not see."""
        try:
            self.api.get(f"{self.search.root}/project/{quote(name, safe='')}")
        except ApiError as error:
            if error.kind in ("missing", "denied"):
                return False
            raise
        return True

    def history(self, key: str) -> Iterator[Mapping[str, Any]]:
        """All entries of an issue's history, the oldest first; Data Center delivers it whole with the issue."""
        return self._pages(f"/issue/{quote(key, safe='')}/changelog", "values", {})

    def comments(self, key: str) -> Iterator[Mapping[str, Any]]:
        """All comments of an issue, the oldest first."""
        return self._pages(f"/issue/{quote(key, safe='')}/comment", "comments", {"orderBy": "created"})

    def _pages(self, path: str, name: str, query: Mapping[str, str | int]) -> Iterator[Mapping[str, Any]]:
        at = 0
        for _ in range(MAX_PAGES):
            answer = self.api.get(self.search.root + path, {**query, "startAt": at, "maxResults": COUNT})
            page = answer.json(self.api.what)
            items, total = inside(page, name), inside(page, "total")
            if not isinstance(items, list) or not isinstance(total, int):
                raise ApiError(self.api.what, "nonsense", answer.status, f"no page of {name}")
            yield from (item for item in items if isinstance(item, Mapping))
            at += len(items)
            if not items or at >= total:
                return
        raise ApiError(self.api.what, "nonsense", 200, f"more than {MAX_PAGES * COUNT} {name} of one issue")
