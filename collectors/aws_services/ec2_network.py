"""EC2's networks: VPCs with their flow logs, security groups and network ACLs with their rules, addresses, and ways in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from collectors.aws_services.base import Call, Look, Resource, Subject
from collectors.aws_services.joined import joined

GROUPS: Final = Call("ec2", "DescribeSecurityGroups")
VPCS: Final = Call("ec2", "DescribeVpcs")
FLOW_LOGS: Final = Call("ec2", "DescribeFlowLogs")
SUBNETS: Final = Call("ec2", "DescribeSubnets")
ACLS: Final = Call("ec2", "DescribeNetworkAcls")
ADDRESSES: Final = Call("ec2", "DescribeAddresses")
DHCP: Final = Call("ec2", "DescribeDhcpOptions")
CLIENT_VPNS: Final = Call("ec2", "DescribeClientVpnEndpoints")
VPNS: Final = Call("ec2", "DescribeVpnConnections")
GATEWAYS: Final = Call("ec2", "DescribeTransitGateways")


def _plain(call: Call, member: str, key: str, kind: str, **arguments: Any) -> Any:
    """A reader of one list that says all there is."""

    def read(look: Look) -> Iterator[Subject]:
        for item in look.list(call, member, **arguments):
            name = str(item[key])
            yield look.subject(look.arn("ec2", f"{kind}/{name}", region=look.region), item, name)

    return read


def _vpcs(look: Look) -> Iterator[Subject]:
    """VPCs; flow logs of a VPC's subnets stand with the VPC too."""
    logs = joined(look, FLOW_LOGS, "FlowLogs", "ResourceId")
    for item in look.list(VPCS, "Vpcs", MaxResults=1000):
        name = str(item["VpcId"])
        vpc = look.subject(look.arn("ec2", f"vpc/{name}", region=look.region), item, name)
        found = logs.put(vpc, "FlowLogs", name)
        if any(log.get("FlowLogStatus") == "ACTIVE" for log in found or ()):
            vpc.marks.add("flow log")
        yield vpc


def _subnets(look: Look) -> Iterator[Subject]:
    logs = joined(look, FLOW_LOGS, "FlowLogs", "ResourceId")
    for item in look.list(SUBNETS, "Subnets", MaxResults=1000):
        name = str(item["SubnetId"])
        subnet = look.subject(str(item.get("SubnetArn") or look.arn("ec2", f"subnet/{name}", region=look.region)), item, name)
        subnet.drop("AvailableIpAddressCount")
        logs.put(subnet, "FlowLogs", name)
        yield subnet


def _vpns(look: Look) -> Iterator[Subject]:
    """VPN connections. The keys of their tunnels stand in what AWS hands out, and are left out here."""
    for item in look.list(VPNS, "VpnConnections"):
        name = str(item["VpnConnectionId"])
        connection = look.subject(look.arn("ec2", f"vpn-connection/{name}", region=look.region), item, name)
        connection.drop("CustomerGatewayConfiguration")
        for tunnel in connection.get("Options.TunnelOptions") or ():
            tunnel.pop("PreSharedKey", None)
        yield connection


def _addresses(look: Look) -> Iterator[Subject]:
    for item in look.list(ADDRESSES, "Addresses"):
        name = str(item.get("AllocationId") or item["PublicIp"])
        yield look.subject(look.arn("ec2", f"elastic-ip/{name}", region=look.region), item, str(item.get("PublicIp") or name))


RESOURCES: Final = (
    Resource(
        "ec2",
        "security-group",
        "regional",
        "security groups with their rules",
        (GROUPS,),
        _plain(GROUPS, "SecurityGroups", "GroupId", "security-group", MaxResults=1000),
        ("A.8.20", "A.8.22"),
    ),
    Resource(
        "ec2",
        "vpc",
        "regional",
        "VPCs and their flow logs",
        (VPCS, FLOW_LOGS),
        _vpcs,
        ("A.8.15", "A.8.22"),
        marks=("flow log",),
    ),
    Resource("ec2", "subnet", "regional", "subnets and their flow logs", (SUBNETS, FLOW_LOGS), _subnets, ("A.8.15", "A.8.22")),
    Resource(
        "ec2",
        "network-acl",
        "regional",
        "network ACLs with their rules",
        (ACLS,),
        _plain(ACLS, "NetworkAcls", "NetworkAclId", "network-acl", MaxResults=1000),
        ("A.8.20", "A.8.22"),
    ),
    Resource("ec2", "address", "regional", "public addresses", (ADDRESSES,), _addresses, ("A.5.9", "A.8.20")),
    Resource(
        "ec2",
        "dhcp-options",
        "regional",
        "DHCP options, time servers among them",
        (DHCP,),
        _plain(DHCP, "DhcpOptions", "DhcpOptionsId", "dhcp-options", MaxResults=1000),
        ("A.8.17",),
    ),
    Resource(
        "ec2",
        "client-vpn-endpoint",
        "regional",
        "client VPN endpoints: authentication and logging",
        (CLIENT_VPNS,),
        _plain(CLIENT_VPNS, "ClientVpnEndpoints", "ClientVpnEndpointId", "client-vpn-endpoint", MaxResults=1000),
        ("A.6.7", "A.8.15"),
    ),
    Resource(
        "ec2",
        "vpn-connection",
        "regional",
        "VPN connections: tunnels and their options",
        (VPNS,),
        _vpns,
        ("A.8.21", "A.8.24"),
    ),
    Resource(
        "ec2",
        "transit-gateway",
        "regional",
        "transit gateways: what joins by itself",
        (GATEWAYS,),
        _plain(GATEWAYS, "TransitGateways", "TransitGatewayId", "transit-gateway", MaxResults=1000),
        ("A.8.22",),
    ),
)
