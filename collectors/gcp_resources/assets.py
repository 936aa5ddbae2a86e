"""What is read of a whole organisation in one list: resources of many projects by Cloud Asset Inventory, and findings.

An asset's own members stand in `resource.data`. Asking each zone of each project for them would cost hundreds of calls; the
inventory follows a change within minutes.
"""

from __future__ import annotations

from typing import Final

from collectors.gcp_resources.base import Resource

_MOVES: Final = ("updateTime", "resource.data.updateTime", "resource.version")
"""Members of an asset that are new at every look of Google's own."""
_OPEN: Final = "state%3D%22ACTIVE%22%20AND%20NOT%20mute%3D%22MUTED%22"


def _asset(service: str, name: str, what: str, asset_type: str, controls: tuple[str, ...]) -> Resource:
    return Resource(
        service,
        name,
        what,
        "cloudasset",
        ("top",),
        f"/v1/{{parent}}/assets?contentType=RESOURCE&assetTypes={asset_type}",
        "assets",
        ("cloudasset.assets.listResource",),
        size=("pageSize", 500),
        drop=_MOVES,
        controls=controls,
    )


RESOURCES: Final = (
    _asset(
        "osconfig",
        "os-policy-report",
        "reports of OS policies, machine by machine",
        "osconfig.googleapis.com/OSPolicyAssignmentReport",
        ("A.8.9", "A.8.17"),
    ),
    _asset(
        "osconfig",
        "vulnerability-report",
        "known holes of machines, by VM Manager",
        "osconfig.googleapis.com/VulnerabilityReport",
        ("A.8.8",),
    ),
    _asset(
        "networksecurity",
        "gateway-rule",
        "rules of secure web gateways",
        "networksecurity.googleapis.com/GatewaySecurityPolicyRule",
        ("A.8.23",),
    ),
    _asset("compute", "autoscaler", "autoscalers and what limits them", "compute.googleapis.com/Autoscaler", ("A.8.6", "A.8.14")),
    Resource(
        "securitycenter",
        "finding",
        "active findings of Security Command Center that are not muted",
        "securitycenter",
        ("top",),
        f"/v1/{{parent}}/sources/-/findings?filter={_OPEN}",
        "listFindingsResults",
        ("securitycenter.findings.list",),
        names=("finding.name",),
        size=("pageSize", 500),
        controls=("A.5.25", "A.5.34", "A.8.8"),
        kind="finding",
    ),
)
