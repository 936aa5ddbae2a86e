"""The simulated organisation's Google Cloud: one project, its audit log, its policies and a service account's old key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from attestream.demo.servers.gcp_logging import GcpLoggingServer
from attestream.demo.servers.gcp_rest import GcpRestServer

ORGANIZATION: Final = "organizations/270010000001"
PROJECT: Final = "fernhill-analytics"
READER: Final = f"attestream@{PROJECT}.iam.gserviceaccount.com"
KINDS: Final = ("cloudresourcemanager.iam-policy", "iam", "storage")
"""What is read of it; the other APIs are off, as in many projects."""
_LOG: Final = f"projects/{PROJECT}/logs/cloudaudit.googleapis.com%2Factivity"
_CALLS: Final = (
    ("cloudresourcemanager.googleapis.com", "SetIamPolicy", "a.nowak@fernhill.example"),
    ("iam.googleapis.com", "google.iam.admin.v1.CreateServiceAccountKey", "m.keller@fernhill.example"),
    ("storage.googleapis.com", "storage.setIamPermissions", "a.nowak@fernhill.example"),
    ("compute.googleapis.com", "v1.compute.firewalls.patch", "deployment@fernhill.example"),
)
_DAY: Final = 86_400.0


def audit_log(server: GcpLoggingServer) -> None:
    """A few days of activity."""
    from google.cloud.audit.audit_log_pb2 import AuditLog  # type: ignore[import-untyped]
    from google.protobuf.any_pb2 import Any as AnyMessage  # type: ignore[import-untyped]

    now = server.clock()
    for number in range(24):
        service, method, who = _CALLS[number % len(_CALLS)]
        log = AuditLog(service_name=service, method_name=method, resource_name=f"projects/{PROJECT}")
        log.authentication_info.principal_email = who
        payload = AnyMessage()
        payload.Pack(log)
        at = now - 3 * _DAY + number * 3 * _DAY / 25
        server.put(_LOG, stamped=at - 4, received=at, insert_id=f"demo{number:04d}", proto_payload=payload)


def resources(server: GcpRestServer) -> None:
    """The organisation with its project, two service accounts and a bucket."""
    crm = "cloudresourcemanager"
    project = {"name": "projects/270010000002", "projectId": PROJECT, "parent": ORGANIZATION, "state": "ACTIVE"}
    server.set(crm, f"/v3/{ORGANIZATION}", {"name": ORGANIZATION, "displayName": "fernhill.example", "state": "ACTIVE"})
    server.put(crm, f"/v3/folders?parent={ORGANIZATION}", "folders")
    server.put(crm, f"/v3/projects?parent={ORGANIZATION}", "projects", project)
    server.put(crm, "/v3/projects:search", "projects", project)
    server.set(crm, f"/v3/projects/{PROJECT}", project)
    owners = [{"role": "roles/owner", "members": ["group:platform@fernhill.example"]}]
    for node in (ORGANIZATION, f"projects/{PROJECT}"):
        server.set(crm, f"/v3/{node}:getIamPolicy", {"version": 3, "etag": "BwYdemo", "bindings": owners})
    server.put("iam", f"/v1/{ORGANIZATION}/roles?view=FULL", "roles")
    server.put("iam", f"/v1/projects/{PROJECT}/roles?view=FULL", "roles")
    _service_account(server, "etl", "2025-02-03T09:00:00Z")
    _service_account(server, "dashboards", "2026-10-12T09:00:00Z")
    server.put("storage", f"/storage/v1/b?project={PROJECT}&projection=noAcl", "items", {"name": f"{PROJECT}-exports"})
    policy = {"etag": "CAE=", "bindings": [{"role": "roles/storage.objectViewer", "members": owners[0]["members"]}]}
    server.set("storage", f"/storage/v1/b/{PROJECT}-exports/iam?optionsRequestedPolicyVersion=3", policy)


def _service_account(server: GcpRestServer, word: str, key_since: str) -> None:
    email = f"{word}@{PROJECT}.iam.gserviceaccount.com"
    name = f"projects/{PROJECT}/serviceAccounts/{email}"
    server.put("iam", f"/v1/projects/{PROJECT}/serviceAccounts", "accounts", {"name": name, "email": email})
    server.set("iam", f"/v1/{name}:getIamPolicy?options.requestedPolicyVersion=3", {"etag": "ACAB"})
    key = {"name": f"{name}/keys/1", "keyType": "USER_MANAGED", "validAfterTime": key_since}
    server.put("iam", f"/v1/{name}/keys", "keys", key)


def key_file(path: Path, token_uri: str) -> Path:
    """Write the reader's key, made for this demonstration alone."""
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = generate_private_key(65537, 2048)
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    info: dict[str, Any] = {"type": "service_account", "project_id": PROJECT, "private_key_id": "demo", "client_id": "1"}
    info |= {"client_email": READER, "private_key": text, "token_uri": token_uri}
    path.touch(mode=0o600)
    path.write_text(json.dumps(info), encoding="utf-8")
    return path
