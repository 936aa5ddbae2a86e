"""A small AWS Security Hub: GetFindings with filters, sorting and pages, over several accounts and Regions.

Filters as documented: values of one attribute are joined by OR (the NOT ones by AND), attributes by AND; both ends of a date
belong to it. An administrator sees its members' findings, the aggregation Region those of the other Regions.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from attestream.demo.servers.aws import AwsServer, Call, Refused

MAX_RESULTS: Final = 100
_TEXTS: Final[Mapping[str, tuple[str, ...]]] = {
    **{
        name: (name,)
        for name in ("Id", "ProductArn", "ProductName", "AwsAccountId", "Region", "GeneratorId", "Title", "RecordState")
    },
    "WorkflowStatus": ("Workflow", "Status"),
    "ComplianceStatus": ("Compliance", "Status"),
    "ComplianceSecurityControlId": ("Compliance", "SecurityControlId"),
    "SeverityLabel": ("Severity", "Label"),
}
_DATES: Final = ("CreatedAt", "UpdatedAt", "FirstObservedAt", "LastObservedAt")
Finding = dict[str, Any]
_Key = tuple[str, str, str]


class SecurityHubServer(AwsServer):
    """`hubs`: (account, Region) where it is enabled. `page`: no page holds more. `administrator`, `aggregation`: who sees all."""

    def __init__(self, account: str = "111122223333", *, page: int = MAX_RESULTS, **how: Any) -> None:
        super().__init__(account, **how)
        self.page = page
        self.hubs = {(account, region) for region in self.regions}
        self.administrator = self.aggregation = ""
        self.findings: dict[tuple[str, str], Finding] = {}

    def stamp(self, ago: float = 0.0) -> str:
        """The server's time, `ago` seconds before now."""
        moment = datetime.fromtimestamp(self.clock() - ago, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def put(self, name: str, *, account: str = "", region: str = "eu-west-1", ago: float = 0.0, **more: Any) -> str:
        """Import a finding, or its newer version, as a provider does; returns its Id. `more`: members of ASFF."""
        account = account or self.account
        base = f"arn:aws:securityhub:{region}:{account}:security-control"
        finding: Finding = {
            "SchemaVersion": "2018-10-08",
            "Id": f"{base}/S3.8/finding/{name}",
            "ProductArn": f"arn:aws:securityhub:{region}::product/aws/securityhub",
            "ProductName": "Security Hub",
            "CompanyName": "AWS",
            "Region": region,
            "GeneratorId": "security-control/S3.8",
            "AwsAccountId": account,
            "Types": ["Software and Configuration Checks/Industry and Regulatory Standards"],
            "CreatedAt": self.stamp(ago),
            "Severity": {"Label": "HIGH", "Original": "HIGH", "Normalized": 70},
            "Title": f"General purpose buckets should block public access ({name})",
            "Description": "This control checks a bucket.",
            "Resources": [{"Type": "AwsS3Bucket", "Id": f"arn:aws:s3:::{name}", "Partition": "aws", "Region": region}],
            "Compliance": {"Status": "FAILED", "SecurityControlId": "S3.8"},
            "Workflow": {"Status": "NEW"},
            "WorkflowState": "NEW",
            "RecordState": "ACTIVE",
        }
        finding |= more
        key = (finding["ProductArn"], finding["Id"])
        old = self.findings.get(key, {})
        moving = {name: self.stamp(ago) for name in ("UpdatedAt", "LastObservedAt", "ProcessedAt") if name not in more}
        self.findings[key] = {**finding, "CreatedAt": old.get("CreatedAt", finding["CreatedAt"]), **moving}
        return str(finding["Id"])

    def investigate(self, name: str, **more: Any) -> None:
        """Change what BatchUpdateFindings changes (Workflow, Note, Severity), which leaves UpdatedAt as it is."""
        for key in [key for key in self.findings if key[1].endswith(name)]:
            self.findings[key] = {**self.findings[key], **more}

    def clear(self) -> None:
        """Every finding is gone."""
        self.findings.clear()

    def call(self, call: Call) -> dict[str, Any]:
        """GetFindings, which is POST /findings."""
        if call.operation != "/findings":
            raise Refused("UnknownOperationException", 404)
        if (call.account, call.region) not in self.hubs:
            raise Refused("InvalidAccessException", 401, f"Account {call.account} is not subscribed to AWS Security Hub")
        limit = call.body.get("MaxResults", MAX_RESULTS)
        if not isinstance(limit, int) or not 1 <= limit <= MAX_RESULTS:
            raise Refused("InvalidInputException", 400, "MaxResults must be from 1 to 100")
        query = {name: call.body.get(name) for name in ("Filters", "SortCriteria")}
        found = [finding for finding in self._visible(call) if self._matches(finding, query["Filters"] or {})]
        descending = _descending(query["SortCriteria"] or [])
        found.sort(key=_key, reverse=descending)
        text = json.dumps(query, sort_keys=True)
        return self._paged(found, min(limit, self.page), text, call.body.get("NextToken"), descending)

    def _visible(self, call: Call) -> Iterable[Finding]:
        for finding in self.findings.values():
            own = finding["AwsAccountId"] == call.account or call.account == self.administrator
            if own and (finding["Region"] == call.region or call.region == self.aggregation):
                yield finding

    def _paged(self, found: list[Finding], limit: int, query: str, token: str | None, descending: bool) -> dict[str, Any]:
        """The page after the finding that the token names, whatever was put before it since."""
        start = 0
        if token is not None:
            asked, last = _opened(token)
            if asked != query:
                raise Refused("InvalidInputException", 400, "NextToken belongs to another query")
            start = sum(list(_key(finding)) >= last if descending else list(_key(finding)) <= last for finding in found)
        page = found[start : start + limit]
        more = {"NextToken": _sealed(query, page[-1])} if start + limit < len(found) else {}
        return {"Findings": page, **more}

    def _matches(self, finding: Finding, filters: Mapping[str, Any]) -> bool:
        for name, values in filters.items():
            if name in _DATES:
                if not any(self._dated(str(finding.get(name, "")), value) for value in values):
                    return False
            elif name not in _TEXTS:
                raise Refused("InvalidInputException", 400, f"Invalid parameter Filters.{name}")
            elif not _text_matches(_at(finding, _TEXTS[name]), values):
                return False
        return True

    def _dated(self, text: str, value: Mapping[str, Any]) -> bool:
        if not text:
            return False
        moment = datetime.fromisoformat(text)
        if "DateRange" in value:
            return moment >= datetime.fromtimestamp(self.clock(), UTC) - timedelta(days=value["DateRange"]["Value"])
        start, end = value.get("Start"), value.get("End")
        return (start is None or datetime.fromisoformat(start) <= moment) and (
            end is None or moment <= datetime.fromisoformat(end)
        )


def _at(finding: Finding, path: tuple[str, ...]) -> str | None:
    value: Any = finding
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return None if value is None else str(value)


def _text_matches(text: str | None, values: Iterable[Mapping[str, str]]) -> bool:
    having, without = [], []
    for value in values:
        comparison, wanted = value.get("Comparison", "EQUALS"), value["Value"]
        if comparison in ("EQUALS", "PREFIX"):
            having.append(text is not None and (text == wanted if comparison == "EQUALS" else text.startswith(wanted)))
        elif comparison in ("NOT_EQUALS", "PREFIX_NOT_EQUALS"):
            without.append(text is None or not (text == wanted if comparison == "NOT_EQUALS" else text.startswith(wanted)))
        else:
            raise Refused("InvalidInputException", 400, f"Invalid Comparison {comparison}")
    return (not having or any(having)) and all(without)


def _descending(criteria: list[Mapping[str, str]]) -> bool:
    if any(item.get("Field") != "UpdatedAt" for item in criteria):
        raise Refused("InvalidInputException", 400, "only UpdatedAt can be sorted by here")
    return any(item.get("SortOrder") == "desc" for item in criteria)


def _key(finding: Finding) -> _Key:
    return str(finding.get("UpdatedAt", "")), str(finding["ProductArn"]), str(finding["Id"])


def _sealed(query: str, last: Finding) -> str:
    return base64.urlsafe_b64encode(json.dumps([query, _key(last)]).encode()).decode()


def _opened(token: str) -> tuple[str, list[str]]:
    try:
        query, last = json.loads(base64.urlsafe_b64decode(token))
    except ValueError as error:
        raise Refused("InvalidInputException", 400, "Invalid NextToken") from error
    return query, last
