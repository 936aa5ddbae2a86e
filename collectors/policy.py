"""What a source's identity must be allowed, as the other side takes it: an IAM policy, a custom role, a list of scopes."""

from __future__ import annotations

import json
from collections import defaultdict

from collectors.source_type import Access


def policy(access: Access, name: str) -> str:
    """Return the text to hand to whoever grants it, with a newline at its end. `name` is the source's."""
    match access.form:
        case "aws-policy":
            return _iam(access)
        case "gcp-role":
            return _role(access, name)
        case "scopes":
            return "".join(f"{p.action}  on {p.resource}  # {p.why}\n" for p in access.permissions)


def _iam(access: Access) -> str:
    """An IAM policy document: one statement per resource, actions sorted."""
    by_resource: defaultdict[str, set[str]] = defaultdict(set)
    for permission in access.permissions:
        by_resource[permission.resource].add(permission.action)
    statements = [
        {"Sid": f"AttestreamRead{number}", "Effect": "Allow", "Action": sorted(actions), "Resource": resource}
        for number, (resource, actions) in enumerate(sorted(by_resource.items()), 1)
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2) + "\n"


def _role(access: Access, name: str) -> str:
    """A custom role's definition, as `gcloud iam roles create --file` reads it."""
    lines = [f"title: Attestream {name}", "description: What Attestream reads, and no more", "stage: GA", "includedPermissions:"]
    return "\n".join([*lines, *(f"- {action}" for action in sorted({p.action for p in access.permissions}))]) + "\n"
