"""An organisation on a small GitHub: repositories, settings, alerts of each kind, issues and pull requests."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attestream.demo.servers.github import GithubServer, stamp
from store.times import format_time
from tests.contract.front import Asked, Front, Reply, fronted
from tests.contract.labs.base import Fronted, Lab

TOKEN = "github_pat_canary_11AAAAAAA0"
LITERAL = "literal-secret-canary-AKIA"
HOOK = "https://hooks.example.org/services/T000/hook-path-canary"
SECRETS = (TOKEN, LITERAL, "hook-path-canary", "CLONE-TOKEN-CANARY")
HOUR = 3600.0


def denial(_asked: Asked) -> Reply:
    body = b'{"message": "Resource not accessible by personal access token", "status": "403"}'
    return 403, {"Content-Type": "application/json"}, body


def furnish(server: GithubServer) -> None:
    """Put at least one of everything there."""
    now = server.clock()
    shop = server.repository("shop", visibility="public")
    for feature in ("protection", "code-scanning", "secret-scanning", "dependabot", "vulnerability-alerts", "default-setup"):
        server.turn_on("shop", feature)
    shop.answers["protection"] = {"required_pull_request_reviews": {"required_approving_review_count": 1}}
    shop.answers["rules"] = [{"type": "deletion", "ruleset_id": 4}]
    shop.answers["rulesets"] = [{"id": 4, "name": "main", "enforcement": "active"}]
    shop.answers["environments"] = [{"id": 1, "name": "production", "protection_rules": []}]
    shop.answers["collaborators"] = [{"login": "vendor", "id": 70, "role_name": "admin"}]
    shop.answers["hooks"] = [
        {"id": 5, "name": "web", "config": {"url": HOOK, "secret": "********"}, "last_response": {"code": now}}
    ]
    shop.answers["analyses"] = [{"id": 6, "ref": "refs/heads/main", "created_at": stamp(now), "error": ""}]
    state = {"state": "open", "created_at": stamp(now - HOUR), "updated_at": stamp(now - HOUR)}
    shop.alerts = {
        "code-scanning": [{"number": 1, "rule": {"security_severity_level": "high"}, **state}],
        "secret-scanning": [{"number": 1, "secret_type": "aws", "secret": LITERAL, "validity": "active", **state}],
        "dependabot": [{"number": 1, "security_advisory": {"severity": "critical"}, **state}],
    }
    entry = {"@timestamp": int((now - HOUR) * 1000), "actor": "ann", "org": server.org, "repo": f"{server.org}/shop"}
    server.audit = [{**entry, "_document_id": "doc-1", "action": "repo.access", "visibility": "public"}]
    server.members = [{"login": name, "id": number} for number, name in enumerate(("ann", "bob"), 20)]
    server.without_2fa = {"bob"}
    server.outside = [{"login": "vendor", "id": 70}]
    for number in range(1, 103):
        server.issue("shop", number, now - 2 * HOUR)
    server.pull("shop", 200, now - HOUR, merged_by={"login": "author"})
    shop.reviews[200] = [{"id": 1, "state": "APPROVED", "user": {"login": "ann"}, "submitted_at": stamp(now - HOUR)}]
    shop.files[200] = [{"filename": "policies/access.md", "status": "modified"}]


class Organisation(Fronted):
    """See Lab."""

    secrets: tuple[str, ...] = SECRETS

    def __init__(self, front: Front, server: GithubServer, folder: Path) -> None:
        self.front, self.server = front, server
        server.public = front.url
        path = folder / "token"
        path.write_text(TOKEN)
        self.settings = {
            "name": "github",
            "type": "github",
            "url": front.url,
            "organisation": server.org,
            "audit_log": True,
            "token_file": str(path),
            "since": format_time(int((time.time() - 30 * HOUR) * 1e6)),
            "max_attempts": 1,
            "read_timeout": 120,
            "requests_per_second": 1000,
        }
        self.number = 1000
        furnish(server)

    def more(self) -> None:
        self.number += 1
        self.server.issue("shop", self.number)

    def empty(self) -> None:
        self.server.repositories.clear()
        self.server.members, self.server.outside = [], []

    def hostile(self, text: str) -> bool:
        self.number += 1
        self.server.issue("shop", self.number, title=text)
        return True


@contextmanager
def lab(folder: Path) -> Iterator[Lab]:
    with GithubServer(token=TOKEN) as server, fronted(server.url, denial) as front:
        yield Organisation(front, server, folder)
