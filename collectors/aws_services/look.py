"""One look at one resource kind, in one account and Region: calls, pages, and what was not answered.

A call that fails while subjects are listed ends the look at that kind (AwsError). One that fails about a single subject leaves
that path unread: the subject is there all the same, and the part says so.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from collectors.aws import AwsError, explain, faults, is_denial
from collectors.aws_accounts import Session
from collectors.aws_services.values import day, document, plain
from collectors.unreadable import Unreadable, shown

MAX_BROKEN: Final = 10
"""Calls in a row that broke (not: were denied) after which the rest of the account is not asked."""
_BUSY: Final = ("Throttl", "TooManyRequests", "RequestLimitExceeded", "SlowDown")
_TOKENS: Final = ("NextToken", "nextToken", "NextMarker", "NextPageToken", "NextContinuationToken", "ContinuationToken", "Marker")
_MORE: Final = ("IsTruncated", "isTruncated", "HasMoreResults", "Truncated")


class NotHere(Exception):
    """This kind does not exist for this account or Region (no organisation, no such endpoint): there is no part to report."""


@dataclass(frozen=True, slots=True)
class Call:
    """An operation as AWS writes it (`GetBucketVersioning`) and the IAM action that allows it, where that has another name."""

    service: str
    operation: str
    action: str = ""

    @property
    def permission(self) -> str:
        """The IAM action."""
        return self.action or f"{self.service}:{self.operation}"


@dataclass(slots=True)
class AccountLook:
    """What the looks at one account share. `memo`: small answers that several kinds use; `broken`: calls in a row that broke."""

    session: Session
    account: str
    partition: str
    regions: tuple[str, ...]
    memo: dict[str, Any] = field(default_factory=dict)
    broken: int = 0
    last_fault: str = ""
    pause: Callable[[float], None] = time.sleep


@dataclass(slots=True)
class Look:
    """What a kind's `read` is given. `region`: where it looks (of a global kind: the source's home Region)."""

    of: AccountLook
    region: str
    calls: tuple[Call, ...]
    page: Callable[[], None]
    faults: Counter[tuple[str, str]] = field(default_factory=Counter)
    refused: dict[Call, str] = field(default_factory=dict)

    @property
    def account(self) -> str:
        """The account's id."""
        return self.of.account

    @property
    def memo(self) -> dict[str, Any]:
        """Shared with the other kinds of this account."""
        return self.of.memo

    def arn(self, service: str, resource: str, *, region: str = "", account: str | None = None) -> str:
        """An ARN in this account's partition."""
        return f"arn:{self.of.partition}:{service}:{region}:{self.account if account is None else account}:{resource}"

    def ask(
        self, call: Call, *, absent: Sequence[str] = (), region: str | None = None, **arguments: Any
    ) -> dict[str, Any] | None:
        """The answer, without its metadata; None for an error code in `absent`, by which AWS says that there is none.

        Raises AwsError."""
        client, method = self._method(call, region)
        try:
            answer = getattr(client, method)(**arguments)
        except faults() as error:
            if _code(error) in absent:
                self.of.broken = 0
                return None
            raise self._explained(error, call, region) from error
        self.of.broken = 0
        return {key: value for key, value in answer.items() if key != "ResponseMetadata"}

    def list(
        self, call: Call, member: str, *, region: str | None = None, optional: bool = False, **arguments: Any
    ) -> Iterator[Any]:
        """Every element of `member` on every page. `optional`: AWS leaves `member` out where it is empty, as it may in XML.

        Raises AwsError, also where a page lacks `member`, says that more follows and does not say how to ask, or repeats a token.
        """
        seen: set[str] = set()
        for page in self._pages(call, region, arguments):
            self.page()
            token = next((page[name] for name in _TOKENS if isinstance(page.get(name), str) and page[name]), None)
            if token is not None and token in seen:
                raise AwsError(f"{self._what(call, region)} gave the same page twice: not all was listed", "pages")
            if token is None and any(page.get(name) is True for name in _MORE):
                raise AwsError(f"{self._what(call, region)} broke its list off: not all was listed", "pages")
            seen.update(() if token is None else (token,))
            if member not in page and not (optional or self._framed(call, region)):
                raise AwsError(f"{self._what(call, region)} answered without {member}: not all was listed", "pages")
            yield from page.get(member) or ()

    def _pages(self, call: Call, region: str | None, arguments: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        client, method = self._method(call, region)
        if not client.can_paginate(method):
            answer = self.ask(call, region=region, **arguments) or {}
            if any(answer.get(name) for name in _TOKENS):
                what = self._what(call, region)
                raise AwsError(f"{what} has more pages than the one that the SDK can ask for: not all was listed", "pages")
            yield answer
            return
        pages = iter(client.get_paginator(method).paginate(**arguments))
        while True:
            try:
                page = next(pages, None)
            except faults() as error:
                raise self._explained(error, call, region) from error
            if page is None:
                return
            self.of.broken = 0
            yield page

    def _framed(self, call: Call, region: str | None) -> bool:
        """Is an answer known by its frame (collectors/aws_answers.py), so that a list which it lacks is an empty one?"""
        return str(self._method(call, region)[0].meta.service_model.resolved_protocol) in ("query", "ec2")

    def subject(self, arn: str, value: Mapping[str, Any] | None = None, name: str = "") -> Subject:
        """A subject to be yielded: what the list said of it, to be filled by further calls. `name`: how the summary names it."""
        return Subject(self, arn, name or arn, dict(value or {}))

    def _method(self, call: Call, region: str | None) -> tuple[Any, str]:
        from botocore import xform_name

        if call not in self.calls:
            raise LookupError(f"{call.permission} is called and not declared")
        if self.of.broken >= MAX_BROKEN:
            raise AwsError(f"not asked, for {MAX_BROKEN} calls in a row failed, the last: {self.of.last_fault}", "broken")
        return self.of.session.client(call.service, region or self.region), str(xform_name(call.operation))

    def _what(self, call: Call, region: str | None) -> str:
        return f"AWS {call.service} {call.operation} in {region or self.region}"

    def _explained(self, error: Exception, call: Call, region: str | None) -> Exception:
        """The error as a sentence; counts those that look as if the next call would fail too."""
        of = self.of
        if (
            getattr(error, "operation_name", call.operation) == "AssumeRole"
        ):  # the credentials are renewed by the SDK, within a call
            found = explain(error, f"{of.session.place}: STS", f"sts:AssumeRole of {of.session.role_arn}")
        else:
            found = explain(error, self._what(call, region), call.permission)
            if is_denial(found):
                of.broken = 0
                self.refused.setdefault(call, str(found))
                return found
            if found.code == "EndpointConnectionError" and not of.session.offers(call.service, region or self.region):
                return NotHere(str(found))
            if _answered(error):
                return found
        of.broken += 1
        of.last_fault = str(found)
        return found


@dataclass(slots=True)
class Subject:
    """One resource as it was seen. `marks`: words that the kind counts in its summary; a path under `unread` was not answered.

    `named`: it is only named in the summary, for it is observed elsewhere. `gone`: it was deleted while it was looked at; it is
    left out, and nothing is missing.
    """

    look: Look
    arn: str
    name: str
    value: dict[str, Any]
    unread: list[str] = field(default_factory=list)
    marks: set[str] = field(default_factory=set)
    named: bool = False
    gone: bool = False

    def ask(
        self,
        path: str,
        call: Call,
        *,
        pick: str | Sequence[str] | None = None,
        absent: Sequence[str] = (),
        gone: Sequence[str] = (),
        region: str | None = None,
        **arguments: Any,
    ) -> Any:
        """Put an answer at `path`; return it. `pick`: a member of it, or several (absent: null), else all of it.

        An error code in `absent` is null; one in `gone` says that the subject itself is not there any more. Any other fault
        leaves `path` unread and returns None.
        """
        return self._put(path, lambda: _picked(self.look.ask(call, absent=absent, region=region, **arguments), pick), gone)

    def list(
        self, path: str, call: Call, member: str, *, gone: Sequence[str] = (), absent: Sequence[str] = (), **arguments: Any
    ) -> Any:
        """Put every element of `member` on every page at `path`, as `ask` does."""
        return self._put(path, lambda: list(self.look.list(call, member, **arguments)), gone, absent)

    def put(self, path: str, value: Any) -> None:
        """Set what a dotted path holds."""
        *parents, last = path.split(".")
        place = self.value
        for name in parents:
            place = place.setdefault(name, {})
        place[last] = value

    def get(self, path: str) -> Any:
        """What a dotted path holds, else None."""
        place: Any = self.value
        for name in path.split("."):
            place = place.get(name) if isinstance(place, Mapping) else None
        return place

    def days(self, *paths: str) -> None:
        """Cut times that move by themselves to their day."""
        for path in paths:
            if self.get(path) is not None:
                self.put(path, day(self.get(path)))

    def drop(self, *paths: str) -> None:
        """Leave out what changes by itself and says nothing."""
        for path in paths:
            *parents, last = path.split(".")
            place = self.get(".".join(parents)) if parents else self.value
            if isinstance(place, dict):
                place.pop(last, None)

    def miss(self, path: str, why: str) -> None:
        """Note that `path` was not answered."""
        self.unread.append(path)
        self.look.faults[(path, why)] += 1

    def finished(self, ordered: Collection[str], documents: Collection[str]) -> dict[str, Any]:
        """The value to be rendered: policy texts decoded, everything in its one form."""
        decoded = self._decoded("", self.value, documents)
        return dict(plain(decoded, ordered, documents))

    def _put(self, path: str, call: Callable[[], Any], gone: Sequence[str], absent: Sequence[str] = ()) -> Any:
        if self.gone:
            return None
        try:
            value = call()
        except AwsError as error:
            if error.code in gone:
                self.gone = True
                return None
            if error.code == "broken":
                raise
            if error.code not in absent:
                self.miss(path, str(error))
                return None
            value = None
        self.put(path, value)
        return value

    def _decoded(self, path: str, value: Any, documents: Collection[str]) -> Any:
        if isinstance(value, list):
            return [self._decoded(path, item, documents) for item in value]
        if not isinstance(value, Mapping):
            return value
        found: dict[str, Any] = {}
        for key, item in value.items():
            inner = f"{path}.{key}" if path else str(key)
            if key not in documents:
                found[key] = self._decoded(inner, item, documents)
            elif not isinstance(item, str):
                found[key] = item
            else:
                try:
                    found[key] = document(item)
                except (Unreadable, UnicodeDecodeError) as error:
                    self.miss(inner, f"the policy {shown(str(error))}")
        return found


def _picked(answer: dict[str, Any] | None, pick: str | Sequence[str] | None) -> Any:
    if answer is None or pick is None:
        return answer
    if isinstance(pick, str):
        return answer.get(pick)
    return {name: answer.get(name) for name in pick}


def _code(error: Exception) -> str:
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, Mapping) else ""


def _answered(error: Exception) -> bool:
    """Did the service itself say no to this one request, rather than being down, throttling or out of reach?"""
    response = getattr(error, "response", None)
    if not isinstance(response, Mapping):
        return False
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status < 500 and status != 429 and not any(word in _code(error) for word in _BUSY)
