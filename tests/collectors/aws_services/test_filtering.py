"""What servers may reach: destinations that are filtered, and VPCs whose names nobody filters."""

from __future__ import annotations

from collectors.aws_services import filtering
from tests.aws_world import World
from tests.collectors.aws_services.denials import check_denials

ARN = "arn:aws:network-firewall:eu-west-1:1:stateful-rulegroup/web"
LIST = {"Targets": [".example.com"], "TargetTypes": ["TLS_SNI"], "GeneratedRulesType": "ALLOWLIST"}
RULE = {"FirewallRuleGroupId": "rslvr-1", "Name": "bad", "Priority": 1, "Action": "BLOCK", "ModificationTime": "x"}


def fill(world: World) -> str:
    """Returns the VPC that has a way out and rules; the default VPC has a way out alone."""
    answer = {"RuleGroupArn": ARN, "RuleGroupName": "web", "RuleGroupId": "1", "NumberOfAssociations": 1, "ConsumedCapacity": 3}
    world.fake("ListRuleGroups", {"RuleGroups": [{"Name": "web", "Arn": ARN}]})
    source = {"RulesSourceList": LIST, "RulesString": "pass tcp"}
    world.fake("DescribeRuleGroup", {"UpdateToken": "t", "RuleGroupResponse": answer, "RuleGroup": {"RulesSource": source}})
    ec2 = world.client("ec2")
    vpc = str(ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"])
    gateway = str(ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"])
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    found = [
        {"FirewallRuleGroupId": "rslvr-1", "VpcId": vpc, "Status": "COMPLETE"},
        {"FirewallRuleGroupId": "rslvr-2", "VpcId": vpc, "Status": "DELETING"},
    ]
    world.fake("ListFirewallRuleGroupAssociations", {"FirewallRuleGroupAssociations": found})
    world.fake("ListFirewallRules", {"FirewallRules": [RULE]})
    return vpc


def test_a_rule_group_says_which_destinations_it_filters_and_whether_it_is_used(world: World) -> None:
    fill(world)
    value = world.look("network-firewall").only("network-firewall.rule-group")
    assert value["RuleGroup"]["RulesSource"] == {"RulesSourceList": LIST}
    assert value["RuleGroupResponse"]["NumberOfAssociations"] == 1
    assert "ConsumedCapacity" not in value["RuleGroupResponse"]


def test_a_vpc_stands_with_its_way_out_and_the_rules_that_hold(world: World) -> None:
    vpc = fill(world)
    values = {value["VpcId"]: value for value in world.look("route53resolver").subjects("route53resolver.vpc").values()}
    assert len(values[vpc]["InternetGateways"]) == 1
    assert [rule["Action"] for rule in values[vpc]["FirewallRules"]] == ["BLOCK"]
    assert "ModificationTime" not in values[vpc]["FirewallRules"][0]
    others = [value for name, value in values.items() if name != vpc]
    assert [(value["FirewallRuleGroupAssociations"], value["FirewallRules"]) for value in others] == [([], [])]
    asked = [request.body["FirewallRuleGroupId"] for request in world.proxy.seen if request.operation == "ListFirewallRules"]
    assert asked == ["rslvr-1"]


def test_each_call_that_is_refused_is_missed_by_name(world: World) -> None:
    fill(world)
    check_denials(world, filtering.RESOURCES)
