"""IAM Identity Center: its instances, which the organisation or the account has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from collectors.aws_services.base import Call, Look, Resource, Subject

INSTANCES: Final = Call("sso-admin", "ListInstances", "sso:ListInstances")


def _instances(look: Look) -> Iterator[Subject]:
    """An instance is listed in the Region that it lives in, in its own account and in members of its organisation."""
    for item in look.list(INSTANCES, "Instances"):
        instance = look.subject(str(item["InstanceArn"]), item)
        if item.get("Status") == "ACTIVE":
            instance.marks.add("active")
        yield instance


RESOURCES: Final = (
    Resource(
        "sso-admin",
        "instance",
        "regional",
        "IAM Identity Center instances",
        (INSTANCES,),
        _instances,
        ("A.5.16",),
        marks=("active",),
    ),
)
