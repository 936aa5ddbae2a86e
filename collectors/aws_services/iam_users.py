"""IAM users with all that they sign in with and are allowed, access keys, the root user, the credential report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from collectors.aws import AwsError
from collectors.aws_services.base import Call, Look, Resource, Subject
from collectors.aws_services.credential_report import GENERATE, GET, Live, Report, fetch, joined
from collectors.aws_services.values import day, moment

DETAILS: Final = Call("iam", "GetAccountAuthorizationDetails")
DEVICES: Final = Call("iam", "ListMFADevices")
LOGIN: Final = Call("iam", "GetLoginProfile")
KEYS: Final = Call("iam", "ListAccessKeys")
USED: Final = Call("iam", "GetAccessKeyLastUsed")
USERS: Final = Call("iam", "ListUsers")
_NONE: Final = ("NoSuchEntity",)
_LISTS: Final = ("UserPolicyList", "GroupList", "AttachedManagedPolicies", "Tags")


def _users(look: Look) -> Iterator[Subject]:
    report = _report(look)
    groups = _groups(look)
    for item in look.list(DETAILS, "UserDetailList", Filter=["User"]):
        name = str(item["UserName"])
        user = look.subject(str(item["Arn"]), {**dict.fromkeys(_LISTS, ()), "PermissionsBoundary": None, **item}, name)
        user.put("_account", look.account)
        _belonging(user, groups)
        devices = user.list("MFADevices", DEVICES, "MFADevices", gone=_NONE, UserName=name)
        keys = user.list("AccessKeyMetadata", KEYS, "AccessKeyMetadata", gone=_NONE, UserName=name)
        user.ask("LoginProfile", LOGIN, pick="LoginProfile", absent=_NONE, UserName=name)
        if user.gone:
            continue
        if keys is not None:
            look.memo.setdefault("iam.keys", {})[name] = keys
        password = None
        if "LoginProfile" in user.value:
            profile = user.value["LoginProfile"]
            password = _second(profile["CreateDate"]) if profile else ""
        live = Live(_second(item["CreateDate"]), password, None if devices is None else len(devices), _live(look, keys))
        _join(user, report, live)
        yield user


def _report(look: Look) -> Report | str:
    """The report, or why there is none; had once for the account."""
    if "iam.report" not in look.memo:
        try:
            look.memo["iam.report"] = fetch(look, look.of.pause)
        except AwsError as error:
            look.memo["iam.report"] = str(error)
    found: Report | str = look.memo["iam.report"]
    return found


def _join(user: Subject, report: Report | str, live: Live) -> None:
    columns, unread = joined(None if isinstance(report, str) else report, user.arn, live)
    user.put("CredentialReport", columns)
    user.unread += [f"CredentialReport.{name}" for name in unread]
    if isinstance(report, str):
        user.look.faults[("CredentialReport", report)] += 1


def _live(look: Look, keys: Any) -> list[Mapping[str, Any]] | None:
    """A user's keys as the report would write them, the oldest first."""
    if keys is None:
        return None
    return [_column(look, key) for key in sorted(keys, key=lambda key: (key["CreateDate"], key["AccessKeyId"]))]


def _column(look: Look, key: Mapping[str, Any]) -> Mapping[str, Any]:
    found = {"active": key["Status"] == "Active", "last_rotated": _second(key["CreateDate"])}
    try:
        used = _used(look, str(key["AccessKeyId"]))
    except AwsError as error:
        if error.code == "broken":
            raise
        look.faults[("AccessKeyLastUsed", str(error))] += 1
        return found
    names = {"last_used_date": "LastUsedDate", "last_used_region": "Region", "last_used_service": "ServiceName"}
    return found | {column: used.get(name) for column, name in names.items()}


def _second(time: datetime) -> str:
    """As the report writes times."""
    return moment(time.replace(microsecond=0))


