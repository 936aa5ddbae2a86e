"""Load balancers, groups, tables, functions and images: what protects them, and no value of an environment."""

from __future__ import annotations

import io
import zipfile

import pytest

from collectors.aws_services import workloads
from collectors.aws_services.base import Resource
from tests.aws_world import World
from tests.collectors.aws_services.denials import check_denials

VALUE = "canary-of-an-environment"


def fill_balancer(world: World) -> None:
    ec2, elb = world.client("ec2"), world.client("elbv2")
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"][:2]]
    arn = elb.create_load_balancer(Name="web", Subnets=subnets, Scheme="internet-facing")["LoadBalancers"][0]["LoadBalancerArn"]
    action = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}
    elb.create_listener(LoadBalancerArn=arn, Protocol="HTTP", Port=80, DefaultActions=[action])


def fill_group(world: World) -> None:
    client = world.client("autoscaling")
    image = "ami-12c6146b"  # one that moto has
    client.create_launch_configuration(LaunchConfigurationName="lc", ImageId=image, InstanceType="t3.micro")
    client.create_auto_scaling_group(
        AutoScalingGroupName="one", LaunchConfigurationName="lc", MinSize=0, MaxSize=1, AvailabilityZones=["eu-west-1a"]
    )


def fill_table(world: World) -> None:
    key = {"AttributeName": "id", "KeyType": "HASH"}
    world.client("dynamodb").create_table(
        TableName="t",
        KeySchema=[key],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def fill_function(world: World) -> None:
    role = world.client("iam").create_role(RoleName="f", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    client = world.client("lambda")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", "def handler(event, context): return None")
    client.create_function(
        FunctionName="f",
        Role=role,
        Runtime="python3.12",
        Handler="index.handler",
        Code={"ZipFile": packed.getvalue()},
        Environment={"Variables": {"PASSWORD": VALUE}},
        Tags={"owner": "shop"},
    )
    client.add_permission(FunctionName="f", StatementId="all", Action="lambda:InvokeFunction", Principal="*")
    url = {"FunctionUrl": "https://f.example.com/", "FunctionArn": "arn:f", "AuthType": "NONE"}
    world.fake("GET /2021-10-31/functions/f/urls", {"FunctionUrlConfigs": [url]})  # moto lacks the list


def fill_repository(world: World) -> None:
    world.client("ecr").create_repository(repositoryName="app", imageScanningConfiguration={"scanOnPush": True})


FILL = {
    "elbv2.load-balancer": fill_balancer,
    "autoscaling.group": fill_group,
    "dynamodb.table": fill_table,
    "lambda.function": fill_function,
    "ecr.repository": fill_repository,
}


def test_a_balancer_stands_with_its_listeners(world: World) -> None:
    fill_balancer(world)
    value = world.look("elbv2").only("elbv2.load-balancer")
    assert value["Scheme"] == "internet-facing"
    assert [(listener["Protocol"], listener["DefaultActions"][0]["Type"]) for listener in value["Listeners"]] == [
        ("HTTP", "fixed-response")
    ]
    assert value["Attributes"]


def test_a_group_stands_with_its_zones_and_not_with_its_instances(world: World) -> None:
    fill_group(world)
    value = world.look("autoscaling").only("autoscaling.group")
    assert value["AvailabilityZones"] == ["eu-west-1a"]
    assert "Instances" not in value


def test_a_table_says_whether_it_can_be_put_back(world: World) -> None:
    fill_table(world)
    before = world.look("dynamodb").only("dynamodb.table")
    status = ("ContinuousBackupsDescription", "PointInTimeRecoveryDescription")
    assert before[status[0]][status[1]]["PointInTimeRecoveryStatus"] == "DISABLED"
    on = {"PointInTimeRecoveryEnabled": True}
    world.client("dynamodb").update_continuous_backups(TableName="t", PointInTimeRecoverySpecification=on)
    seen = world.look("dynamodb")
    point = seen.only("dynamodb.table")[status[0]][status[1]]
    assert point["PointInTimeRecoveryStatus"] == "ENABLED"
    assert not {"LatestRestorableDateTime", "EarliestRestorableDateTime"} & set(point)
    assert "ItemCount" not in seen.only("dynamodb.table")["Table"]


def test_a_function_says_who_may_call_it_and_no_value_of_its_environment(world: World) -> None:
    fill_function(world)
    seen = world.look("lambda")
    value = seen.only("lambda.function")
    assert value["Policy"]["Statement"][0]["Principal"] in ("*", {"AWS": "*"})
    assert [url["AuthType"] for url in value["FunctionUrlConfigs"]] == ["NONE"]
    assert value["Environment"] == {"_names": ["PASSWORD"]}
    assert value["Tags"] == [{"Key": "owner", "Value": "shop"}]
    assert not [event for event in seen.events if VALUE.encode() in event.payload]


def test_a_repository_says_whether_it_is_scanned(world: World) -> None:
    fill_repository(world)
    value = world.look("ecr").only("ecr.repository")
    assert value["imageScanningConfiguration"] == {"scanOnPush": True}
    assert value["policyText"] is None


@pytest.mark.parametrize("resource", workloads.RESOURCES, ids=lambda resource: resource.key)
def test_each_call_that_is_refused_is_missed_by_name(world: World, resource: Resource) -> None:
    FILL[resource.key](world)
    check_denials(world, [resource])
