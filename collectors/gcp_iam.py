"""Source type gcp-iam: how Google Cloud is set up: resource tree, who may do what, service accounts and keys, assets, services.

States: each run looks once. Every kind is a line of data in collectors/gcp_resources/.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from collectors.base import Cursor, Permission, Probe, Reads, Report, SourceUnreadable, Window
from collectors.gcp import PROJECT, Credentials, GcpSettings, loopback
from collectors.gcp_check import permissions, probes
from collectors.gcp_look import Look, Node
from collectors.gcp_resources.base import Resource
from collectors.gcp_resources.registry import RESOURCES, chosen
from collectors.gcp_rest import SCOPE, Google
from collectors.gcp_tree import API, KINDS, Tree
from collectors.http import ApiError, Patience
from collectors.rate import Rate
from collectors.settings import Duration
from collectors.source_type import Access, SourceType
from store.records import HOUR, Event
from store.times import Clock

_TREE_CONTROLS: Final = ("A.5.9", "A.5.23", "A.8.31")


class GcpIamSettings(GcpSettings):
    """gcp-iam. Without `organization` and `projects`: every project that may be seen. `resources`: kinds, none for all."""

    type: Literal["gcp-iam"]
    organization: str | None = Field(default=None, pattern=r"^organizations/[0-9]{1,20}$")
    projects: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    endpoint: str | None = None
    schedule: Duration = HOUR
    lateness: Duration = 0
    requests_per_second: float = Field(default=5.0, gt=0, le=1000)

    @field_validator("projects")
    @classmethod
    def _ids(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for project in value:
            if not re.fullmatch(PROJECT, project):
                raise ValueError(f"{project!r} is no project's id (not its number, and without projects/)")
        return tuple(dict.fromkeys(value))

    @field_validator("resources")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        chosen(value)
        return value

    @model_validator(mode="after")
    def _reachable(self) -> GcpIamSettings:
        if self.endpoint is None and not self.insecure:
            return self
        place = urlsplit(self.endpoint or "")
        if place.scheme not in ("http", "https") or not place.hostname or "@" in place.netloc or place.query or place.fragment:
            raise ValueError("endpoint: write https://host[:port][/path], without credentials")
        if (place.scheme == "http") != self.insecure or (self.insecure and not loopback(place.hostname)):
            raise ValueError("insecure: for http, and only to this machine (http://127.0.0.1:port)")
        return self


@dataclass(frozen=True, slots=True)
class GcpIam:
    """Google Cloud, set up. See collectors/base.py for what the methods promise."""

    source: str
    organization: str | None
    projects: tuple[str, ...]
    resources: tuple[Resource, ...]
    demanded: frozenset[str]
    google: Google
    clock: Clock
    type: str = "gcp-iam"
    reads: Reads = "states"

    def oldest(self, cursor: Cursor, now: int) -> int | None:  # noqa: ARG002  the contract has them
        """None: there is only now."""
        return None

    def collect(self, window: Window, report: Report) -> Iterator[Event]:
        """Yield the tree, then every kind of every node of it."""
        report.identity(self.google.credentials.who())
        self.google.begin(report)
        try:
            look = Look(self.google, window, report, self.clock, self.demanded)
            tree = Tree(look, self.organization, self.projects)
            yield from tree.read()
            for node in tree.nodes:
                for resource in self.resources:
                    if self._stands(resource, node):
                        yield from look.kind(resource, node)
                look.above.clear()
        finally:
            self.google.close()
        report.keep({}, owed=True)  # the next look sees all there is: nothing of this one is asked for again

    def check(self) -> Sequence[Probe]:
        """Ask for the tree's top, and for the first page of each kind in one organisation and one project."""
        found = [Probe(f"Google Cloud is read as {self.google.credentials.who()}")]
        self.google.begin(None)
        try:
            nodes, tops = self._tops()
            found += tops
            for node in nodes:
                firsts: dict[str, str] = {}
                for resource in self.resources:
                    if self._stands(resource, node):
                        found += probes(self.google, resource, node, firsts)
        finally:
            self.google.close()
        return found

    def _stands(self, resource: Resource, node: Node) -> bool:
        top = "organizations" if self.organization is not None else "projects"
        return node.scope in resource.scopes or ("top" in resource.scopes and node.scope == top)

    def _tops(self) -> tuple[list[Node], list[Probe]]:
        """The organisation and one project; probes of how they were found."""
        asked: list[tuple[str, str]] = []
        if self.organization is not None:
            asked += [
                (f"/v3/{self.organization}", "organizations.get"),
                (f"/v3/folders?parent={self.organization}", "folders.list"),
            ]
            asked += [(f"/v3/projects?parent={self.organization}", "projects.list")]
        asked += [(f"/v3/projects/{project}", "projects.get") for project in self.projects]
        if not asked:
            asked = [("/v3/projects:search", "projects.get")]
        nodes, found = [Node(self.organization)] if self.organization is not None else [], list[Probe]()
        for path, action in asked:
            try:
                answer = self.google.ask(API, path).json("Resource Manager")
            except ApiError as error:
                if error.kind not in ("denied", "missing", "refused"):
                    raise SourceUnreadable(str(error)) from error
                wanted = f"resourcemanager.{action}"
                denied = next((p for p in _TREE if p.action == wanted), None) if error.kind == "denied" else None
                found.append(Probe(f"{path}: {error}", denied))
                continue
            found.append(Probe(f"{path} may be read"))
            one = next(iter(answer.get("projects", ())), answer)
            if "projectId" in one and len(nodes) < 2 and re.fullmatch(PROJECT, str(one["projectId"])):
                nodes.append(Node(f"projects/{one['projectId']}"))
        return nodes, found


