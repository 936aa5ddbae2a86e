"""AWS Organizations: the organisation of the account; from its management account the accounts, roots and control policies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from collectors.aws_services.base import Call, Look, NotHere, Resource, Subject

ORGANIZATION: Final = Call("organizations", "DescribeOrganization")
ACCOUNTS: Final = Call("organizations", "ListAccounts")
ROOTS: Final = Call("organizations", "ListRoots")
POLICIES: Final = Call("organizations", "ListPolicies")
POLICY: Final = Call("organizations", "DescribePolicy")
TARGETS: Final = Call("organizations", "ListTargetsForPolicy")
TAGS: Final = Call("organizations", "ListTagsForResource")
_GONE: Final = ("PolicyNotFoundException", "AccountNotFoundException", "TargetNotFoundException")


def _own(look: Look) -> Mapping[str, Any] | None:
    """The account's organisation; None says that it has none."""
    if "organizations" not in look.memo:
        answer = look.ask(ORGANIZATION, absent=("AWSOrganizationsNotInUseException",))
        look.memo["organizations"] = None if answer is None else answer.get("Organization")
    found: Mapping[str, Any] | None = look.memo["organizations"]
    return found


def _manages(look: Look) -> None:
    """Only the management account may list. Raises NotHere in others."""
    own = _own(look)
    if own is None or own.get("MasterAccountId") != look.account:
        raise NotHere("the account does not manage an organisation")


def _organization(look: Look) -> Iterator[Subject]:
    own = _own(look)
    value = (
        None if own is None else {key: item for key, item in own.items() if key != "AvailablePolicyTypes"}
    )  # always empty or old
    yield look.subject(look.arn("iam", "root"), {"Organization": value}, look.account)


def _accounts(look: Look) -> Iterator[Subject]:
    _manages(look)
    for item in look.list(ACCOUNTS, "Accounts"):
        account = look.subject(str(item["Arn"]), item, str(item["Id"]))
        account.list("Tags", TAGS, "Tags", gone=_GONE, ResourceId=str(item["Id"]))
        yield account


def _roots(look: Look) -> Iterator[Subject]:
    _manages(look)
    for item in look.list(ROOTS, "Roots"):
        yield look.subject(str(item["Arn"]), item, str(item["Id"]))


def _policies(look: Look) -> Iterator[Subject]:
    _manages(look)
    for item in look.list(POLICIES, "Policies", Filter="SERVICE_CONTROL_POLICY"):
        policy = look.subject(str(item["Arn"]), {"PolicySummary": item}, str(item["Id"]))
        found = policy.ask("Content", POLICY, pick="Policy", gone=_GONE, PolicyId=str(item["Id"]))
        if found is not None:
            policy.put("Content", found.get("Content"))
        policy.list("Targets", TARGETS, "Targets", gone=_GONE, PolicyId=str(item["Id"]))
        yield policy


RESOURCES: Final = (
    Resource(
        "organizations",
        "organization",
        "global",
        "the organisation that the account belongs to",
        (ORGANIZATION,),
        _organization,
        ("A.5.23",),
    ),
    Resource(
        "organizations",
        "account",
        "global",
        "the organisation's accounts (management account only)",
        (ORGANIZATION, ACCOUNTS, TAGS),
        _accounts,
        ("A.5.19", "A.5.23", "A.8.31"),
    ),
    Resource(
        "organizations",
        "root",
        "global",
        "the organisation's roots and the policy types enabled in them (management account only)",
        (ORGANIZATION, ROOTS),
        _roots,
        ("A.5.23",),
    ),
    Resource(
        "organizations",
        "policy",
        "global",
        "service control policies, their statements and targets (management account only)",
        (ORGANIZATION, POLICIES, POLICY, TARGETS),
        _policies,
        ("A.5.15", "A.5.23"),
        documents=("Content",),
    ),
)
