"""The resource tree: which organisation, folders and projects there are, each as an observation of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from collectors.base import SourceUnreadable
from collectors.gcp import PROJECT
from collectors.gcp_look import Kind, Look, Node
from collectors.http import ApiError
from collectors.unreadable import Unreadable
from store.records import Event

API: Final = "cloudresourcemanager"
KINDS: Final = tuple(f"snapshot.gcp.{API}.{word}" for word in ("organization", "folder", "project"))
MAX_NODES: Final = 100_000
_SIZE: Final = ("pageSize", 100)
_FOLDER: Final = re.compile(r"folders/[0-9]{1,20}")
_PROJECT: Final = re.compile(PROJECT)


@dataclass(slots=True)
class Tree:
    """Finds the nodes below an organisation, or the projects that are named, or without both those that may be seen."""

    look: Look
    organization: str | None
    projects: tuple[str, ...]
    nodes: list[Node] = field(default_factory=list)
    _faults: list[str] = field(default_factory=list, init=False)
    _known: set[Node] = field(default_factory=set, init=False)

    def read(self) -> Iterator[Event]:
        """Yield organisation, folders and projects; `nodes` then names them. Raises SourceUnreadable where none was found."""
        before = len(self.nodes)
        if self.organization is not None:
            yield from self._organisation(self.organization)
        for project in self.projects:
            if (node := Node(f"projects/{project}")) not in self._known:
                yield from self._one(KINDS[2], node)
        if self.organization is None and not self.projects:
            yield from self._search()
        if len(self.nodes) == before and self._faults:
            raise SourceUnreadable(self._faults[0])

    def _one(self, kind: str, node: Node) -> Iterator[Event]:
        """What is known by name."""
        found, looked = Kind(), self.look.clock()
        try:
            raw = self.look.google.ask(API, f"/v3/{node.parent}").body
            subject = f"//{API}.googleapis.com/{node.parent}"
            found.names.append(subject)
            self.nodes.append(node)
            yield self.look.seen(kind, node.account, subject, raw)
        except ApiError as error:
            self._fault(node.parent, error, found)
        yield from self.look.closed(kind, _summary(kind), node.account, found, looked)

    def _organisation(self, organization: str) -> Iterator[Event]:
        top = Node(organization)
        yield from self._one(KINDS[0], top)
        if not self.nodes:
            return
        folders, projects, looked = Kind(), Kind(), self.look.clock()
        waiting = [top]
        while waiting:
            above = waiting.pop()
            for raw in self._children(above, "folders", folders):
                yield self._child(KINDS[1], top, raw, "name", folders, waiting)
            for raw in self._children(above, "projects", projects):
                yield self._child(KINDS[2], top, raw, "projectId", projects, [])
            if len(self.nodes) > MAX_NODES:
                raise SourceUnreadable(f"{organization} has more than {MAX_NODES} folders and projects")
        if folders.faults:
            projects.faults.append("projects of folders that could not be listed are not among them")
        for kind, found in ((KINDS[1], folders), (KINDS[2], projects)):
            yield from self.look.closed(kind, _summary(kind), top.account, found, looked)

    def _children(self, above: Node, what: str, found: Kind) -> Iterator[bytes]:
        try:
            yield from self.look.google.every(API, f"/v3/{what}?parent={above.parent}", what, _SIZE)
        except ApiError as error:
            self._fault(f"{what} of {above.parent}", error, found)

    def _child(self, kind: str, top: Node, raw: bytes, member: str, found: Kind, waiting: list[Node]) -> Event:
        try:
            node = _node(raw, member)
        except Unreadable as error:
            return self.look.unreadable(kind, top.account, f"{top.parent} {kind}", raw, error, found)
        subject = f"//{API}.googleapis.com/{node.parent}"
        if node not in self._known:
            self._known.add(node)
            self.nodes.append(node)
            waiting.append(node)
        found.names.append(subject)
        return self.look.seen(kind, top.account, subject, raw)

    def _search(self) -> Iterator[Event]:
        """Projects that may be seen: there may be others, so that none of them is ever said to be gone."""
        try:
            for raw in self.look.google.every(API, "/v3/projects:search", "projects", _SIZE):
                found, kind = Kind(), KINDS[2]
                try:
                    node = _node(raw, "projectId")
                except Unreadable as error:
                    yield self.look.unreadable(kind, "", "projects:search", raw, error, found)
                    continue
                self.nodes.append(node)
                yield self.look.seen(kind, node.account, f"//{API}.googleapis.com/{node.parent}", raw)
                self.look.report.part(node.account, kind, complete=True, read=1)
        except ApiError as error:
            self._fault("projects", error, Kind())

    def _fault(self, place: str, error: ApiError, found: Kind) -> None:
        found.faults.append(str(error))
        self._faults.append(str(error))
        self.look.report.denied(place, str(error))


def _node(raw: bytes, member: str) -> Node:
    value: Any = json.loads(raw)
    name = value.get(member) if isinstance(value, dict) else None
    form = _PROJECT if member == "projectId" else _FOLDER
    if not isinstance(name, str) or not form.fullmatch(name):
        raise Unreadable(f"has no {member} that names it")
    return Node(f"projects/{name}" if member == "projectId" else name)


def _summary(kind: str) -> str:
    return f"summary.{kind.partition('.')[2]}"
