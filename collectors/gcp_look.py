"""One look at one resource kind in one place: its list, what is asked about each subject, its summary, and what was not had."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from collectors.base import Report, Window
from collectors.gcp import account_of
from collectors.gcp_resources.base import Resource
from collectors.gcp_resources.registry import RESOURCES
from collectors.gcp_rest import Google, disabled
from collectors.github_parts.shape import join, without
from collectors.http import ApiError
from collectors.json_text import attach, members
from collectors.observation import observation, summary
from collectors.unreadable import Excerpt, Unreadable, shown, unreadable_event
from store.records import Event
from store.times import Clock

RESOURCE: Final = "_resource"
"""Where an answer that is the subject itself does not name it: what it belongs to."""


MAX_FAULTS: Final = 20
"""Faults of one kind in one place after which the rest of it is not asked for."""
_ABOVE: Final = frozenset(resource.under for resource in RESOURCES.values() if resource.under)


@dataclass(frozen=True, slots=True)
class Node:
    """An organisation, a folder or a project: `parent` as the APIs name it (projects/shop-prod)."""

    parent: str

    @property
    def scope(self) -> str:
        """organizations, folders or projects."""
        return self.parent.partition("/")[0]

    @property
    def account(self) -> str:
        """As events name it."""
        return account_of(self.parent)


@dataclass(slots=True)
class Kind:
    """What came of one kind in one place: subjects, their paths where other kinds stand under them, faults; or that it is off."""

    names: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    off: str = ""


@dataclass(slots=True)
class Look:
    """All looks of one window. `demanded`: kinds whose API must be enabled, since the settings name them."""

    google: Google
    window: Window
    report: Report
    clock: Clock
    demanded: frozenset[str] = frozenset()
    above: dict[str, Kind] = field(default_factory=dict)
    """What came of the kinds of this node that others stand under, by key."""

    def kind(self, resource: Resource, node: Node) -> Iterator[Event]:
        """Yield what there is of one kind in one place, and its summary; report the part."""
        found, looked = Kind(), self.clock()
        for of in self._questions(resource, node, found):
            try:
                for raw in self._answers(resource, node, of):
                    yield self._event(resource, node, raw, found)
            except ApiError as error:
                self._fault(resource, node, error, found)
            if found.off or len(found.faults) >= MAX_FAULTS:
                break
        if resource.key in _ABOVE:
            self.above[resource.key] = found
        yield from self.closed(resource.type, resource.summary_type, node.account, found, looked)

    def closed(self, kind: str, summary_kind: str, account: str, found: Kind, looked: int) -> Iterator[Event]:
        """Report a part; yield its summary where everything was had."""
        known = not found.faults and not found.off
        errors = found.faults or ([found.off] if found.off else [])
        if known:
            yield summary(self.window, summary_kind, looked, sorted(set(found.names)), account=account)
        read = len(found.names)
        self.report.part(account, kind, complete=not found.faults, read=read, errors=errors[:20], enumerates=known)

    def seen(self, kind: str, account: str, subject: str, payload: bytes) -> Event:
        """The observation of a subject."""
        return observation(self.window, kind, subject, self.clock(), payload, account=account)

    def unreadable(self, kind: str, account: str, place: str, raw: bytes, error: Unreadable, found: Kind) -> Event:
        """The dead letter of an element that could not be understood."""
        self.report.unreadable(place, error.reason)
        found.faults.append(f"{place}: {error.reason}")
        like = observation(self.window, kind, "", self.clock(), raw, account=account)
        return unreadable_event(like, Excerpt.of([raw]), place, error.reason)

    def _questions(self, resource: Resource, node: Node, found: Kind) -> Sequence[str]:
        if not resource.under:
            return ("",)
        above = self.above[resource.under]
        found.off = above.off
        if above.faults:
            found.faults.append(f"{resource.under} of {node.parent} was not wholly read: {above.faults[0]}")
        return above.paths

    def _answers(self, resource: Resource, node: Node, of: str) -> Iterator[bytes]:
        path = filled(resource.path, node, of)
        if resource.member:
            yield from self.google.every(resource.api, path, resource.member, resource.size)
        else:
            yield attach(self.google.ask(resource.api, path, resource.post).body, {RESOURCE: node.parent})

    def _event(self, resource: Resource, node: Node, raw: bytes, found: Kind) -> Event:
        try:
            names = named(raw, resource)
            subject = resource.subject.format(*names, parent=node.parent, id=node.parent.partition("/")[2])
            payload = self._whole(resource, node, raw, names, found)
        except Unreadable as error:
            return self.unreadable(resource.type, node.account, f"{node.parent} {resource.key}", raw, error, found)
        found.names.append(subject if subject.startswith("//") else f"//{resource.host}/{subject}")
        return self.seen(resource.type, node.account, found.names[-1], payload)

    def _whole(self, resource: Resource, node: Node, raw: bytes, names: Sequence[str], found: Kind) -> bytes:
        """The subject's own bytes, with what was asked about it before them."""
        unread: list[str] = []
        more: dict[str, bytes] = {}
        if resource.key in _ABOVE:
            found.paths.append(names[0])
        for piece in resource.pieces:
            try:
                more[piece.member] = self.google.ask(resource.api, filled(piece.path, node, names[0]), piece.post).body.strip()
            except ApiError as error:
                unread.append(piece.member)
                found.faults.append(f"{names[0]}, {piece.member}: {error}")
                self.report.denied(f"{shown(names[0])} {piece.member}", str(error))
        payload = without(raw, resource.drop)
        if more or unread:
            own = members(payload)
            if taken := [name for name in (*more, "_unread") if name in own]:
                raise Unreadable(f"has a member {taken[0]}, which is a name of ours")
            head = join(more)[1:-1]
            payload = (b"{" + head + (b"," if own else b"") + payload.strip()[1:]) if more else payload
        return attach(payload, {"_unread": unread} if unread else {})

    def _fault(self, resource: Resource, node: Node, error: ApiError, found: Kind) -> None:
        if disabled(error) and resource.key not in self.demanded:
            found.off = f"not asked for: {resource.host} is not enabled"
            return
        place = f"{node.parent} {resource.key}"
        off = f": {resource.host} is not enabled; enable it, or leave it out of resources" if disabled(error) else ""
        found.faults.append(f"{error}{off}")
        self.report.denied(place, found.faults[-1])


def named(raw: bytes, resource: Resource) -> tuple[str, ...]:
    """The members that name a subject. Raises Unreadable."""
    value: Any = json.loads(raw)
    if not isinstance(value, dict):
        raise Unreadable("is no object")
    names = tuple(_at(value, name) for name in resource.names)
    if not all(isinstance(name, str) and 0 < len(name) <= 2000 and not {".", ".."} & set(name.split("/")) for name in names):
        raise Unreadable(f"has no {' and '.join(resource.names)} that names it")
    return tuple(map(str, names))


def _at(value: Any, path: str) -> Any:
    """The member at a dotted path, None where there is none."""
    for word in path.split("."):
        value = value.get(word) if isinstance(value, dict) else None
    return value


def filled(path: str, node: Node, of: str) -> str:
    """A path of ours with what is asked for in it; names are quoted."""
    return path.format(parent=node.parent, id=node.parent.partition("/")[2], of=quote(of, safe="/@:._-~"))
