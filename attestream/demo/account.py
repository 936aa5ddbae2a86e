"""The simulated organisation's AWS account, as it stands now: what `aws-account` finds in it.

Most of it is well kept. What is not: k.brandt has no second factor, one bucket's public access block is off, a security group
lets anybody in on port 22, a log group is kept for ever, and there is no password policy.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from attestream.demo.world import (
    ACCOUNT,
    BRANDT,
    BUCKETS,
    DATABASES,
    DEPLOY_BOT,
    DEPLOYMENT,
    GLOBAL_REGION,
    HOME_REGION,
    KEY_ORDERS,
    LOG_BUCKET,
    ORDERS_TASK,
    PEOPLE,
    PLATFORM_ADMIN,
    PRESS_BUCKET,
    SUPPLIER_ACCOUNT,
    SUPPLIER_MONITOR,
    User,
)

Client = Callable[[str, str], Any]
"""client(service, region) -> a boto3 client of the simulated cloud."""
OPEN_GROUP: Final = "legacy-bastion"
READ: Final = (
    "iam", "s3.bucket", "s3control", "cloudtrail", "config.configuration-recorder", "ec2.security-group", "ec2.vpc",
    "ec2.instance", "ec2.volume", "kms", "guardduty.detector", "logs.log-group", "rds.db-instance", "secretsmanager",
    "cloudformation", "cloudwatch",
)  # fmt: skip
"""Kinds of resources that are read of it: those that the simulated cloud answers for wholly."""
_PRIVATE: Final = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)


def furnish(client: Client) -> None:
    """Build the account in an empty simulated cloud."""
    _people(client("iam", GLOBAL_REGION))
    _roles(client("iam", GLOBAL_REGION))
    _buckets(client("s3", HOME_REGION))
    _records(client)
    _network(client("ec2", HOME_REGION))
    client("kms", HOME_REGION).create_key(Description=f"orders ({KEY_ORDERS[:8]})")
    _services(client)


def _people(iam: Any) -> None:
    iam.create_group(GroupName="developers")
    for user in (*PEOPLE, BRANDT, DEPLOY_BOT):
        iam.create_user(UserName=user.name, Tags=[{"Key": "job", "Value": user.job}])
        if user is not DEPLOY_BOT:
            iam.create_login_profile(UserName=user.name, Password=f"Never-used-{user.number}!")
            iam.add_user_to_group(GroupName="developers", UserName=user.name)
        if user.mfa:
            _second_factor(iam, user)
    iam.create_access_key(UserName=DEPLOY_BOT.name)


def _second_factor(iam: Any, user: User) -> None:
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName=user.name)["VirtualMFADevice"]["SerialNumber"]
    iam.enable_mfa_device(UserName=user.name, SerialNumber=device, AuthenticationCode1="123456", AuthenticationCode2="654321")


def _roles(iam: Any) -> None:
    for role, principal in (
        (DEPLOYMENT, {"Service": "codebuild.amazonaws.com"}),
        (PLATFORM_ADMIN, {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}),
        (ORDERS_TASK, {"Service": "ecs-tasks.amazonaws.com"}),
        (SUPPLIER_MONITOR, {"AWS": f"arn:aws:iam::{SUPPLIER_ACCOUNT}:root"}),
    ):
        statement: dict[str, Any] = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
        if role is PLATFORM_ADMIN:
            statement["Condition"] = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
        document = {"Version": "2012-10-17", "Statement": [statement]}
        iam.create_role(RoleName=role.name, Path=role.path, AssumeRolePolicyDocument=json.dumps(document))
    read = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}]}
    iam.create_policy(PolicyName="orders-read", PolicyDocument=json.dumps(read))


def _buckets(s3: Any) -> None:
    encrypted = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]}
    for name in (*BUCKETS, LOG_BUCKET):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": HOME_REGION})
        s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration=encrypted)
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        if name != PRESS_BUCKET:
            s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=_PRIVATE)


def _records(client: Client) -> None:
    trails = client("cloudtrail", HOME_REGION)
    trails.create_trail(Name="org-trail", S3BucketName=LOG_BUCKET, IsMultiRegionTrail=True, EnableLogFileValidation=True)
    trails.start_logging(Name="org-trail")
    recorder = {"name": "default", "roleARN": f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/config.amazonaws.com/recorder"}
    config = client("config", HOME_REGION)
    config.put_configuration_recorder(ConfigurationRecorder=recorder)
    config.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": LOG_BUCKET})
    config.start_configuration_recorder(ConfigurationRecorderName="default")
    client("guardduty", HOME_REGION).create_detector(Enable=True)


def _network(ec2: Any) -> None:
    ec2.enable_ebs_encryption_by_default()
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    group = ec2.create_security_group(GroupName=OPEN_GROUP, Description="kept for a migration", VpcId=vpc)["GroupId"]
    anywhere = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[anywhere])


def _services(client: Client) -> None:
    """What the shop runs on: two databases in two zones each, a secret, and logs, of which one group is kept for ever."""
    tags = [{"Key": "environment", "Value": "production"}, {"Key": "backup", "Value": "required"}]
    sizes = {"DBInstanceClass": "db.t4g.medium", "AllocatedStorage": 50, "Engine": "postgres"}
    for name in DATABASES:
        client("rds", HOME_REGION).create_db_instance(
            DBInstanceIdentifier=name,
            MasterUsername="shop",
            MasterUserPassword="Never-used-1",
            MultiAZ=True,
            BackupRetentionPeriod=14,
            StorageEncrypted=True,
            DeletionProtection=True,
            Tags=tags,
            **sizes,
        )
    client("secretsmanager", HOME_REGION).create_secret(Name="orders/database", SecretString="none")
    logs = client("logs", HOME_REGION)
    for name, days in (("/ecs/orders", 90), ("/ecs/billing", 0)):
        logs.create_log_group(logGroupName=name)
        if days:
            logs.put_retention_policy(logGroupName=name, retentionInDays=days)
