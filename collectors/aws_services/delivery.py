"""What is delivered and how: distributions, stacks and their drift, domains."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from collectors.aws_services.base import Call, Look, Resource, Subject
from collectors.aws_services.paged import paged

DISTRIBUTIONS: Final = Call("cloudfront", "ListDistributions")
STACKS: Final = Call("cloudformation", "DescribeStacks")
DOMAINS: Final = Call("route53domains", "ListDomains")
DOMAINS_REGION: Final = "us-east-1"
_DISTRIBUTION: Final = (
    "Id",
    "DomainName",
    "Aliases",
    "Enabled",
    "Status",
    "LastModifiedTime",
    "ViewerCertificate",
    "WebACLId",
    "HttpVersion",
    "Staging",
)
_BEHAVIOR: Final = ("ViewerProtocolPolicy", "AllowedMethods")


def _distributions(look: Look) -> Iterator[Subject]:
    """Distributions. Origins are left out, for the headers that they are sent may hold secrets."""
    for item in paged(
        look, DISTRIBUTIONS, "Items", within="DistributionList", ask_by="Marker", told_by="NextMarker", optional=True
    ):
        behaviour = item.get("DefaultCacheBehavior") or {}
        value = {key: item.get(key) for key in _DISTRIBUTION}
        value["DefaultCacheBehavior"] = {key: behaviour.get(key) for key in _BEHAVIOR}
        yield look.subject(str(item["ARN"]), value, str(item["Id"]))


def _stacks(look: Look) -> Iterator[Subject]:
    """Stacks. What they were given and what they hand out may be secrets, and are left out."""
    for item in look.list(STACKS, "Stacks"):
        stack = look.subject(str(item["StackId"]), item, str(item["StackName"]))
        stack.drop("Parameters", "Outputs", "StackStatusReason")
        yield stack


def _domains(look: Look) -> Iterator[Subject]:
    for item in look.list(DOMAINS, "Domains", region=DOMAINS_REGION):
        name = str(item["DomainName"])
        yield look.subject(look.arn("route53domains", f"domain/{name}"), item, name)


RESOURCES: Final = (
    Resource(
        "cloudfront",
        "distribution",
        "global",
        "distributions: certificate, least protocol, web firewall",
        (DISTRIBUTIONS,),
        _distributions,
        ("A.5.14", "A.8.21", "A.8.24", "A.8.26"),
    ),
    Resource(
        "cloudformation",
        "stack",
        "regional",
        "stacks and whether what stands has drifted from them",
        (STACKS,),
        _stacks,
        ("A.8.9",),
    ),
    Resource("route53domains", "domain", "global", "domains: lock, renewal, expiry", (DOMAINS,), _domains, ("A.8.21",)),
)
