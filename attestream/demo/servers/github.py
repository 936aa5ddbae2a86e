"""A small GitHub (REST, 2022-11-28): an organisation with repositories, settings, alerts, issues and pull requests.

Page numbers with `Link`, cursors for Dependabot alerts, `since` at or after a second, 404 for what one may not see beside 404
with a message for what is off, rate limit headers, installation tokens for an App's JWT.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import unquote, urlencode

from attestream.demo.servers.serving import Asked, JsonServer, Reply

OFF: Final[Mapping[str, tuple[int, str]]] = {
    "protection": (404, "Branch not protected"),
    "code-scanning": (404, "no analysis found"),
    "secret-scanning": (404, "Secret scanning is disabled on this repository."),
    "dependabot": (403, "Dependabot alerts are disabled for this repository."),
    "vulnerability-alerts": (404, "Vulnerability alerts are disabled."),
    "default-setup": (403, "Code Security must be enabled for this repository to use code scanning."),
}
_CREATED: Final = re.compile(r"created:([0-9T:-]{19}Z)\.\.([0-9T:-]{19}Z)")
_NOT_FOUND: Final = Reply(404, {"message": "Not Found", "status": "404"})
_NOT_FOR_TOKEN: Final = Reply(403, {"message": "Resource not accessible by personal access token", "status": "403"})


def stamp(seconds: float) -> str:
    """A time as GitHub writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(slots=True)
class Repository:
    """What there is of a repository; a feature in `off` is switched off."""

    body: dict[str, Any]
    off: set[str] = field(default_factory=lambda: set(OFF))
    answers: dict[str, Any] = field(default_factory=dict)
    tickets: dict[int, dict[str, Any]] = field(default_factory=dict)
    pulls: dict[int, dict[str, Any]] = field(default_factory=dict)
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    reviews: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    files: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    alerts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


