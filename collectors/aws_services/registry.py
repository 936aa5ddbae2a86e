"""Every resource kind that aws-account reads, in the order in which they are read: one line per service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from collectors.aws_services import (
    account,
    backup,
    cloudtrail,
    config,
    delivery,
    ec2,
    ec2_network,
    examined,
    exchange,
    filtering,
    gateways,
    guardduty,
    iam,
    keys,
    monitoring,
    organizations,
    rds,
    recovery,
    reviews,
    s3,
    ssm,
    sso,
    sts,
    workloads,
)
from collectors.aws_services.base import Resource

_ALL: Final[tuple[Resource, ...]] = (
    *sts.RESOURCES,
    *organizations.RESOURCES,
    *account.RESOURCES,
    *iam.RESOURCES,
    *sso.RESOURCES,
    *s3.RESOURCES,
    *cloudtrail.RESOURCES,
    *config.RESOURCES,
    *ec2.RESOURCES,
    *ec2_network.RESOURCES,
    *rds.RESOURCES,
    *keys.RESOURCES,
    *guardduty.RESOURCES,
    *monitoring.RESOURCES,
    *backup.RESOURCES,
    *ssm.RESOURCES,
    *workloads.RESOURCES,
    *gateways.RESOURCES,
    *delivery.RESOURCES,
    *exchange.RESOURCES,
    *filtering.RESOURCES,
    *recovery.RESOURCES,
    *examined.RESOURCES,
    *reviews.RESOURCES,
)
RESOURCES: Final[Mapping[str, Resource]] = {resource.key: resource for resource in _ALL}


def chosen(names: tuple[str, ...]) -> tuple[Resource, ...]:
    """The kinds that a setting names: a service ("s3") or one kind ("iam.user"); all for none. Raises ValueError."""
    for name in names:
        if not any(_named(name, resource) for resource in _ALL):
            services = sorted({resource.service for resource in _ALL})
            raise ValueError(f"{name!r} is no resource kind: write a service ({', '.join(services)}) or e.g. iam.user")
    return tuple(resource for resource in _ALL if not names or any(_named(name, resource) for name in names))


def _named(name: str, resource: Resource) -> bool:
    return name in (resource.service, resource.key)
