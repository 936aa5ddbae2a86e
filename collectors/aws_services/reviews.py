"""What was reviewed, counted or agreed: workloads, licences, limits, budgets, agreements and reports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from collectors.aws_services.base import Call, Look, Resource, Subject
from collectors.aws_services.paged import paged

WORKLOADS: Final = Call("wellarchitected", "ListWorkloads")
LICENSES: Final = Call("license-manager", "ListLicenseConfigurations")
ADVICE: Final = Call("trustedadvisor", "ListRecommendations")
BUDGETS: Final = Call("budgets", "DescribeBudgets", "budgets:ViewBudget")
AGREEMENTS: Final = Call("artifact", "ListCustomerAgreements")
REPORTS: Final = Call("artifact", "ListReports")
ONE_REGION: Final = "us-east-1"
"""Where services that have one place for all Regions are asked."""
_LICENSE: Final = (
    "LicenseConfigurationArn",
    "Name",
    "LicenseCountingType",
    "LicenseCount",
    "LicenseCountHardLimit",
    "ConsumedLicenses",
    "Status",
)
_ADVICE: Final = ("id", "name", "status", "lifecycleStage", "pillars", "awsServices", "resourcesAggregates")
_BUDGET: Final = ("BudgetName", "BudgetType", "BudgetLimit", "TimeUnit")
_AGREEMENT: Final = ("id", "name", "state", "type", "effectiveStart", "effectiveEnd")
_REPORT: Final = ("id", "name", "state", "series", "category", "companyName", "periodStart", "periodEnd", "version")


def _workloads(look: Look) -> Iterator[Subject]:
    for item in paged(look, WORKLOADS, "WorkloadSummaries", MaxResults=50):
        yield look.subject(str(item["WorkloadArn"]), item, str(item["WorkloadName"]))


def _licenses(look: Look) -> Iterator[Subject]:
    for item in look.list(LICENSES, "LicenseConfigurations", MaxResults=100):
        value = {key: item.get(key) for key in _LICENSE}
        yield look.subject(str(item["LicenseConfigurationArn"]), value, str(item["Name"]))


def _advice(look: Look) -> Iterator[Subject]:
    """Recommendations about service limits. AWS refuses them to accounts without a plan for support."""
    for item in look.list(ADVICE, "recommendationSummaries", region=ONE_REGION, pillar="service_limits", maxResults=200):
        yield look.subject(str(item["arn"]), {key: item.get(key) for key in _ADVICE}, str(item["name"]))


def _budgets(look: Look) -> Iterator[Subject]:
    """Budgets; what was spent moves by the hour and is left out."""
    for item in look.list(BUDGETS, "Budgets", optional=True, AccountId=look.account, MaxResults=100):
        name = str(item["BudgetName"])
        yield look.subject(look.arn("budgets", f"budget/{name}"), {key: item.get(key) for key in _BUDGET}, name)


def _agreements(look: Look) -> Iterator[Subject]:
    for item in look.list(AGREEMENTS, "customerAgreements", region=ONE_REGION, maxResults=100):
        yield look.subject(str(item["arn"]), {key: item.get(key) for key in _AGREEMENT}, str(item["name"]))


def _reports(look: Look) -> Iterator[Subject]:
    for item in look.list(REPORTS, "reports", region=ONE_REGION, maxResults=100):
        yield look.subject(str(item["arn"]), {key: item.get(key) for key in _REPORT}, str(item["name"]))


RESOURCES: Final = (
    Resource(
        "wellarchitected",
        "workload",
        "regional",
        "workloads, their reviews and open risks",
        (WORKLOADS,),
        _workloads,
        ("A.8.27",),
    ),
    Resource(
        "license-manager",
        "license-configuration",
        "regional",
        "licences: how many there are and are used",
        (LICENSES,),
        _licenses,
        ("A.5.32",),
    ),
    Resource(
        "trustedadvisor",
        "recommendation",
        "global",
        "advice on service limits (needs a plan for support)",
        (ADVICE,),
        _advice,
        ("A.8.6",),
    ),
    Resource("budgets", "budget", "global", "budgets", (BUDGETS,), _budgets, ("A.8.6",)),
    Resource(
        "artifact",
        "customer-agreement",
        "global",
        "agreements with AWS that were accepted",
        (AGREEMENTS,),
        _agreements,
        ("A.5.20",),
    ),
    Resource("artifact", "report", "global", "reports of assurance that AWS offers", (REPORTS,), _reports, ("A.7.1",)),
)
