"""Distributions, stacks and domains: what protects them, and none of the secrets that stand beside."""

from __future__ import annotations

import json
from typing import Any

from collectors.aws_services import delivery
from tests.aws_world import Request, World
from tests.collectors.aws_services.denials import check_denials

SECRET = "canary-of-a-header"


def distribution(world: World, name: str) -> Any:
    headers = {"Quantity": 1, "Items": [{"HeaderName": "x-origin", "HeaderValue": SECRET}]}
    origin = {"Id": "o", "DomainName": "a.example.com", "CustomHeaders": headers}
    origin["CustomOriginConfig"] = {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"}
    config = {
        "CallerReference": name,
        "Origins": {"Quantity": 1, "Items": [origin]},
        "DefaultCacheBehavior": {"TargetOriginId": "o", "ViewerProtocolPolicy": "allow-all", "MinTTL": 0},
        "Comment": name,
        "Enabled": True,
        "ViewerCertificate": {"CloudFrontDefaultCertificate": False, "MinimumProtocolVersion": "TLSv1_2016"},
    }
    return world.client("cloudfront").create_distribution(DistributionConfig=config)


def fill(world: World) -> None:
    distribution(world, "one")
    template = {"Resources": {"q": {"Type": "AWS::SQS::Queue"}}, "Parameters": {"Password": {"Type": "String"}}}
    world.client("cloudformation").create_stack(
        StackName="queues",
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": "Password", "ParameterValue": SECRET}],
    )
    world.fake(
        "ListDomains", {"Domains": [{"DomainName": "example.com", "AutoRenew": False, "TransferLock": True, "Expiry": 1.8e9}]}
    )


def test_a_distribution_says_what_protects_it_and_nothing_of_its_origins(world: World) -> None:
    fill(world)
    seen = world.look("cloudfront")
    value = seen.only("cloudfront.distribution")
    assert value["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1_2016"
    assert value["DefaultCacheBehavior"]["ViewerProtocolPolicy"] == "allow-all"
    assert SECRET.encode() not in seen.event("cloudfront.distribution").payload


def test_distributions_are_read_page_by_page(world: World) -> None:
    def page(asked: Request) -> tuple[int, dict[str, str], bytes]:
        last = "Marker=two" in asked.operation
        item = f"<Id>{'E2' if last else 'E1'}</Id><ARN>arn:aws:cloudfront::1:distribution/{'E2' if last else 'E1'}</ARN>"
        more = "<IsTruncated>false</IsTruncated>" if last else "<IsTruncated>true</IsTruncated><NextMarker>two</NextMarker>"
        items = f"<Items><DistributionSummary>{item}</DistributionSummary></Items>"
        return 200, {"Content-Type": "text/xml"}, f"<DistributionList>{more}{items}</DistributionList>".encode()

    world.answer("GET /2020-05-31/distribution", page)
    assert {value["Id"] for value in world.look("cloudfront").subjects("cloudfront.distribution").values()} == {"E1", "E2"}


def test_a_list_that_is_cut_short_is_not_whole(world: World) -> None:
    body = b"<DistributionList><IsTruncated>true</IsTruncated></DistributionList>"
    world.answer("GET /2020-05-31/distribution", (200, {"Content-Type": "text/xml"}, body))
    seen = world.look("cloudfront")
    assert not seen.part("cloudfront.distribution").complete
    assert "broke its list off" in seen.said


def test_a_stack_says_whether_it_drifted_and_not_what_it_was_given(world: World) -> None:
    fill(world)
    seen = world.look("cloudformation")
    value = seen.only("cloudformation.stack")
    assert value["StackName"] == "queues"
    assert "Parameters" not in value
    assert SECRET.encode() not in seen.event("cloudformation.stack").payload


def test_domains_are_asked_where_they_are_kept(world: World) -> None:
    fill(world)
    value = world.look("route53domains").only("route53domains.domain")
    assert (value["TransferLock"], value["AutoRenew"]) == (True, False)
    assert {asked.region for asked in world.proxy.seen if asked.operation == "ListDomains"} == {"us-east-1"}


def test_each_call_that_is_refused_is_missed_by_name(world: World) -> None:
    fill(world)
    check_denials(world, delivery.RESOURCES)
