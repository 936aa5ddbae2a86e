"""IAM: roles, policies, groups, the account's settings, MFA devices and identity providers. Users are in iam_users.py."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from collectors.aws_services import iam_users
from collectors.aws_services.base import Call, Look, Resource, Subject
from collectors.aws_services.iam_users import DETAILS

PASSWORDS: Final = Call("iam", "GetAccountPasswordPolicy")
SUMMARY: Final = Call("iam", "GetAccountSummary")
VIRTUAL: Final = Call("iam", "ListVirtualMFADevices")
SAML: Final = Call("iam", "ListSAMLProviders")
OIDC: Final = Call("iam", "ListOpenIDConnectProviders")
OIDC_ONE: Final = Call("iam", "GetOpenIDConnectProvider")
CERTIFICATES: Final = Call("iam", "ListServerCertificates")
_NONE: Final = ("NoSuchEntity",)
_ACCOUNT: Final = re.compile(r"(?:arn:[a-z-]+:(?:iam|sts)::)?(\d{12})(?::.*)?")
_ROLE: Final[Mapping[str, Any]] = {"PermissionsBoundary": None, "RoleLastUsed": None, "Tags": ()}


def _roles(look: Look) -> Iterator[Subject]:
    """Roles. `_account` is their account, `_trusted_accounts` are those that their trust policy names."""
    for item in look.list(DETAILS, "RoleDetailList", Filter=["Role"]):
        role = look.subject(str(item["Arn"]), {**_ROLE, **item}, str(item["RoleName"]))
        profiles = item.get("InstanceProfileList") or ()
        role.put("InstanceProfileList", [{key: value for key, value in each.items() if key != "Roles"} for each in profiles])
        role.put("RoleLastUsed", item.get("RoleLastUsed") or None)  # never used within 400 days: an empty answer
        role.days("RoleLastUsed.LastUsedDate")
        role.put("_account", look.account)
        role.put("_trusted_accounts", _trusted(item.get("AssumeRolePolicyDocument")))
        yield role


def _trusted(policy: Any) -> list[str]:
    """The accounts that statements which allow name as principals, by id or ARN."""
    statements = policy.get("Statement") if isinstance(policy, Mapping) else None
    found: set[str] = set()
    for statement in statements if isinstance(statements, list) else [statements]:
        if not isinstance(statement, Mapping) or statement.get("Effect") != "Allow":
            continue
        principal = statement.get("Principal")
        named = principal.get("AWS") if isinstance(principal, Mapping) else None
        names = named if isinstance(named, list) else [named]
        found.update(match[1] for name in names if isinstance(name, str) and (match := _ACCOUNT.fullmatch(name)))
    return sorted(found)


def _policies(look: Look) -> Iterator[Subject]:
    """Policies of the account's own. `Document` is the version that is in force; of the others only the ids are kept."""
    for item in look.list(DETAILS, "Policies", Filter=["LocalManagedPolicy"]):
        arn = str(item["Arn"])
        policy = look.subject(arn, item, str(item.get("PolicyName") or arn.rpartition("/")[2]))
        versions = item.get("PolicyVersionList") or ()
        force = next((each["Document"] for each in versions if each.get("IsDefaultVersion") and "Document" in each), None)
        policy.put("PolicyVersionList", [{key: value for key, value in each.items() if key != "Document"} for each in versions])
        if force is None:
            policy.miss("Document", "AWS iam GetAccountAuthorizationDetails names no version that is in force")
        else:
            policy.put("Document", force)
        yield policy


def _groups(look: Look) -> Iterator[Subject]:
    for item in look.list(DETAILS, "GroupDetailList", Filter=["Group"]):
        yield look.subject(str(item["Arn"]), item, str(item["GroupName"]))


def _passwords(look: Look) -> Iterator[Subject]:
    answer = look.ask(PASSWORDS, absent=_NONE)
    policy = None if answer is None else answer.get("PasswordPolicy")
    yield look.subject(look.arn("iam", "root"), {"PasswordPolicy": policy}, look.account)


def _summary(look: Look) -> Iterator[Subject]:
    answer = look.ask(SUMMARY) or {}
    yield look.subject(look.arn("iam", "root"), {"SummaryMap": answer.get("SummaryMap")}, look.account)


def _devices(look: Look) -> Iterator[Subject]:
    for item in look.list(VIRTUAL, "VirtualMFADevices", AssignmentStatus="Any"):
        serial = str(item["SerialNumber"])
        device = look.subject(serial, {"EnableDate": None, **item}, serial)
        device.drop("Base32StringSeed", "QRCodePNG")
        owner = item.get("User")
        device.put("User", {key: owner.get(key) for key in ("Arn", "UserId", "UserName")} if owner else None)
        yield device


def _saml(look: Look) -> Iterator[Subject]:
    for item in look.list(SAML, "SAMLProviderList"):
        yield look.subject(str(item["Arn"]), item)


def _oidc(look: Look) -> Iterator[Subject]:
    for item in look.list(OIDC, "OpenIDConnectProviderList"):
        arn = str(item["Arn"])
        provider = look.subject(arn, item)
        provider.ask("OpenIDConnectProvider", OIDC_ONE, gone=_NONE, OpenIDConnectProviderArn=arn)
        yield provider


def _certificates(look: Look) -> Iterator[Subject]:
    for item in look.list(CERTIFICATES, "ServerCertificateMetadataList"):
        yield look.subject(str(item["Arn"]), item, str(item["ServerCertificateName"]))


RESOURCES: Final = (
    *iam_users.RESOURCES,
    Resource(
        "iam",
        "role",
        "global",
        "roles with trust policy, policies and last use",
        (DETAILS,),
        _roles,
        ("A.5.15", "A.5.18", "A.5.19", "A.8.2", "A.8.11", "A.8.31", "A.8.34"),
    ),
    Resource(
        "iam",
        "policy",
        "global",
        "managed policies of the account, with their statements",
        (DETAILS,),
        _policies,
        ("A.5.15", "A.8.2", "A.8.11"),
    ),
    Resource("iam", "group", "global", "groups with their policies", (DETAILS,), _groups, ("A.5.15", "A.8.2")),
    Resource("iam", "password-policy", "global", "the account's password policy", (PASSWORDS,), _passwords, ("A.5.17",)),
    Resource(
        "iam",
        "account-summary",
        "global",
        "the account's counts and root's MFA",
        (SUMMARY,),
        _summary,
        ("A.5.17", "A.8.2", "A.8.5"),
    ),
    Resource("iam", "virtual-mfa-device", "global", "virtual MFA devices and whose they are", (VIRTUAL,), _devices, ("A.8.5",)),
    Resource("iam", "saml-provider", "global", "SAML identity providers", (SAML,), _saml, ("A.5.16",)),
    Resource("iam", "open-id-connect-provider", "global", "OpenID Connect providers", (OIDC, OIDC_ONE), _oidc, ("A.5.16",)),
    Resource(
        "iam", "server-certificate", "global", "server certificates and their expiry", (CERTIFICATES,), _certificates, ("A.8.24",)
    ),
)
