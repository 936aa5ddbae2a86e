"""How services are set up: storage, logging, keys, databases, networks, alarms, admission of images."""

from __future__ import annotations

from typing import Final

from collectors.gcp_resources.base import EVERYWHERE, Piece, Resource

_COMPUTE: Final = ("maxResults", 500)


def _compute(name: str, what: str, place: str, permission: str, controls: tuple[str, ...]) -> Resource:
    """A list of Compute Engine's, which names its elements by a short name."""
    path, subject = f"/compute/v1/{{parent}}/{place}", f"{{parent}}/{place}/{{0}}"
    return Resource(
        "compute",
        name,
        what,
        "compute",
        ("projects",),
        path,
        "items",
        (permission,),
        subject=subject,
        size=_COMPUTE,
        controls=controls,
    )


RESOURCES: Final = (
    Resource(
        "storage",
        "bucket",
        "buckets: public access, retention, versioning, encryption, IAM policy",
        "storage",
        ("projects",),
        "/storage/v1/b?project={id}&projection=noAcl",
        "items",
        ("storage.buckets.list",),
        size=("maxResults", 500),
        pieces=(Piece("_iamPolicy", "/storage/v1/b/{of}/iam?optionsRequestedPolicyVersion=3", "storage.buckets.getIamPolicy"),),
        controls=("A.5.15", "A.5.33", "A.8.3", "A.8.13"),
    ),
    Resource(
        "logging",
        "sink",
        "log sinks and their exclusions",
        "logging",
        EVERYWHERE,
        "/v2/{parent}/sinks",
        "sinks",
        ("logging.sinks.list",),
        subject="{parent}/sinks/{0}",
        controls=("A.8.15",),
    ),
    Resource(
        "logging",
        "bucket",
        "log buckets: retention and lock",
        "logging",
        EVERYWHERE,
        "/v2/{parent}/locations/-/buckets",
        "buckets",
        ("logging.buckets.list",),
        controls=("A.5.28", "A.5.33", "A.8.15"),
    ),
    Resource(
        "cloudkms",
        "crypto-key",
        "keys of Cloud KMS: purpose, rotation, protection",
        "kmsinventory",
        ("projects",),
        "/v1/{parent}/cryptoKeys",
        "cryptoKeys",
        ("cloudkms.cryptoKeys.list",),
        controls=("A.8.24",),
    ),
    Resource(
        "sqladmin",
        "instance",
        "Cloud SQL instances: TLS, backup, availability, networks",
        "sqladmin",
        ("projects",),
        "/v1/{parent}/instances",
        "items",
        ("cloudsql.instances.list",),
        subject="{parent}/instances/{0}",
        size=("maxResults", 500),
        drop=("currentDiskSize", "rootPassword"),
        controls=("A.5.14", "A.8.13", "A.8.14"),
    ),
    Resource(
        "sqladmin",
        "backup-run",
        "backups of Cloud SQL instances and how they ended",
        "sqladmin",
        ("projects",),
        "/v1/{parent}/instances/-/backupRuns",
        "items",
        ("cloudsql.backupRuns.list",),
        names=("instance", "id"),
        subject="{parent}/instances/{0}/backupRuns/{1}",
        size=("maxResults", 500),
        controls=("A.8.13",),
    ),
    _compute("firewall", "VPC firewall rules", "global/firewalls", "compute.firewalls.list", ("A.6.7", "A.8.20")),
    _compute("network", "VPC networks and their peerings", "global/networks", "compute.networks.list", ("A.8.20", "A.8.22")),
    _compute("ssl-policy", "TLS policies of load balancers", "global/sslPolicies", "compute.sslPolicies.list", ("A.8.24",)),
    _compute("target-https-proxy", "HTTPS proxies", "global/targetHttpsProxies", "compute.targetHttpsProxies.list", ("A.8.24",)),
    _compute("backend-service", "global backends", "global/backendServices", "compute.backendServices.list", ("A.8.26",)),
    _compute("region", "quotas of Regions and their use", "regions", "compute.regions.list", ("A.8.6",)),
    Resource(
        "monitoring",
        "alert-policy",
        "alerting policies of Cloud Monitoring",
        "monitoring",
        ("projects",),
        "/v3/{parent}/alertPolicies",
        "alertPolicies",
        ("monitoring.alertPolicies.list",),
        controls=("A.8.16",),
    ),
    Resource(
        "binaryauthorization",
        "policy",
        "which images may be run",
        "binaryauthorization",
        ("projects",),
        "/v1/{parent}/policy",
        "",
        ("binaryauthorization.policy.get",),
        names=(),
        subject="{parent}/policy",
        size=None,
        controls=("A.8.19",),
    ),
)
