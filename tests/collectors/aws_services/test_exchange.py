"""Servers for files, and whom resources are shared with."""

from __future__ import annotations

from collectors.aws_services import exchange
from tests.aws_world import World
from tests.collectors.aws_services.denials import check_denials

SHARE = "arn:aws:ram:eu-west-1:1:resource-share/s"


def fill(world: World) -> None:
    created = world.client("transfer").create_server(Protocols=["FTP"], EndpointType="VPC", IdentityProviderType="API_GATEWAY")
    listed = {"Arn": f"arn:aws:transfer:eu-west-1:1:server/{created['ServerId']}", "ServerId": created["ServerId"]}
    world.fake("ListServers", {"Servers": [listed]})  # moto lacks the list
    world.fake("POST /listprincipals", {"principals": [{"id": "444455556666", "resourceShareArn": SHARE, "external": True}]})
    world.fake("POST /getresourceshares", {"resourceShares": [{"resourceShareArn": SHARE, "name": "net", "status": "ACTIVE"}]})


def test_a_server_says_which_protocols_it_speaks(world: World) -> None:
    fill(world)
    assert world.look("transfer").only("transfer.server")["Server"]["Protocols"] == ["FTP"]


def test_whom_something_is_shared_with_stands_with_the_share(world: World) -> None:
    fill(world)
    value = world.look("ram").only("ram.principal")
    assert (value["id"], value["external"]) == ("444455556666", True)
    assert [share["status"] for share in value["resourceShares"]] == ["ACTIVE"]


def test_each_call_that_is_refused_is_missed_by_name(world: World) -> None:
    fill(world)
    check_denials(world, exchange.RESOURCES)
