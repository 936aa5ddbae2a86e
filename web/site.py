"""What every request is answered from, and who asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request

from store.reports import Query
from web.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class CheckpointInfo:
    """The last signed checkpoint. `root` is hex, `signed_at` microseconds or None, `note` the whole text."""

    size: int
    root: str
    signed_at: int | None
    origin: str
    note: str
    vkey: str


@dataclass(frozen=True, slots=True)
class Site:
    """The parts that the composition root gave. `clock` returns microseconds."""

    query: Query
    catalogue: Catalogue
    checkpoints: Callable[[], CheckpointInfo | None]
    clock: Callable[[], int]


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is looking, and in which role."""

    name: str
    role: str


def site_of(request: Request) -> Site:
    """The site that this request belongs to."""
    return cast(Site, request.app.state.site)


def viewer(request: Request) -> Viewer:
    """Who asks. Every page and every call of the API passes here, so this is where signing in is asked for.

    Without accounts there is one viewer: whoever reaches the address the service listens on.
    """
    return cast(Viewer, getattr(request.state, "viewer", None) or Viewer("local", "viewer"))


SiteOf = Annotated[Site, Depends(site_of)]
