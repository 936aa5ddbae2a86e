"""API Gateway: interfaces and which of their routes ask who calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from collectors.aws_services.base import Call, Look, Resource, Subject

APIS: Final = Call("apigatewayv2", "GetApis", "apigateway:GET")
ROUTES: Final = Call("apigatewayv2", "GetRoutes", "apigateway:GET")
REST_APIS: Final = Call("apigateway", "GetRestApis", "apigateway:GET")
METHODS: Final = Call("apigateway", "GetResources", "apigateway:GET")
_ROUTE: Final = (
    "RouteId",
    "RouteKey",
    "AuthorizationType",
    "AuthorizerId",
    "AuthorizationScopes",
    "ApiKeyRequired",
    "OperationName",
)
_METHOD: Final = ("httpMethod", "authorizationType", "authorizerId", "authorizationScopes", "apiKeyRequired", "operationName")
_GONE: Final = ("NotFoundException",)


def _apis(look: Look) -> Iterator[Subject]:
    """HTTP and WebSocket interfaces. What a route hands on to is left out."""
    for item in look.list(APIS, "Items"):
        name = str(item["ApiId"])
        api = look.subject(look.arn("apigateway", f"/apis/{name}", region=look.region, account=""), item, name)
        found = api.list("Routes", ROUTES, "Items", gone=_GONE, ApiId=name)
        if found is not None:
            api.put("Routes", [{key: route.get(key) for key in _ROUTE} for route in found])
        yield api


def _rest_apis(look: Look) -> Iterator[Subject]:
    """REST interfaces. `_methods`: every method of every path, for AWS nests them by verb; what they hand on to is left out."""
    for item in look.list(REST_APIS, "items", optional=True):
        name = str(item["id"])
        api = look.subject(look.arn("apigateway", f"/restapis/{name}", region=look.region, account=""), item, name)
        found = api.list("_methods", METHODS, "items", gone=_GONE, restApiId=name, embed=["methods"])
        if found is not None:
            api.put("_methods", [method for resource in found for method in _methods(resource)])
        yield api


def _methods(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for verb, method in (resource.get("resourceMethods") or {}).items():
        yield {"path": resource.get("path"), **{key: method.get(key) for key in _METHOD}, "httpMethod": verb}


RESOURCES: Final = (
    Resource(
        "apigatewayv2",
        "api",
        "regional",
        "HTTP and WebSocket interfaces and how their routes authorise",
        (APIS, ROUTES),
        _apis,
        ("A.8.26",),
    ),
    Resource(
        "apigateway",
        "rest-api",
        "regional",
        "REST interfaces and how their methods authorise",
        (REST_APIS, METHODS),
        _rest_apis,
        ("A.8.26",),
        documents=(),
    ),
)
