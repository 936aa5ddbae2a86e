"""Cursor pages of the API."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from fastapi import Request, Response
from pydantic import BaseModel

from web import links
from web.api.models import Page
from web.params import cut


class Cursored(Protocol):
    """A row that knows its place in its list."""

    @property
    def cursor(self) -> str: ...


Row = TypeVar("Row", bound=Cursored)
Out = TypeVar("Out", bound=BaseModel)


def page_of(request: Request, response: Response, found: Sequence[Row], limit: int, make: Callable[[Row], Out]) -> Page[Out]:
    """A page of at most `limit` of limit + 1 rows; a Link header says where the next one is (RFC 8288)."""
    rows, more = cut(found, limit)
    if more:
        address = links.url(request.url.path, dict(request.query_params), after=rows[-1].cursor)
        response.headers["link"] = f'<{address}>; rel="next"'
    return Page(items=[make(row) for row in rows], next=rows[-1].cursor if more else None)