_TREE: Final = tuple(
    Permission(f"resourcemanager.{action}", what, "*", types, _TREE_CONTROLS)
    for action, what, types in (
        ("organizations.get", "read the organisation", KINDS[:1]),
        ("folders.list", "find folders", KINDS[1:2]),
        ("projects.list", "find the projects of organisation and folders", KINDS[2:]),
        ("projects.get", "read projects", KINDS[2:]),
    )
)


def _access(settings: GcpIamSettings) -> Access:
    tree = _TREE if settings.organization is not None else _TREE[3:]
    where = settings.organization or "each project"
    notes = (
        f"Grant the role on {where}; a role for an organisation must be made in it.",
        "An API that is not enabled is not asked for, and the window says so; what resources names must be enabled.",
        "Resource Manager's API must be enabled in the project that the credentials belong to.",
    )
    scope = "" if settings.organization is not None else "projects"
    needed = (one for resource in chosen(settings.resources) for one in permissions(resource, scope))
    return Access("gcp-role", (*tree, *needed), notes)


def _build(settings: GcpIamSettings, clock: Clock) -> GcpIam:
    credentials = Credentials(SCOPE, settings.credentials_file, settings.quota_project, settings.read_timeout)
    patience = Patience(settings.max_attempts, read=settings.read_timeout)
    endpoint = settings.endpoint.rstrip("/") if settings.endpoint is not None else None
    google = Google(credentials, endpoint, patience, Rate(settings.requests_per_second))
    resources = chosen(settings.resources)
    demanded = frozenset(resource.key for resource in resources) if settings.resources else frozenset()
    return GcpIam(settings.name, settings.organization, settings.projects, resources, demanded, google, clock)


_ALL: Final = (*KINDS, *(resource.type for resource in RESOURCES.values()))
TYPE: Final = SourceType(
    "gcp-iam",
    "Google Cloud's resource tree, IAM policies, service accounts and keys, assets, and how services are set up",
    GcpIamSettings,
    _build,
    _access,
    (*_ALL, *(f"summary.{kind.partition('.')[2]}" for kind in _ALL)),
)
