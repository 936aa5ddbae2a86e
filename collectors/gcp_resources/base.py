"""Contract of a resource kind that gcp-iam reads: where its list stands, what names a subject, what must be allowed.

Paths and subjects are formats of ours: {parent} is projects/ID, folders/NUMBER or organizations/NUMBER, {id} its last word, {of}
the path of the subject that is asked about; {0}, {1} … are the members `names` of the resource itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Scope = Literal["organizations", "folders", "projects", "top"]
"""Asked of each organisation, folder or project; `top`: of the organisation, or of each project where none is set."""
EVERYWHERE: Final[tuple[Scope, ...]] = ("organizations", "folders", "projects")
POLICY: Final = b'{"options":{"requestedPolicyVersion":3}}'
"""The question for an IAM policy: version 3, without which conditions are left out."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A question about one subject, whose answer becomes its member `member`. `post`: the question's body."""

    member: str
    path: str
    permission: str
    post: bytes | None = None


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource kind. `service` and `name` make the event type; `api` is the first word of its host.

    `kind` is finding for what another tool found. `member`: where the list stands in an answer; "" where the answer is the
    subject itself. `names`: members that name a subject (finding.name lies in another), put into `subject` (below //HOST/, unless
    it begins with // itself). `under`: key of the kind whose subjects are each asked
    for theirs. `size`: the name of the parameter for elements of a page, and how many. `drop`: members that move by themselves or
    are secret.
    """

    service: str
    name: str
    what: str
    api: str
    scopes: tuple[Scope, ...]
    path: str
    member: str
    permissions: tuple[str, ...]
    names: tuple[str, ...] = ("name",)
    subject: str = "{0}"
    under: str = ""
    post: bytes | None = None
    size: tuple[str, int] | None = ("pageSize", 100)
    pieces: tuple[Piece, ...] = ()
    drop: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    kind: Literal["snapshot", "finding"] = "snapshot"

    @property
    def key(self) -> str:
        """How settings name it: iam.service-account."""
        return f"{self.service}.{self.name}"

    @property
    def type(self) -> str:
        """Type of its observations."""
        return f"{self.kind}.gcp.{self.key}"

    @property
    def summary_type(self) -> str:
        """Type of its summaries."""
        return f"summary.gcp.{self.key}"

    @property
    def host(self) -> str:
        """The API's host."""
        return f"{self.api}.googleapis.com"
