"""The registry of what is read of an organisation and of a repository: one line each.

A `Piece` is a question whose answer becomes a member of the subject's own snapshot; a `Listed`, a list of subjects of their own.
`needs` is the permission as GitHub names it (docs.github.com, "Permissions required for fine-grained personal access tokens").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

ORG: Final = "snapshot.github.org"
REPO: Final = "snapshot.github.repo"
When = Literal["always", "public", "not-empty"]


@dataclass(frozen=True, slots=True)
class Piece:
    """`path` is a format with {repo} or {org}, and {branch}. `newest`: the first element of a list, null where there is none;
    `pages`: the whole list; `empty`: no content means yes.

    `when`: asked of public repositories only, or of those that have a default branch only.
    """

    member: str
    path: str
    needs: str
    newest: bool = False
    pages: bool = False
    empty: bool = False
    when: When = "always"


@dataclass(frozen=True, slots=True)
class Listed:
    """A list at `path` (in `member` of the answer, where it is an object); `key` names each subject below `word`."""

    kind: str
    path: str
    word: str
    key: str
    needs: str
    member: str = ""
    drop: tuple[str, ...] = ()


METADATA: Final = "Repository: Metadata (read)"
ADMINISTRATION: Final = "Repository: Administration (read)"
ACTIONS: Final = "Repository: Actions (read)"
CODE: Final = "Repository: Code scanning alerts (read)"
HOOKS: Final = "Repository: Webhooks (read)"
CONTENTS: Final = "Repository: Contents (read)"
ORG_ADMINISTRATION: Final = "Organization: Administration (read)"
ORG_MEMBERS: Final = "Organization: Members (read)"
ORG_HOOKS: Final = "Organization: Webhooks (read)"

REPO_PIECES: Final = (
    Piece("_protection", "/repos/{repo}/branches/{branch}/protection", ADMINISTRATION, when="not-empty"),
    Piece("_rules", "/repos/{repo}/rules/branches/{branch}?per_page=100", METADATA, pages=True, when="not-empty"),
    Piece("_actions", "/repos/{repo}/actions/permissions", ADMINISTRATION),
    Piece("_workflow", "/repos/{repo}/actions/permissions/workflow", ADMINISTRATION),
    Piece("_default_setup", "/repos/{repo}/code-scanning/default-setup", ADMINISTRATION),
    Piece(
        "_analysis",
        "/repos/{repo}/code-scanning/analyses?ref=refs/heads/{branch}&per_page=1",
        CODE,
        newest=True,
        when="not-empty",
    ),
    Piece("_dependabot_alerts", "/repos/{repo}/vulnerability-alerts", ADMINISTRATION, empty=True),
    Piece("_vulnerability_reporting", "/repos/{repo}/private-vulnerability-reporting", METADATA, when="public"),
)
ORG_PIECES: Final = (
    Piece("_actions", "/orgs/{org}/actions/permissions", ORG_ADMINISTRATION),
    Piece("_workflow", "/orgs/{org}/actions/permissions/workflow", ORG_ADMINISTRATION),
)
REPO_LISTS: Final = (
    Listed(f"{REPO}.environment", "/repos/{repo}/environments", "environments", "name", ACTIONS, "environments"),
    Listed(f"{REPO}.collaborator", "/repos/{repo}/collaborators?affiliation=outside", "collaborators", "login", METADATA),
    Listed(f"{REPO}.hook", "/repos/{repo}/hooks", "hooks", "id", HOOKS, drop=("last_response",)),
    Listed(f"{REPO}.ruleset", "/repos/{repo}/rulesets?includes_parents=true", "rulesets", "id", METADATA),
)
ORG_LISTS: Final = (Listed(f"{ORG}.hook", "/orgs/{org}/hooks", "hooks", "id", ORG_HOOKS, drop=("last_response",)),)
MEMBER: Final = f"{ORG}.member"
OUTSIDE: Final = f"{ORG}.outside-collaborator"
SBOM: Final = Piece("sbom", "/repos/{repo}/dependency-graph/sbom", CONTENTS)
SBOM_KIND: Final = f"{REPO}.sbom"

REPO_DROPPED: Final = (
    "temp_clone_token",
    "size",
    "stargazers_count",
    "watchers_count",
    "watchers",
    "subscribers_count",
    "forks",
    "forks_count",
    "network_count",
    "open_issues",
    "open_issues_count",
    "updated_at",
    "permissions",
    "organization",
    "parent",
    "source",
    "template_repository",
)
"""A credential; numbers that change without a setting changing; what belongs to whoever reads; other repositories."""
ORG_DROPPED: Final = ("disk_usage", "followers", "following", "updated_at", "collaborators", "plan.filled_seats")
"""Numbers that change without a setting changing."""
ORG_OWNERS: Final = ("two_factor_requirement_enabled", "default_repository_permission", "members_can_create_repositories")
"""Members that GitHub leaves out for those who may not see them."""


@dataclass(frozen=True, slots=True)
class Alerts:
    """A kind of scanning alerts: where, which states are open and which are done, and what is never kept."""

    kind: str
    path: str
    done: str
    needs: str
    more: str = ""
    drop: tuple[str, ...] = ()
    secret: bool = False


ALERTS: Final = (
    Alerts(
        "finding.github.code-scanning",
        "/repos/{repo}/code-scanning/alerts",
        "closed",
        CODE,
        drop=("most_recent_instance.commit_sha",),
    ),
    Alerts(
        "finding.github.secret-scanning",
        "/repos/{repo}/secret-scanning/alerts",
        "resolved",
        "Repository: Secret scanning alerts (read)",
        more="&hide_secret=true",
        drop=("secret",),
        secret=True,
    ),
    Alerts(
        "finding.github.dependabot",
        "/repos/{repo}/dependabot/alerts",
        "auto_dismissed,dismissed,fixed",
        "Repository: Dependabot alerts (read)",
    ),
)
