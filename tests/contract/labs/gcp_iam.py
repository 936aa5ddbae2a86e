"""An organisation with a folder and two projects behind small Google REST APIs, and a service account that reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from attestream.demo.servers.gcp_rest import GcpRestServer
from tests.contract.front import Asked, Front, Reply, fronted
from tests.contract.labs.base import Fronted, Lab

TOKEN = "ya29.canary-access-token"
ORG = "organizations/123456789"
READER = "attestream@shop-prod.iam.gserviceaccount.com"
PROJECTS = ("shop-prod", "shop-test")
KINDS = ("cloudresourcemanager.iam-policy", "iam", "storage")
"""Of few APIs, so that the suite stays quick."""


@cache
def private_key() -> str:
    key = generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def key_file(folder: Path, token_uri: str) -> Path:
    """A service account's key, whose tokens come from `token_uri`."""
    path = folder / "key.json"
    info = {"type": "service_account", "client_email": READER, "private_key": private_key(), "token_uri": token_uri}
    path.write_text(json.dumps({**info, "project_id": "shop-prod", "private_key_id": "k1", "client_id": "1"}))
    return path


def denial(_asked: Asked) -> Reply:
    body = {"error": {"code": 403, "status": "PERMISSION_DENIED", "message": f"The caller of {TOKEN} does not have permission"}}
    return 403, {"Content-Type": "application/json"}, json.dumps(body).encode()


def policy(*members: str) -> dict[str, Any]:
    return {"version": 3, "etag": "BwX", "bindings": [{"role": "roles/owner", "members": list(members)}]}


def tree(server: GcpRestServer) -> None:
    crm, folder = "cloudresourcemanager", {"name": "folders/77", "parent": ORG, "displayName": "Shops"}
    server.set(crm, f"/v3/{ORG}", {"name": ORG, "displayName": "example.org", "state": "ACTIVE"})
    server.put(crm, f"/v3/folders?parent={ORG}", "folders", folder)
    for parent in (ORG, "folders/77"):
        server.put(crm, f"/v3/projects?parent={parent}", "projects")
    server.put(crm, "/v3/folders?parent=folders/77", "folders")
    for number, project in enumerate(PROJECTS, 1):
        parent = (ORG, "folders/77")[number - 1]
        value = {"name": f"projects/{number}", "projectId": project, "parent": parent, "state": "ACTIVE"}
        server.put(crm, f"/v3/projects?parent={parent}", "projects", value)
        server.put(crm, "/v3/projects:search", "projects", value)
        server.set(crm, f"/v3/projects/{project}", value)
    for node in (ORG, "folders/77", *(f"projects/{project}" for project in PROJECTS)):
        server.set(crm, f"/v3/{node}:getIamPolicy", policy("user:ann@example.org"))
        server.put("logging", f"/v2/{node}/sinks", "sinks", {"name": "all", "destination": "storage.googleapis.com/audit"})


def account(server: GcpRestServer, project: str, word: str) -> None:
    name = f"projects/{project}/serviceAccounts/{word}@{project}.iam.gserviceaccount.com"
    server.put("iam", f"/v1/projects/{project}/serviceAccounts", "accounts", {"name": name, "email": name.rpartition("/")[2]})
    server.set("iam", f"/v1/{name}:getIamPolicy?options.requestedPolicyVersion=3", {"etag": "ACAB"})
    key = {"name": f"{name}/keys/a1", "keyType": "USER_MANAGED", "validAfterTime": "2026-01-01T00:00:00Z"}
    server.put("iam", f"/v1/{name}/keys", "keys", key)


def furnish(server: GcpRestServer) -> None:
    """Put at least one of everything there."""
    tree(server)
    server.put("iam", f"/v1/{ORG}/roles?view=FULL", "roles", {"name": f"{ORG}/roles/reader", "stage": "GA"})
    for project in PROJECTS:
        for word in ("build", "web", "job")[: 3 if project == "shop-prod" else 1]:
            account(server, project, word)
        server.put("iam", f"/v1/projects/{project}/roles?view=FULL", "roles")
        server.put("storage", f"/storage/v1/b?project={project}&projection=noAcl", "items", {"name": f"{project}-data"})
        server.set("storage", f"/storage/v1/b/{project}-data/iam?optionsRequestedPolicyVersion=3", policy("allUsers"))
    bucket = "//storage.googleapis.com/shop-prod-data"
    found = {"resource": bucket, "assetType": "storage.googleapis.com/Bucket", "policy": policy("allUsers")}
    server.put("cloudasset", f"/v1/{ORG}:searchAllIamPolicies", "results", found)
    server.put("cloudasset", f"/v1/{ORG}:searchAllResources", "results", {"name": bucket, "labels": {"owner": "ann"}})


class Cloud(Fronted):
    """See Lab."""

    def __init__(self, front: Front, server: GcpRestServer, folder: Path) -> None:
        self.front, self.server, self.number = front, server, 0
        self.secrets: tuple[str, ...] = (TOKEN, private_key()[40:80])
        server.page = 2
        furnish(server)
        self.settings: Mapping[str, Any] = {
            "name": "google",
            "type": "gcp-iam",
            "organization": ORG,
            "resources": list(KINDS),
            "endpoint": front.url,
            "insecure": True,
            "credentials_file": str(key_file(folder, f"{server.url}/token")),
            "max_attempts": 1,
            "read_timeout": 120,
            "requests_per_second": 1000,
        }

    def more(self) -> None:
        self.number += 1
        account(self.server, "shop-prod", f"new{self.number}")

    def empty(self) -> None:
        self.server.clear()

    def hostile(self, text: str) -> bool:
        name = f"{ORG}/roles/hostile{self.number}"
        self.number += 1
        self.server.put("iam", f"/v1/{ORG}/roles?view=FULL", "roles", {"name": name, "title": text})
        return True


@contextmanager
def lab(folder: Path) -> Iterator[Lab]:
    with GcpRestServer(TOKEN) as server, fronted(server.url, denial) as front:
        yield Cloud(front, server, folder)