class GithubServer(JsonServer):
    """See JsonServer. `public` is the address that links name, where a proxy stands before it."""

    def __init__(self, org: str = "acme", token: str = "", clock: Callable[[], float] = time.time) -> None:
        super().__init__(clock)
        self.org, self.token, self.public = org, token, ""
        self.refused: set[str] = set()
        """Beginnings of paths below a repository or organisation that the token may not ask for."""
        self.remaining = 5000
        self.repositories: dict[str, Repository] = {}
        self.members: list[dict[str, Any]] = []
        self.outside: list[dict[str, Any]] = []
        self.without_2fa: set[str] = set()
        self.hooks: list[dict[str, Any]] = []
        self.audit: list[dict[str, Any]] | None = None
        """Entries of the audit log; None: the organisation's plan has none."""
        self.settings: dict[str, Any] = {
            "login": org,
            "id": 1,
            "two_factor_requirement_enabled": True,
            "default_repository_permission": "read",
            "members_can_create_repositories": False,
            "disk_usage": 7,
        }
        self.installation_tokens = 0
        self.before: Callable[[Asked], None] = lambda _asked: None

    # -- what happens there

    def repository(self, name: str, **more: Any) -> Repository:
        """Make a repository."""
        body = {"id": len(self.repositories) + 1, "name": name, "full_name": f"{self.org}/{name}", "private": True}
        body |= {
            "visibility": "private",
            "default_branch": "main",
            "archived": False,
            "stargazers_count": 3,
            "open_issues_count": 0,
        }
        body |= {"pushed_at": stamp(self.clock()), "temp_clone_token": "CLONE-TOKEN-CANARY", **more}
        self.repositories[name] = made = Repository(body)
        return made

    def issue(self, name: str, number: int, at: float | None = None, **more: Any) -> dict[str, Any]:
        """Open or change an issue; `at`: seconds."""
        moment = stamp(self.clock() if at is None else at)
        tickets = self.repositories[name].tickets
        old = tickets.get(number) or {
            "id": number,
            "number": number,
            "title": f"Issue {number}",
            "state": "open",
            "user": {"login": "author"},
            "labels": [],
            "assignees": [],
            "comments": 0,
            "created_at": moment,
            "closed_at": None,
        }
        tickets[number] = {**old, "updated_at": moment, **more}
        return tickets[number]

    def pull(self, name: str, number: int, at: float | None = None, **more: Any) -> dict[str, Any]:
        """Open or change a pull request; `merged_by` merges it."""
        moment = stamp(self.clock() if at is None else at)
        done = {"state": "closed", "closed_at": moment} if "merged_by" in more else {}
        issue = self.issue(name, number, at, pull_request={"merged_at": moment if done else None}, **done)
        repo = self.repositories[name].body
        base = {"ref": "main", "sha": "0" * 40, "repo": repo}
        own = {"merged_at": moment if done else None, "base": base, "head": {"ref": "topic", "repo": repo}, "changed_files": 1}
        shared = {key: value for key, value in issue.items() if key not in ("pull_request", "comments")}
        self.repositories[name].pulls[number] = {**shared, **own, "mergeable": None, **more}
        return issue

    def close_issue(self, name: str, number: int, at: float | None = None) -> None:
        """Close one."""
        self.issue(name, number, at, state="closed", closed_at=stamp(self.clock() if at is None else at))

    def turn_on(self, name: str, feature: str, answer: Any = None) -> None:
        """Switch a feature on; `answer`: what its address says."""
        self.repositories[name].off.discard(feature)
        if answer is not None:
            self.repositories[name].answers[feature] = answer

    # -- what it answers

    def answer(self, asked: Asked) -> Reply:
        self.before(asked)
        if asked.path.startswith("/app/installations/"):
            return self._installation(asked)
        if self.token and asked.headers.get("authorization") != f"Bearer {self.token}":
            return Reply(401, {"message": "Bad credentials"})
        self.remaining -= 1
        limits = {"X-RateLimit-Remaining": str(max(self.remaining, 0)), "X-RateLimit-Reset": str(int(self.clock()) + 3600)}
        if self.remaining < 0:
            return Reply(403, {"message": "API rate limit exceeded"}, limits)
        reply = self._of(asked, [unquote(word) for word in asked.path.strip("/").split("/")])
        return Reply(reply.status, reply.value, {**limits, **reply.headers})

    def _installation(self, asked: Asked) -> Reply:
        try:
            head, claims, _ = asked.headers.get("authorization", "").removeprefix("Bearer ").split(".")
            parts = [json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in (head, claims)]
        except ValueError:
            return Reply(401, {"message": "A JSON web token could not be decoded"})
        if parts[0].get("alg") != "RS256" or not 0 < parts[1]["exp"] - self.clock() <= 600 or parts[1]["iat"] > self.clock():
            return Reply(401, {"message": "'Expiration time' claim ('exp') is too far in the future"})
        self.installation_tokens += 1
        self.token = f"ghs_installation_{self.installation_tokens}"
        return Reply(201, {"token": self.token, "expires_at": stamp(self.clock() + 3600)})

    def _of(self, asked: Asked, words: list[str]) -> Reply:
        if words == ["user"]:
            return Reply(200, {"login": "reader", "id": 9})
        if words[:1] == ["orgs"] and words[1:2] == [self.org]:
            return self._organisation(asked, "/".join(words[2:]))
        if words[:2] == ["repos", self.org] and len(words) > 2 and words[2] in self.repositories:
            rest = "/".join(words[3:])
            if any(rest.startswith(path) for path in self.refused if path):
                return _NOT_FOR_TOKEN
            return self._repository(asked, self.repositories[words[2]], rest, words[3:])
        return _NOT_FOUND

    def _organisation(self, asked: Asked, rest: str) -> Reply:
        if any(rest.startswith(path) for path in self.refused if path):
            return _NOT_FOR_TOKEN
        if rest in ("members", "outside_collaborators") and asked.query.get("filter") == "2fa_disabled":
            if "2fa" in self.refused:
                return Reply(422, {"message": "Only owners can use this filter."})
            people = self.members if rest == "members" else self.outside
            return self._page(asked, [item for item in people if item["login"] in self.without_2fa])
        lists: dict[str, list[dict[str, Any]]] = {
            "repos": [item.body for item in self.repositories.values()],
            "members": self.members,
            "outside_collaborators": self.outside,
            "hooks": self.hooks,
        }
        if rest in lists:
            return self._page(asked, lists[rest])
        if rest == "":
            return Reply(200, self.settings)
        if rest == "audit-log":
            return self._audited(asked)
        if rest == "actions/permissions":
            return Reply(200, {"enabled_repositories": "all", "allowed_actions": "selected"})
        if rest == "actions/permissions/workflow":
            return Reply(200, {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": False})
        return _NOT_FOUND

    def _repository(self, asked: Asked, repo: Repository, rest: str, words: list[str]) -> Reply:
        if rest == "":
            return Reply(200, repo.body)
        if words[0] in ("issues", "pulls"):
            return self._ticket(asked, repo, words)
        features = {"code-scanning": "code-scanning", "secret-scanning": "secret-scanning", "dependabot": "dependabot"}
        feature = "default-setup" if rest.endswith("default-setup") else features.get(words[0], words[-1])
        if feature in repo.off:
            status, message = OFF[feature]
            return Reply(status, {"message": message, "status": str(status)})
        if rest.endswith("/alerts"):
            return self._alerts(asked, repo, words[0])
        if rest == "vulnerability-alerts":
            return Reply(204, b"")
        if feature == "protection":
            return Reply(200, repo.answers.get("protection", {}))
        if words[0] == "environments":
            found = repo.answers.get("environments", [])
            reply = self._page(asked, found)
            return Reply(200, {"total_count": len(found), "environments": reply.value}, reply.headers)
        if words[0] in ("collaborators", "hooks", "rulesets", "rules") or rest == "code-scanning/analyses":
            return self._page(asked, repo.answers.get(words[-1] if words[0] == "code-scanning" else words[0], []))
        plain: dict[str, Any] = {
            "actions/permissions": {"enabled": True, "allowed_actions": "selected"},
            "actions/permissions/workflow": {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": False},
            "code-scanning/default-setup": {"state": "configured", "languages": ["python"]},
            "private-vulnerability-reporting": {"enabled": True},
            "dependency-graph/sbom": {
                "sbom": {"name": repo.body["full_name"], "creationInfo": {"created": stamp(self.clock())}, "packages": []}
            },
        }
        plain |= repo.answers
        return Reply(200, plain[rest]) if rest in plain else _NOT_FOUND

    def _audited(self, asked: Asked) -> Reply:
        """Entries created within a phrase's period, to the second; pages by cursor."""
        found = _CREATED.fullmatch(asked.query.get("phrase", ""))
        if self.audit is None or found is None:
            return _NOT_FOUND
        held = [item for item in self.audit if found[1] <= stamp(item["@timestamp"] / 1000) <= found[2]]
        held.sort(key=lambda item: (item["@timestamp"], str(item.get("_document_id"))), reverse=asked.query.get("order") != "asc")
        return self._cursor(asked, held, "_document_id")

    def _alerts(self, asked: Asked, repo: Repository, kind: str) -> Reply:
        states = asked.query.get("state", "open").split(",")
        if kind == "code-scanning" and states == ["closed"]:
            states = ["dismissed", "fixed"]
        found = [item for item in repo.alerts.get(kind, []) if item["state"] in states]
        key = "updated_at" if asked.query.get("sort") == "updated" else "created_at"
        found.sort(key=lambda item: (item[key], item["number"]), reverse=asked.query.get("direction") == "desc")
        return self._cursor(asked, found) if kind == "dependabot" else self._page(asked, found)

    def _ticket(self, asked: Asked, repo: Repository, words: list[str]) -> Reply:
        if words == ["issues"]:
            key = "updated_at" if asked.query.get("sort") == "updated" else "created_at"
            states, since = asked.query.get("state", "open"), asked.query.get("since", "")
            rows = [(item[key], number, item) for number, item in repo.tickets.items() if states in ("all", item["state"])]
            return self._page(
                asked, [item for _, _, item in sorted(rows, key=lambda row: row[:2]) if item["updated_at"] >= since]
            )
        if words == ["pulls"]:
            return self._page(asked, list(repo.pulls.values()))
        number = int(words[1]) if words[1].isdigit() else 0
        held = repo.tickets if words[0] == "issues" else repo.pulls
        if number not in held:
            return _NOT_FOUND
        if len(words) == 2:
            return Reply(200, held[number])
        lists = {"comments": repo.comments, "reviews": repo.reviews, "files": repo.files}
        return self._page(asked, lists[words[2]].get(number, [])) if words[2] in lists else _NOT_FOUND

    def _page(self, asked: Asked, items: list[dict[str, Any]]) -> Reply:
        size = min(int(asked.query.get("per_page") or 30), 100)
        number = max(int(asked.query.get("page") or 1), 1)
        last = max((len(items) + size - 1) // size, 1)
        links = {"next": number + 1, "last": last} if number < last else {}
        headers = {"Link": ", ".join(self._link(asked, name, page=str(to)) for name, to in links.items())} if links else {}
        return Reply(200, items[(number - 1) * size : number * size], headers)

    def _cursor(self, asked: Asked, items: list[dict[str, Any]], key: str = "number") -> Reply:
        size = min(int(asked.query.get("per_page") or 30), 100)
        after = asked.query.get("after", "")
        begin = next((at + 1 for at, item in enumerate(items) if str(item.get(key)) == after), 0)
        part = items[begin : begin + size]
        more = {"Link": self._link(asked, "next", after=str(part[-1].get(key)))} if items[begin + size :] else {}
        return Reply(200, part, more)

    def _link(self, asked: Asked, name: str, **change: str) -> str:
        return f'<{self.public or self.url}{asked.path}?{urlencode({**asked.query, **change})}>; rel="{name}"'
