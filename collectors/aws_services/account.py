"""Account Management: alternate contacts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from collectors.aws_services.base import Call, Look, Resource, Subject

CONTACT: Final = Call("account", "GetAlternateContact")


def _contacts(look: Look) -> Iterator[Subject]:
    for kind in ("BILLING", "OPERATIONS", "SECURITY"):
        answer = look.ask(CONTACT, absent=("ResourceNotFoundException",), AlternateContactType=kind)
        contact = None if answer is None else answer.get("AlternateContact")
        arn = look.arn("account", f"alternate-contact/{kind}")
        yield look.subject(arn, {"AlternateContactType": kind, "AlternateContact": contact}, kind)


RESOURCES: Final = (
    Resource(
        "account",
        "alternate-contact",
        "global",
        "contacts for security, operations and billing",
        (CONTACT,),
        _contacts,
        ("A.5.2", "A.5.5", "A.5.24"),
    ),
)
