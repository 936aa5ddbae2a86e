"""What serves: load balancers, groups of instances, tables, functions, container images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from collectors.aws_services.base import Call, Look, Resource, Subject
from collectors.aws_services.tags import TAGS, tags

BALANCERS: Final = Call("elbv2", "DescribeLoadBalancers", "elasticloadbalancing:DescribeLoadBalancers")
LISTENERS: Final = Call("elbv2", "DescribeListeners", "elasticloadbalancing:DescribeListeners")
ATTRIBUTES: Final = Call("elbv2", "DescribeLoadBalancerAttributes", "elasticloadbalancing:DescribeLoadBalancerAttributes")
GROUPS: Final = Call("autoscaling", "DescribeAutoScalingGroups")
TABLES: Final = Call("dynamodb", "ListTables")
TABLE: Final = Call("dynamodb", "DescribeTable")
BACKUPS: Final = Call("dynamodb", "DescribeContinuousBackups")
FUNCTIONS: Final = Call("lambda", "ListFunctions")
FUNCTION_POLICY: Final = Call("lambda", "GetPolicy")
FUNCTION_URLS: Final = Call("lambda", "ListFunctionUrlConfigs")
REPOSITORIES: Final = Call("ecr", "DescribeRepositories")
REPOSITORY_POLICY: Final = Call("ecr", "GetRepositoryPolicy")
_RESTORABLE: Final = "ContinuousBackupsDescription.PointInTimeRecoveryDescription"


def _balancers(look: Look) -> Iterator[Subject]:
    for item in look.list(BALANCERS, "LoadBalancers", PageSize=400):
        arn = str(item["LoadBalancerArn"])
        balancer = look.subject(arn, item, str(item["LoadBalancerName"]))
        gone = ("LoadBalancerNotFound",)
        balancer.list("Listeners", LISTENERS, "Listeners", gone=gone, LoadBalancerArn=arn)
        balancer.ask("Attributes", ATTRIBUTES, pick="Attributes", gone=gone, LoadBalancerArn=arn)
        yield balancer


def _groups(look: Look) -> Iterator[Subject]:
    """Groups; the instances that they hold just now are observed as instances."""
    for item in look.list(GROUPS, "AutoScalingGroups", MaxRecords=100):
        group = look.subject(str(item["AutoScalingGroupARN"]), item, str(item["AutoScalingGroupName"]))
        group.drop("Instances", "DesiredCapacity", "PredictedCapacity", "WarmPoolSize")
        yield group


def _tables(look: Look) -> Iterator[Subject]:
    for name in look.list(TABLES, "TableNames"):
        table = look.subject(look.arn("dynamodb", f"table/{name}", region=look.region), {"TableName": name}, str(name))
        table.ask("Table", TABLE, pick="Table", gone=("ResourceNotFoundException",), TableName=name)
        table.drop("Table.TableSizeBytes", "Table.ItemCount")
        for index in (*(table.get("Table.GlobalSecondaryIndexes") or ()), *(table.get("Table.LocalSecondaryIndexes") or ())):
            index.pop("IndexSizeBytes", None)
            index.pop("ItemCount", None)
        path, gone = "ContinuousBackupsDescription", ("TableNotFoundException",)
        table.ask(path, BACKUPS, pick=path, gone=gone, TableName=name)
        table.drop(f"{_RESTORABLE}.LatestRestorableDateTime", f"{_RESTORABLE}.EarliestRestorableDateTime")
        yield table


def _functions(look: Look) -> Iterator[Subject]:
    """Functions; the values of their environment may be secrets and are left out, their names stay."""
    known = tags(look, "lambda:function")
    for item in look.list(FUNCTIONS, "Functions", MaxItems=50):
        name = str(item["FunctionName"])
        function = look.subject(str(item["FunctionArn"]), item, name)
        variables = function.get("Environment.Variables")
        function.drop("Environment.Variables")
        if isinstance(variables, dict):
            function.put("Environment._names", sorted(variables))
        known.put(function, function.arn)
        absent = ("ResourceNotFoundException",)
        function.ask("Policy", FUNCTION_POLICY, pick="Policy", absent=absent, FunctionName=name)
        function.list("FunctionUrlConfigs", FUNCTION_URLS, "FunctionUrlConfigs", gone=absent, FunctionName=name)
        yield function


def _repositories(look: Look) -> Iterator[Subject]:
    for item in look.list(REPOSITORIES, "repositories", maxResults=1000):
        name = str(item["repositoryName"])
        repository = look.subject(str(item["repositoryArn"]), item, name)
        absent, gone = ("RepositoryPolicyNotFoundException",), ("RepositoryNotFoundException",)
        repository.ask("policyText", REPOSITORY_POLICY, pick="policyText", absent=absent, gone=gone, repositoryName=name)
        yield repository


RESOURCES: Final = (
    Resource(
        "elbv2",
        "load-balancer",
        "regional",
        "load balancers with their listeners and attributes",
        (BALANCERS, LISTENERS, ATTRIBUTES),
        _balancers,
        ("A.5.14", "A.8.21", "A.8.24"),
    ),
    Resource("autoscaling", "group", "regional", "groups of instances and their zones", (GROUPS,), _groups, ("A.8.14",)),
    Resource(
        "dynamodb",
        "table",
        "regional",
        "tables: encryption, deletion protection, recovery to a point in time",
        (TABLES, TABLE, BACKUPS),
        _tables,
        ("A.8.13", "A.8.24"),
    ),
    Resource(
        "lambda",
        "function",
        "regional",
        "functions: runtime, tags, who may call them, public addresses",
        (FUNCTIONS, TAGS, FUNCTION_POLICY, FUNCTION_URLS),
        _functions,
        ("A.5.9", "A.8.3", "A.8.8", "A.8.9", "A.8.26"),
        documents=("Policy",),
    ),
    Resource(
        "ecr",
        "repository",
        "regional",
        "container repositories: scanning, tags that stand still, policy",
        (REPOSITORIES, REPOSITORY_POLICY),
        _repositories,
        ("A.8.8", "A.8.9"),
        documents=("policyText",),
    ),
)
