"""API Gateway: which routes ask who calls."""

from __future__ import annotations

from collectors.aws_services import gateways
from tests.aws_world import World
from tests.collectors.aws_services.denials import check_denials


def fill(world: World) -> None:
    second = world.client("apigatewayv2")
    api = str(second.create_api(Name="shop", ProtocolType="HTTP")["ApiId"])
    second.create_route(ApiId=api, RouteKey="GET /orders", AuthorizationType="NONE")
    second.create_route(ApiId=api, RouteKey="POST /orders", AuthorizationType="AWS_IAM")
    first = world.client("apigateway")
    rest = str(first.create_rest_api(name="old", description="x")["id"])
    root = str(first.get_resources(restApiId=rest)["items"][0]["id"])
    child = str(first.create_resource(restApiId=rest, parentId=root, pathPart="orders")["id"])
    first.put_method(restApiId=rest, resourceId=child, httpMethod="GET", authorizationType="NONE", apiKeyRequired=False)
    first.put_method(restApiId=rest, resourceId=child, httpMethod="PUT", authorizationType="AWS_IAM")


def test_routes_stand_with_their_interface(world: World) -> None:
    fill(world)
    routes = world.look("apigatewayv2").only("apigatewayv2.api")["Routes"]
    assert {route["RouteKey"]: route["AuthorizationType"] for route in routes} == {
        "GET /orders": "NONE",
        "POST /orders": "AWS_IAM",
    }
    assert all("Target" not in route for route in routes)


def test_methods_of_every_path_stand_in_one_list(world: World) -> None:
    fill(world)
    value = world.look("apigateway").only("apigateway.rest-api")
    assert {(each["path"], each["httpMethod"], each["authorizationType"]) for each in value["_methods"]} == {
        ("/orders", "GET", "NONE"),
        ("/orders", "PUT", "AWS_IAM"),
    }


def test_an_interface_that_is_deleted_meanwhile_is_left_out(world: World) -> None:
    fill(world)
    world.refuse(lambda asked: asked.operation.partition("?")[0].endswith("/routes"), "NotFoundException", 404)
    seen = world.look("apigatewayv2")
    assert seen.subjects("apigatewayv2.api") == {}
    assert seen.part("apigatewayv2.api").complete


def test_each_call_that_is_refused_is_missed_by_name(world: World) -> None:
    fill(world)
    check_denials(world, gateways.RESOURCES)
