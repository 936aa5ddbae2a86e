"""What was reviewed, counted or agreed."""

from __future__ import annotations

from collectors.aws_services import reviews
from tests.aws_world import World
from tests.collectors.aws_services.denials import check_denials

LICENSE = {
    "LicenseConfigurationArn": "arn:aws:license-manager:eu-west-1:1:license-configuration:lic-1",
    "Name": "database",
    "LicenseCount": 4,
    "ConsumedLicenses": 6,
    "Status": "AVAILABLE",
}
WORKLOAD = {
    "WorkloadArn": "arn:aws:wellarchitected:eu-west-1:1:workload/w",
    "WorkloadName": "shop",
    "UpdatedAt": 1_800_000_000,
    "RiskCounts": {"HIGH": 2, "NONE": 40},
    "ImprovementStatus": "NOT_STARTED",
}
ADVICE = {
    "id": "1",
    "arn": "arn:aws:trustedadvisor::1:recommendation/1",
    "name": "VPC",
    "status": "warning",
    "pillars": ["service_limits"],
}
AGREEMENT = {"id": "1", "arn": "arn:aws:artifact::1:customer-agreement/1", "name": "DPA", "state": "ACTIVE"}
REPORT = {
    "id": "r",
    "arn": "arn:aws:artifact:::report/r:1",
    "name": "SOC 2",
    "state": "PUBLISHED",
    "periodEnd": "2026-09-30T00:00:00Z",
}


def fill(world: World) -> None:
    world.fake("ListLicenseConfigurations", {"LicenseConfigurations": [LICENSE]})
    world.fake("POST /workloadsSummaries", {"WorkloadSummaries": [WORKLOAD]})
    world.fake("GET /v1/recommendations", {"recommendationSummaries": [ADVICE]})
    world.fake("GET /v1/customer-agreement/list", {"customerAgreements": [AGREEMENT]})
    world.fake("GET /v1/report/list", {"reports": [REPORT]})
    limit = {"Amount": "100", "Unit": "USD"}
    budget = {"BudgetName": "month", "BudgetType": "COST", "TimeUnit": "MONTHLY", "BudgetLimit": limit}
    world.client("budgets").create_budget(AccountId=world.account, Budget=budget)


def test_each_is_read_with_what_speaks_and_without_what_moves(world: World) -> None:
    fill(world)
    seen = world.look(*{resource.service for resource in reviews.RESOURCES})
    assert seen.report.errors == ()
    workload = seen.only("wellarchitected.workload")
    assert (workload["RiskCounts"]["HIGH"], workload["ImprovementStatus"]) == (2, "NOT_STARTED")
    license_ = seen.only("license-manager.license-configuration")
    assert (license_["LicenseCount"], license_["ConsumedLicenses"]) == (4, 6)
    assert seen.only("trustedadvisor.recommendation")["status"] == "warning"
    assert seen.only("budgets.budget")["BudgetType"] == "COST"
    assert "CalculatedSpend" not in seen.only("budgets.budget")
    assert seen.only("artifact.customer-agreement")["state"] == "ACTIVE"
    assert seen.only("artifact.report")["periodEnd"] == "2026-09-30T00:00:00Z"


def test_what_has_one_place_for_all_regions_is_asked_there(world: World) -> None:
    fill(world)
    world.look("trustedadvisor", "artifact")
    assert {asked.region for asked in world.proxy.seen if asked.service in ("trustedadvisor", "artifact")} == {"us-east-1"}


def test_each_call_that_is_refused_is_missed_by_name(world: World) -> None:
    fill(world)
    check_denials(world, reviews.RESOURCES)
