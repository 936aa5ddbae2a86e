"""What a github source must be allowed, in GitHub's own words, and whether it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from collectors.base import Permission, Probe
from collectors.github_parts.audit import AUDIT
from collectors.github_parts.hub import Hub, Told
from collectors.github_parts.life import ISSUE, PULL
from collectors.github_parts.pieces import (
    ACTIONS,
    ADMINISTRATION,
    ALERTS,
    CODE,
    CONTENTS,
    HOOKS,
    MEMBER,
    METADATA,
    ORG,
    ORG_ADMINISTRATION,
    ORG_HOOKS,
    ORG_MEMBERS,
    OUTSIDE,
    REPO,
    SBOM_KIND,
)
from collectors.http import ApiError

ISSUES: Final = "Repository: Issues (read)"
PULLS: Final = "Repository: Pull requests (read)"


def permissions(where: str, *, organisation: bool, tickets: bool, settings: bool, sbom: bool) -> tuple[Permission, ...]:
    """The least there is to grant on `where`."""
    found = [Permission(METADATA, "list repositories, read settings, rules and collaborators", where, _METADATA, ("A.8.4",))]
    if tickets:
        found.append(Permission(ISSUES, "read issues and comments", where, (ISSUE,), ("A.5.26",)))
        found.append(Permission(PULLS, "read pull requests, reviews, names of files", where, (PULL,), ("A.5.3", "A.8.28")))
    if settings:
        found += [
            Permission(ADMINISTRATION, "read branch protection, Actions and code scanning set-up", where, (REPO,), ("A.8.4",)),
            Permission(ACTIONS, "read environments", where, (f"{REPO}.environment",), ("A.8.31",)),
            Permission(HOOKS, "read web hooks of repositories", where, (f"{REPO}.hook",), ("A.8.4",)),
            Permission(CODE, "read code scanning alerts and analyses", where, (ALERTS[0].kind, REPO), ("A.8.28", "A.8.29")),
            Permission(ALERTS[1].needs, "read secret scanning alerts", where, (ALERTS[1].kind,), ("A.5.17", "A.8.28")),
            Permission(ALERTS[2].needs, "read Dependabot alerts", where, (ALERTS[2].kind,), ("A.5.21", "A.8.8")),
        ]
        if sbom:
            found.append(Permission(CONTENTS, "read the software bill of materials", where, (SBOM_KIND,), ("A.5.32",)))
        if organisation:
            found += [
                Permission(ORG_ADMINISTRATION, "read the organisation's settings", where, (ORG,), ("A.8.4", "A.8.5")),
                Permission(ORG_MEMBERS, "read members and outside collaborators", where, (MEMBER, OUTSIDE), ("A.6.5", "A.8.5")),
                Permission(ORG_HOOKS, "read web hooks of the organisation", where, (f"{ORG}.hook",), ("A.8.4",)),
            ]
    return tuple(found)


def with_audit_log(found: Sequence[Permission], where: str) -> tuple[Permission, ...]:
    """What the audit log needs beside `found`: the right to read the organisation's settings, once."""
    why = "read the organisation's audit log (GitHub Enterprise)"
    own = next((one for one in found if one.action == ORG_ADMINISTRATION), None)
    if own is None:
        return (*found, Permission(ORG_ADMINISTRATION, why, where, (AUDIT,), ("A.8.4",)))
    more = Permission(own.action, f"{own.why}; {why}", own.resource, (*own.types, AUDIT), own.controls)
    return tuple(more if one is own else one for one in found)


_METADATA: Final = (REPO, f"{REPO}.collaborator", f"{REPO}.ruleset")
_CALLS: Final = {
    METADATA: "/repos/{repo}",
    ISSUES: "/repos/{repo}/issues?per_page=1",
    PULLS: "/repos/{repo}/pulls?per_page=1",
    ADMINISTRATION: "/repos/{repo}/actions/permissions",
    ACTIONS: "/repos/{repo}/environments?per_page=1",
    HOOKS: "/repos/{repo}/hooks?per_page=1",
    CODE: "/repos/{repo}/code-scanning/alerts?per_page=1",
    ALERTS[1].needs: "/repos/{repo}/secret-scanning/alerts?per_page=1&hide_secret=true",
    ALERTS[2].needs: "/repos/{repo}/dependabot/alerts?per_page=1",
    CONTENTS: "/repos/{repo}/dependency-graph/sbom",
    ORG_ADMINISTRATION: "/orgs/{org}/actions/permissions",
    ORG_MEMBERS: "/orgs/{org}/members?filter=2fa_disabled&per_page=1",
    ORG_HOOKS: "/orgs/{org}/hooks?per_page=1",
}


def probes(hub: Hub, needed: Sequence[Permission], organisation: str | None, repository: str | None) -> Sequence[Probe]:
    """Call what each permission opens once, on one repository. Raises SourceUnreadable, and ApiError where a call failed."""
    found: list[Probe] = []
    for permission in needed:
        path = _CALLS[permission.action]
        if "{repo}" in path and repository is None:
            found.append(Probe(f"{permission.action}: not tried, for there is no repository to try it on"))
            continue
        told = _tried(hub, path.format(repo=repository, org=quote(organisation or "", safe="")))
        if told.off is not None:
            found.append(Probe(f"{permission.action}: granted; {repository or organisation} says: {told.off}"))
        elif told.error is not None:
            found.append(_refused(permission, told.error))
        else:
            found.append(Probe(f"{permission.action}: granted"))
    return tuple(found)


def _tried(hub: Hub, path: str) -> Told:
    try:
        answer = hub.get(path)
        answer.json(hub.api.what)
        return Told(answer.body)
    except ApiError as error:
        return hub.told(error)


def _refused(permission: Permission, error: ApiError) -> Probe:
    if error.kind not in ("denied", "missing", "refused"):
        raise error
    return Probe(f"{permission.action}: {error}", permission)
