"""Calling GitHub: pages by `Link`, what is off told apart from what is denied, and giving up in time.

GitHub says in the same status codes that something is off and that one may not see it; only the message tells them apart. 404
"Branch not protected" is a fact; 404 "Not Found" is what it answers to those without the right.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from collectors.calls import Calls
from collectors.http import ApiError
from collectors.json_text import elements, members
from collectors.unreadable import Unreadable

PER_PAGE: Final = 100
MAX_PAGES: Final = 10_000
MAX_SAID: Final = 500
_LINK: Final = re.compile(r"<([^<>]*)>([^<>]*)")
_REL: Final = re.compile(r';\s*rel="?(next|last)"?')
_OFF: Final = re.compile(
    r"^branch not (protected|found)|^no analysis found|^upgrade to github|vulnerability alerts are disabled"
    r"|(disabled|not enabled|must be enabled|not available)\b.{0,80}\brepositor(y|ies)",
    re.IGNORECASE | re.DOTALL,
)
_THROTTLED: Final = re.compile(r"rate limit|abuse detection", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Page:
    """The elements of a page, exact bytes, and where `Link` leads."""

    items: list[bytes]
    next: str | None
    last: str | None


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a question that may be refused: data, or that the thing is off (in GitHub's words), or an error."""

    data: bytes | None = None
    off: str | None = None
    error: ApiError | None = None


@dataclass(slots=True)
class Hub(Calls):
    """See Calls."""

    def meant(self, error: ApiError) -> ApiError:
        """A secondary rate limit is a 403 like any other, but for its words; a redirect is never followed."""
        if error.kind == "denied" and _THROTTLED.search(said(error)):
            return ApiError(self.api.what, "throttled", error.status, f"{error.status}, its secondary rate limit")
        if 300 <= error.status < 400:  # renamed, or moved: asking again helps nothing
            return ApiError(self.api.what, "missing", error.status, f"{error.status}, moved to another address")
        return error

    def page(self, path: str, member: str = "") -> Page:
        """A list, or the list at `member` of an object. Raises as `get`."""
        answer = self.get(path)
        answer.json(self.api.what)  # strict
        try:
            data = members(answer.body).get(member, b"") if member else answer.body
            items = elements(data)
        except Unreadable as error:
            raise ApiError(self.api.what, "nonsense", answer.status, "no list where there should be one") from error
        links = {found[1]: url for url, rest in _LINK.findall(answer.headers.get("link", "")) if (found := _REL.search(rest))}
        return Page(items, links.get("next"), links.get("last"))

    def follow(self, path: str, member: str = "") -> Iterator[bytes]:
        """Every element, page after page. Right for lists by cursor, and for those whose new elements come first."""
        page, seen = self.page(path, member), {path}
        yield from page.items
        while page.next is not None:
            if page.next in seen or len(seen) > MAX_PAGES:
                raise ApiError(self.api.what, "nonsense", 200, "pages that lead back to themselves")
            seen.add(page.next)
            page = self.page(page.next, member)
            yield from page.items

    def every(self, path: str, member: str = "") -> Iterator[bytes]:
        """Every element of a list in a fixed order, new ones last; some may come twice.

        Numbered pages are read from the last to the first: when an element goes while they are read, the others move towards
        the first page, and so are met again instead of passed over.
        """
        first = self.page(path, member)
        if first.next is None:
            yield from first.items
        elif (last := _number(first.last)) is None:
            yield from first.items
            yield from self.follow(first.next, member)
        else:
            for number in range(last, 0, -1):
                yield from self.page(_numbered(str(first.last), number), member).items

    def ask(self, path: str, *, empty: bool = False) -> Told:
        """An object, or why there is none. `empty`: no content is the answer (yes). Raises SourceUnreadable only."""
        try:
            answer = self.get(path)
            if empty and answer.status == 204:
                return Told(b"true")
            if isinstance(answer.json(self.api.what), dict):
                return Told(answer.body)
            return Told(error=ApiError(self.api.what, "nonsense", answer.status, "no object where there should be one"))
        except ApiError as error:
            return self.told(error)

    def newest(self, path: str) -> Told:
        """As `ask`, of the first element of a list; null where the list is empty."""
        try:
            return Told(next(iter(self.page(path).items), b"null"))
        except ApiError as error:
            return self.told(error)

    def list(self, path: str) -> Told:
        """As `ask`, of all pages of a list as one."""
        try:
            return Told(b"[" + b",".join(self.follow(path)) + b"]")
        except ApiError as error:
            return self.told(error)

    @staticmethod
    def told(error: ApiError) -> Told:
        """An error as what it means: off, or an error."""
        words = said(error)
        off = error.status in (403, 404, 410, 422) and _OFF.search(words) is not None
        return Told(off=words) if off else Told(error=error)


def said(error: ApiError) -> str:
    """The message of a refusal, "" where it has none."""
    try:
        value: Any = json.loads(error.body[: 64 * 1024])
    except (ValueError, RecursionError):
        return ""
    message = value.get("message") if isinstance(value, dict) else None
    return message[:MAX_SAID] if isinstance(message, str) else ""


def _number(url: str | None) -> int | None:
    if url is None:
        return None
    page = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True)).get("page", "")
    return int(page) if page.isascii() and page.isdigit() and 0 < len(page) < 6 else None


def _numbered(url: str, number: int) -> str:
    parts = urlsplit(url)
    query = [(key, value) for key, value in parse_qsl(parts.query, keep_blank_values=True) if key != "page"]
    return urlunsplit(parts._replace(query=urlencode([*query, ("page", str(number))])))
