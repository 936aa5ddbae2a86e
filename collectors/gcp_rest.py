"""Google Cloud's REST APIs: one client per host, lists by nextPageToken, what is off told apart from what is denied."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from collectors.base import Report, SourceUnreadable
from collectors.calls import GIVE_UP, refused
from collectors.gcp import Credentials
from collectors.http import Answer, Api, ApiError, Patience
from collectors.json_text import elements, members
from collectors.rate import Rate
from collectors.unreadable import Unreadable

SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
"""Asset search, IAM and others take no narrower one; what may be done is for the identity's role to say."""
MAX_PAGES: Final = 100_000
_PARTLY: Final = ("unreachable", "unreachables", "warnings")
"""Members in which an answer says that a part of the list could not be had."""
_HARMLESS: Final = frozenset({"NO_RESULTS_ON_PAGE"})
_THROTTLED: Final = frozenset({"RATE_LIMIT_EXCEEDED", "rateLimitExceeded", "userRateLimitExceeded"})


@dataclass(slots=True)
class Google:
    """Google's APIs for one collector. `endpoint`: another address, below which each API has its own path (…/iam)."""

    credentials: Credentials
    endpoint: str | None
    patience: Patience
    rate: Rate
    report: Report | None = None
    _apis: dict[str, Api] = field(default_factory=dict, init=False)
    _failed: dict[str, tuple[int, ApiError]] = field(default_factory=dict, init=False)

    def begin(self, report: Report | None) -> None:
        """A new window, or a check: what failed before may answer now."""
        self.report = report
        self._failed.clear()

    def ask(self, api: str, path: str, post: bytes | None = None) -> Answer:
        """One answer, an object. Raises ApiError; SourceUnreadable where the credentials are not accepted."""
        count, last = self._failed.get(api, (0, None))
        if last is not None and count >= GIVE_UP:
            raise last  # this API answers nothing any more, and the rest of it is not asked for
        client = self._api(api)
        try:
            answer = client.get(path) if post is None else client.post(path, post)
            if not isinstance(answer.json(client.what), dict):
                raise ApiError(client.what, "nonsense", answer.status, "no object where there should be one")
        except ApiError as error:
            if error.kind == "credentials":
                raise SourceUnreadable(str(error)) from error
            meant = self._meant(error, client)
            self._failed[api] = (0 if refused(meant) else count + 1, meant)
            raise meant from error
        self._failed.pop(api, None)
        if self.report is not None:
            self.report.page(size=len(answer.body))
        return answer

    def every(self, api: str, path: str, member: str, size: tuple[str, int] | None) -> Iterator[bytes]:
        """The exact bytes of each element, page by page. Raises as `ask`, at the end too where a part could not be had."""
        token, seen, partly = "", set[str](), ""
        while True:
            more = [f"{size[0]}={size[1]}"] if size is not None else []
            more += [f"pageToken={quote(token, safe='')}"] if token else []
            joined = "&".join(more)
            answer = self.ask(api, f"{path}{'&' if '?' in path else '?'}{joined}" if joined else path)
            value = answer.json(self._api(api).what)
            yield from self._elements(api, answer, member)
            partly = partly or _partly(value)
            token = value.get("nextPageToken") or ""
            if not token:
                break
            if not isinstance(token, str) or token in seen or len(seen) >= MAX_PAGES:
                raise ApiError(self._api(api).what, "nonsense", answer.status, "pages that lead back to themselves")
            seen.add(token)
        if partly:
            raise ApiError(self._api(api).what, "failing", answer.status, f"a part of the list could not be had: {partly}")

    def close(self) -> None:
        """Close all connections."""
        for api in self._apis.values():
            api.close()
        self._apis.clear()

    def _elements(self, api: str, answer: Answer, member: str) -> list[bytes]:
        try:
            return elements(members(answer.body).get(member, b"[]"))
        except Unreadable as error:
            raise ApiError(self._api(api).what, "nonsense", answer.status, "no list where there should be one") from error

    def _api(self, api: str) -> Api:
        if api not in self._apis:
            host = f"{api}.googleapis.com"
            base = f"{self.endpoint}/{api}" if self.endpoint else f"https://{host}"
            self._apis[api] = Api(host, base, self.credentials.headers, self.patience, self.rate)
        return self._apis[api]

    @staticmethod
    def _meant(error: ApiError, client: Api) -> ApiError:
        """Some of these APIs say 403 where they mean 429."""
        if error.kind == "denied" and _THROTTLED.intersection(reasons(error)):
            return ApiError(client.what, "throttled", error.status, f"{error.status}, its quota", error.body)
        return error


def reasons(error: ApiError) -> frozenset[str]:
    """The reasons that a refusal gives, as words: google.rpc.ErrorInfo's, and those of the older form."""
    try:
        value: Any = json.loads(error.body[: 64 * 1024])
        said = value["error"]
        given = [*said.get("details", ()), *said.get("errors", ())]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return frozenset()
    return frozenset(one["reason"] for one in given if isinstance(one, Mapping) and isinstance(one.get("reason"), str))


def disabled(error: ApiError) -> bool:
    """Is the API itself not enabled?"""
    return error.status == 403 and "SERVICE_DISABLED" in reasons(error)


def _partly(value: Mapping[str, Any]) -> str:
    """What an answer says it lacks, in a word; "" where it lacks nothing."""
    warning = value.get("warning")
    if isinstance(warning, Mapping) and warning.get("code") not in _HARMLESS:
        return "warning"
    return next((name for name in _PARTLY if value.get(name)), "")
