"""What a check of gcp-iam calls: the first page of each kind in one place, and what is asked about its first subject."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from collectors.base import Permission, Probe
from collectors.gcp_look import Node, filled, named
from collectors.gcp_resources.base import Resource
from collectors.gcp_rest import Google, disabled
from collectors.http import Answer, ApiError
from collectors.json_text import elements, members
from collectors.unreadable import Unreadable

_BY_SCOPE: Final = "resourcemanager."
"""Where the action's name says whether it is for organisations, folders or projects."""


def permissions(resource: Resource, scope: str = "") -> tuple[Permission, ...]:
    """What a kind needs, the list's permission first. `scope`: only what is needed there, where the permission differs by it."""
    actions = [one for one in resource.permissions if not scope or not one.startswith(_BY_SCOPE) or f".{scope}." in one]
    return tuple(_permission(resource, action) for action in (*actions, *(piece.permission for piece in resource.pieces)))


def probes(google: Google, resource: Resource, node: Node, firsts: dict[str, str]) -> Iterator[Probe]:
    """Yield what each call found. `firsts`: path of the first subject by kind, for those that stand under it."""
    of = firsts.get(resource.under, "")
    if resource.under and not of:
        return  # there is none, or it could not be listed, which was said
    needed = permissions(resource, node.scope)[0]
    place = f"{resource.key} of {of or node.parent}"
    try:
        answer = google.ask(resource.api, filled(resource.path, node, of), resource.post)
    except ApiError as error:
        yield _refused(place, resource, needed, error)
        return
    yield Probe(f"{place} may be read")
    first = _first(answer, resource)
    if not first:
        return
    firsts[resource.key] = first
    for piece in resource.pieces:
        try:
            google.ask(resource.api, filled(piece.path, node, first), piece.post)
        except ApiError as error:
            yield _refused(f"{piece.member} of {first}", resource, _permission(resource, piece.permission), error)
        else:
            yield Probe(f"{piece.member} of {first} may be read")


def _permission(resource: Resource, action: str) -> Permission:
    return Permission(action, f"read {resource.what}", "*", (resource.type,), resource.controls)


def _refused(place: str, resource: Resource, needed: Permission, error: ApiError) -> Probe:
    if disabled(error):
        return Probe(f"{place}: {resource.host} is not enabled")
    return Probe(f"{place}: {error}", needed if error.kind == "denied" else None)


def _first(answer: Answer, resource: Resource) -> str:
    """The name of the first element, "" where there is none."""
    try:
        found = elements(members(answer.body).get(resource.member, b"[]")) if resource.member else []
        return named(found[0], resource)[0] if found else ""
    except Unreadable:
        return ""
