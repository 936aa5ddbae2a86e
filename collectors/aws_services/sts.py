"""STS: as whom the account is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from collectors.aws_services.base import Call, Look, Resource, Subject

IDENTITY: Final = Call("sts", "GetCallerIdentity")


def _identity(look: Look) -> Iterator[Subject]:
    answer = look.ask(IDENTITY) or {}
    yield look.subject(str(answer.get("Arn", "")), answer)


RESOURCES: Final = (Resource("sts", "identity", "global", "the identity that reads the account", (IDENTITY,), _identity),)
