"""What servers may reach: rule groups of Network Firewall, and the DNS firewall of each VPC."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from collectors.aws import AwsError
from collectors.aws_services.base import Call, Look, Resource, Subject
from collectors.aws_services.joined import joined, merged

GROUPS: Final = Call("network-firewall", "ListRuleGroups")
GROUP: Final = Call("network-firewall", "DescribeRuleGroup")
VPCS: Final = Call("ec2", "DescribeVpcs")
GATEWAYS: Final = Call("ec2", "DescribeInternetGateways")
ASSOCIATIONS: Final = Call("route53resolver", "ListFirewallRuleGroupAssociations")
RULES: Final = Call("route53resolver", "ListFirewallRules")
_RULE: Final = ("FirewallRuleGroupId", "FirewallDomainListId", "Name", "Priority", "Action", "BlockResponse")


def _groups(look: Look) -> Iterator[Subject]:
    """Rule groups of the account. Rules that are written as text are left out: they say nothing to a mapping."""
    for item in look.list(GROUPS, "RuleGroups", MaxResults=100):
        arn = str(item["Arn"])
        group = look.subject(arn, item, str(item["Name"]))
        merged(group, GROUP, ("RuleGroup", "RuleGroupResponse"), gone=("ResourceNotFoundException",), RuleGroupArn=arn)
        group.drop("RuleGroup.RulesSource.RulesString", "RuleGroupResponse.ConsumedCapacity")
        yield group


def _vpcs(look: Look) -> Iterator[Subject]:
    """VPCs with their internet gateways, the DNS rule groups that they have, and the rules of those."""
    ways, fault = _ways(look)
    associations = joined(look, ASSOCIATIONS, "FirewallRuleGroupAssociations", "VpcId", MaxResults=100)
    for item in look.list(VPCS, "Vpcs", MaxResults=1000):
        name = str(item["VpcId"])
        vpc = look.subject(look.arn("ec2", f"vpc/{name}", region=look.region), {"VpcId": name}, name)
        if fault:
            vpc.miss("InternetGateways", fault)
        else:
            vpc.put("InternetGateways", ways.get(name, []))
        found = associations.put(vpc, "FirewallRuleGroupAssociations", name)
        if found is None:
            vpc.miss("FirewallRules", associations.fault)
        else:
            _rules(vpc, [str(each["FirewallRuleGroupId"]) for each in found if each.get("Status") == "COMPLETE"])
        yield vpc


def _ways(look: Look) -> tuple[dict[str, list[str]], str]:
    """The internet gateways by VPC, or why they are not known."""
    found: dict[str, list[str]] = {}
    try:
        for gateway in look.list(GATEWAYS, "InternetGateways", MaxResults=1000):
            for attached in gateway.get("Attachments") or ():
                found.setdefault(str(attached.get("VpcId")), []).append(str(gateway["InternetGatewayId"]))
    except AwsError as error:
        if error.code == "broken":
            raise
        return {}, str(error)
    return found, ""


def _rules(vpc: Subject, groups: list[str]) -> None:
    """Put the rules of a VPC's groups; a group is asked once in a Region."""
    known: dict[tuple[str, str], Any] = vpc.look.memo.setdefault("route53resolver.rules", {})
    rules: list[dict[str, Any]] = []
    for group in dict.fromkeys(groups):
        place = (vpc.look.region, group)
        try:
            if place not in known:
                known[place] = list(vpc.look.list(RULES, "FirewallRules", FirewallRuleGroupId=group, MaxResults=100))
        except AwsError as error:
            if error.code == "broken":
                raise
            vpc.miss("FirewallRules", str(error))
            return
        rules += [{key: rule.get(key) for key in _RULE} for rule in known[place]]
    vpc.put("FirewallRules", rules)


RESOURCES: Final = (
    Resource(
        "network-firewall",
        "rule-group",
        "regional",
        "rule groups of firewalls: which destinations they let through",
        (GROUPS, GROUP),
        _groups,
        ("A.8.20", "A.8.23"),
    ),
    Resource(
        "route53resolver",
        "vpc",
        "regional",
        "VPCs with their way out and the DNS rules that filter it",
        (VPCS, GATEWAYS, ASSOCIATIONS, RULES),
        _vpcs,
        ("A.8.23",),
    ),
)
