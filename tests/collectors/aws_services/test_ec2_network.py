"""EC2's networks: rules, flow logs that are there or not, and no key of a tunnel."""

from __future__ import annotations

from collectors.aws_services import ec2_network
from tests.aws_world import World
from tests.collectors.aws_services.denials import check_denials

XML = {"Content-Type": "text/xml"}
CLIENT_VPN = """<DescribeClientVpnEndpointsResponse><clientVpnEndpoint><item><clientVpnEndpointId>cvpn-1</clientVpnEndpointId>
<connectionLogOptions><Enabled>false</Enabled></connectionLogOptions>
<authenticationOptions><item><type>certificate-authentication</type></item></authenticationOptions>
</item></clientVpnEndpoint></DescribeClientVpnEndpointsResponse>"""
KEY = "canary-key-of-a-tunnel"
VPN = f"""<DescribeVpnConnectionsResponse><vpnConnectionSet><item><vpnConnectionId>vpn-1</vpnConnectionId>
<customerGatewayConfiguration>&lt;pre_shared_key&gt;{KEY}&lt;/pre_shared_key&gt;</customerGatewayConfiguration>
<options><tunnelOptionSet><item><outsideIpAddress>192.0.2.1</outsideIpAddress><preSharedKey>{KEY}</preSharedKey>
<ikeVersionSet><item><value>ikev1</value></item></ikeVersionSet></item></tunnelOptionSet></options>
<vgwTelemetry><item><outsideIpAddress>192.0.2.1</outsideIpAddress><status>DOWN</status></item></vgwTelemetry>
</item></vpnConnectionSet></DescribeVpnConnectionsResponse>"""


def fill(world: World) -> str:
    """Returns the id of a VPC that has a flow log; the default one has none."""
    world.answer("DescribeClientVpnEndpoints", (200, XML, CLIENT_VPN.encode()))
    world.answer("DescribeVpnConnections", (200, XML, VPN.encode()))
    client = world.client("ec2")
    vpc = str(client.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"])
    group = f"arn:aws:iam::{world.account}:role/flow"
    client.create_flow_logs(
        ResourceIds=[vpc], ResourceType="VPC", TrafficType="ALL", LogGroupName="flow", DeliverLogsPermissionArn=group
    )
    client.allocate_address(Domain="vpc")
    client.create_transit_gateway()
    client.create_dhcp_options(DhcpConfigurations=[{"Key": "ntp-servers", "Values": ["192.0.2.7"]}])
    return vpc


def test_a_vpc_without_a_flow_log_can_be_told(world: World) -> None:
    vpc = fill(world)
    seen = world.look("ec2.vpc")
    values = {value["VpcId"]: value for value in seen.subjects("ec2.vpc").values()}
    assert len(values) == 2
    [log] = values.pop(vpc)["FlowLogs"]
    assert (log["FlowLogStatus"], log["ResourceId"]) == ("ACTIVE", vpc)
    assert [value["FlowLogs"] for value in values.values()] == [[]]
    assert seen.summary("ec2.vpc")["marks"] == {"flow log": 1}


def test_a_group_that_is_open_to_the_world_stands_with_its_rules(world: World) -> None:
    client = world.client("ec2")
    group = client.create_security_group(GroupName="open", Description="open")["GroupId"]
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    client.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    values = world.look("ec2.security-group").subjects("ec2.security-group")
    [permission] = values[f"arn:aws:ec2:eu-west-1:{world.account}:security-group/{group}"]["IpPermissions"]
    assert (permission["FromPort"], permission["IpRanges"]) == (22, [{"CidrIp": "0.0.0.0/0"}])


def test_network_acls_addresses_and_gateways_are_read(world: World) -> None:
    fill(world)
    seen = world.look("ec2.network-acl", "ec2.address", "ec2.transit-gateway", "ec2.subnet", "ec2.dhcp-options")
    assert all(value["Entries"] for value in seen.subjects("ec2.network-acl").values())
    assert seen.only("ec2.address")["PublicIp"] == seen.summary("ec2.address")["names"][0]
    assert "AutoAcceptSharedAttachments" in seen.only("ec2.transit-gateway")["Options"]
    assert all(
        value["FlowLogs"] == [] and "AvailableIpAddressCount" not in value for value in seen.subjects("ec2.subnet").values()
    )
    keys = [item["Key"] for value in seen.subjects("ec2.dhcp-options").values() for item in value["DhcpConfigurations"]]
    assert "ntp-servers" in keys


def test_ways_in_are_read_and_the_keys_of_tunnels_are_not(world: World) -> None:
    fill(world)
    seen = world.look("ec2.client-vpn-endpoint", "ec2.vpn-connection")
    endpoint = seen.only("ec2.client-vpn-endpoint")
    assert endpoint["ConnectionLogOptions"] == {"Enabled": False}
    assert endpoint["AuthenticationOptions"] == [{"Type": "certificate-authentication"}]
    connection = seen.only("ec2.vpn-connection")
    assert connection["Options"]["TunnelOptions"][0]["IkeVersions"] == [{"Value": "ikev1"}]
    assert connection["VgwTelemetry"][0]["Status"] == "DOWN"
    assert not [event for event in seen.events if KEY.encode() in event.payload]


def test_each_call_that_is_refused_is_missed_by_name(world: World) -> None:
    fill(world)
    check_denials(world, ec2_network.RESOURCES)
