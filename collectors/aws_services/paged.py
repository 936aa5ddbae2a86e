"""Lists whose pages the SDK does not turn: those that it has no paginator for, and those that stand inside a member."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from collectors.aws import AwsError
from collectors.aws_services.look import Call, Look


def paged(
    look: Look,
    call: Call,
    member: str,
    *,
    within: str = "",
    ask_by: str = "NextToken",
    told_by: str = "",
    optional: bool = False,
    **arguments: Any,
) -> Iterator[Any]:
    """Every element of `member` on every page. `within`: the member that holds list and token; `ask_by`: where a token is sent;
    `told_by`: where it stands in an answer, if elsewhere; `optional`: AWS leaves `member` out where it is empty.

    Raises AwsError, also where a page lacks `member`, repeats a token, or says that more follows and does not say how to ask.
    """
    what = f"AWS {call.service} {call.operation} in {look.region}"
    seen: set[str] = set()
    token: str | None = None
    while True:
        answer = look.ask(call, **arguments, **({} if token is None else {ask_by: token})) or {}
        look.page()
        page = answer.get(within) if within else answer
        if not isinstance(page, Mapping) or (member not in page and not optional):
            raise AwsError(f"{what} answered without {member}: not all was listed", "pages")
        yield from page.get(member) or ()
        token = page.get(told_by or ask_by)
        if not token and page.get("IsTruncated") is True:
            raise AwsError(f"{what} broke its list off: not all was listed", "pages")
        if not token:
            return
        if token in seen:
            raise AwsError(f"{what} gave the same page twice: not all was listed", "pages")
        seen.add(token)