def _used(look: Look, key: str) -> dict[str, Any]:
    """When a key was last used, cut to the day; null for what AWS calls N/A. Asked once. Raises AwsError."""
    known: dict[str, dict[str, Any]] = look.memo.setdefault("iam.used", {})
    if key not in known:
        used = (look.ask(USED, AccessKeyId=key) or {}).get("AccessKeyLastUsed") or {}
        values = {name: used.get(name) for name in ("LastUsedDate", "Region", "ServiceName")}
        known[key] = {name: None if value == "N/A" else day(value) for name, value in values.items()}
    return known[key]


def _groups(look: Look) -> dict[str, Mapping[str, Any]] | AwsError:
    """What groups allow, by name, so that a user says all that it is allowed; or why that is not known."""
    try:
        details = look.list(DETAILS, "GroupDetailList", Filter=["Group"])
        return {str(group["GroupName"]): group for group in details}
    except AwsError as error:
        return error


def _belonging(user: Subject, groups: dict[str, Mapping[str, Any]] | AwsError) -> None:
    names = [str(name) for name in user.value["GroupList"]]
    if isinstance(groups, AwsError):
        if names:
            user.miss("GroupDetailList", str(groups))
            return
        groups = {}
    unknown = [name for name in names if name not in groups]
    if unknown:
        user.miss("GroupDetailList", "a group was made while the account was read: the next run has it")
    else:
        user.put("GroupDetailList", [groups[name] for name in names])


def _keys(look: Look) -> Iterator[Subject]:
    fault: AwsError | None = None
    for item in look.list(USERS, "Users"):
        try:
            found = _keys_of(look, str(item["UserName"]))
        except AwsError as error:
            if error.code == "broken":
                raise
            if error.code not in _NONE:  # which says that the user was deleted meanwhile
                fault = error
            continue
        for entry in found:
            identity = str(entry["AccessKeyId"])
            key = look.subject(f"{item['Arn']}/access-key/{identity}", entry, identity)
            _last_used(key, identity)
            yield key
    if fault is not None:
        raise fault


def _keys_of(look: Look, user: str) -> list[Any]:
    known: dict[str, list[Any]] = look.memo.get("iam.keys", {})
    return known[user] if user in known else list(look.list(KEYS, "AccessKeyMetadata", UserName=user))


def _last_used(key: Subject, identity: str) -> None:
    try:
        key.put("AccessKeyLastUsed", _used(key.look, identity))
    except AwsError as error:
        if error.code == "broken":
            raise
        key.miss("AccessKeyLastUsed", str(error))


def _root(look: Look) -> Iterator[Subject]:
    arn = look.arn("iam", "root")
    report = _had(look)
    row = report.rows.get(arn)
    columns = None if row is None else {**row, "GeneratedTime": day(report.generated)}
    yield look.subject(arn, {"CredentialReport": columns}, look.account)


def _made(look: Look) -> Iterator[Subject]:
    report = _had(look)
    yield look.subject(look.arn("iam", "credential-report"), {"GeneratedTime": report.generated, "Rows": len(report.rows)})


def _had(look: Look) -> Report:
    report = _report(look)
    if isinstance(report, str):
        raise AwsError(report, "report")
    return report


_USER_CALLS: Final = (DETAILS, DEVICES, KEYS, LOGIN, USED, GENERATE, GET)
RESOURCES: Final = (
    Resource(
        "iam",
        "user",
        "global",
        "users with their policies, groups, password, MFA devices, access keys and row of the credential report",
        _USER_CALLS,
        _users,
        ("A.5.15", "A.5.16", "A.5.17", "A.5.18", "A.6.5", "A.8.2", "A.8.5", "A.8.11"),
    ),
    Resource(
        "iam",
        "access-key",
        "global",
        "access keys and when they were last used",
        (USERS, KEYS, USED),
        _keys,
        ("A.5.17", "A.5.18"),
    ),
    Resource(
        "iam", "root", "global", "the root user's row of the credential report", (GENERATE, GET), _root, ("A.5.17", "A.8.5")
    ),
    Resource(
        "iam", "credential-report", "global", "when the credential report was made", (GENERATE, GET), _made, ("A.5.18", "A.8.5")
    ),
)
