"""Exchange with others: servers for files, and resources that are shared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from collectors.aws_services.base import Call, Look, Resource, Subject
from collectors.aws_services.joined import joined

SERVERS: Final = Call("transfer", "ListServers")
SERVER: Final = Call("transfer", "DescribeServer")
PRINCIPALS: Final = Call("ram", "ListPrincipals")
SHARES: Final = Call("ram", "GetResourceShares")


def _servers(look: Look) -> Iterator[Subject]:
    for item in look.list(SERVERS, "Servers", MaxResults=1000):
        name = str(item["ServerId"])
        server = look.subject(str(item["Arn"]), {"ServerId": name}, name)
        server.ask("Server", SERVER, pick="Server", gone=("ResourceNotFoundException",), ServerId=name)
        server.drop("Server.UserCount")
        yield server


def _principals(look: Look) -> Iterator[Subject]:
    """Whom the account shares resources with, each with its share."""
    shares = joined(look, SHARES, "resourceShares", "resourceShareArn", resourceOwner="SELF", maxResults=500)
    for item in look.list(PRINCIPALS, "principals", resourceOwner="SELF", maxResults=500):
        share, name = str(item["resourceShareArn"]), str(item["id"])
        principal = look.subject(f"{share}/{name}", item, f"{share.rpartition('/')[2]}/{name}")
        shares.put(principal, "resourceShares", share)
        yield principal


RESOURCES: Final = (
    Resource(
        "transfer",
        "server",
        "regional",
        "servers for the exchange of files: protocols, security policy, logging",
        (SERVERS, SERVER),
        _servers,
        ("A.5.14", "A.8.24"),
    ),
    Resource(
        "ram", "principal", "regional", "whom resources are shared with", (PRINCIPALS, SHARES), _principals, ("A.5.14", "A.5.19")
    ),
)
