"""A small AWS Config: rules, their compliance and evaluations in pages, and whether the recorder records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from attestream.demo.servers.aws import AwsServer, Call, Refused

RULES_PAGE: Final = 25
_MEMBERS: Final = {
    "DescribeConfigRules": "ConfigRules",
    "DescribeComplianceByConfigRule": "ComplianceByConfigRules",
    "DescribeConfigRuleEvaluationStatus": "ConfigRulesEvaluationStatus",
}


@dataclass
class Rule:
    """A rule in one account and Region; evaluations by (resource type, resource id)."""

    name: str
    arn: str
    more: dict[str, Any]
    evaluations: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)


class ConfigServer(AwsServer):
    """`page`: no page holds more. `recording`: by (account, Region); absent: no recorder."""

    def __init__(self, account: str = "111122223333", *, page: int = 100, **how: Any) -> None:
        super().__init__(account, **how)
        self.page = page
        self.rules: dict[tuple[str, str], dict[str, Rule]] = {}
        self.recording: dict[tuple[str, str], bool] = {(account, region): True for region in self.regions}

    def rule(self, name: str, *, account: str = "", region: str = "eu-west-1", **more: Any) -> None:
        """Put a rule. `more`: members of ConfigRule."""
        account = account or self.account
        rules = self.rules.setdefault((account, region), {})
        arn = f"arn:aws:config:{region}:{account}:config-rule/config-rule-{sum(name.encode()):06x}"
        rules[name] = Rule(name, arn, {"ConfigRuleState": "ACTIVE", **more})

    def evaluate(self, name: str, resource: str, compliance: str, *, region: str = "eu-west-1", **more: Any) -> None:
        """Evaluate a bucket by a rule of the server's own account. `more`: members of EvaluationResult."""
        rule = self.rules[self.account, region][name]
        now = self.clock()
        known = {"ConfigRuleName": name, "ResourceType": "AWS::S3::Bucket", "ResourceId": resource, "EvaluationMode": "DETECTIVE"}
        rule.evaluations["AWS::S3::Bucket", resource] = {
            "EvaluationResultIdentifier": {"EvaluationResultQualifier": known, "OrderingTimestamp": now},
            "ComplianceType": compliance,
            "ResultRecordedTime": now,
            "ConfigRuleInvokedTime": now,
            **more,
        }

    def clear(self) -> None:
        """Every rule is gone."""
        self.rules.clear()

    def call(self, call: Call) -> dict[str, Any]:
        """The operations that findings are made of."""
        rules = self.rules.get((call.account, call.region), {})
        if call.operation == "DescribeConfigurationRecorderStatus":
            on = self.recording.get((call.account, call.region))
            status = [] if on is None else [{"name": "default", "recording": on, "lastStatus": "SUCCESS" if on else "PENDING"}]
            return {"ConfigurationRecordersStatus": status}
        if call.operation == "GetComplianceDetailsByConfigRule":
            return self._details(call.body, rules)
        if call.operation in _MEMBERS:
            named = call.body.get("ConfigRuleNames") or sorted(rules)
            missing = [name for name in named if name not in rules]
            if missing:
                raise Refused("NoSuchConfigRuleException", 400, "The ConfigRule provided in the request is invalid.")
            size = min(self.page, RULES_PAGE)
            return self._paged(call.body, _MEMBERS[call.operation], [self._described(call, rules[name]) for name in named], size)
        raise Refused("UnknownOperationException")

    def _described(self, call: Call, rule: Rule) -> dict[str, Any]:
        own = {"ConfigRuleName": rule.name, "ConfigRuleArn": rule.arn, "ConfigRuleId": rule.arn.rpartition("/")[2]}
        if call.operation == "DescribeConfigRules":
            return {**own, "Source": {"Owner": "AWS", "SourceIdentifier": rule.name.upper()}, **rule.more}
        types = [evaluation["ComplianceType"] for evaluation in rule.evaluations.values()]
        if call.operation == "DescribeComplianceByConfigRule":
            bad = types.count("NON_COMPLIANT")
            if bad:
                count = {"CappedCount": min(bad, 25), "CapExceeded": bad > 25}
                return {
                    "ConfigRuleName": rule.name,
                    "Compliance": {"ComplianceType": "NON_COMPLIANT", "ComplianceContributorCount": count},
                }
            known = "COMPLIANT" if "COMPLIANT" in types else "INSUFFICIENT_DATA"
            return {"ConfigRuleName": rule.name, "Compliance": {"ComplianceType": known}}
        return {**own, "FirstEvaluationStarted": bool(types), "LastSuccessfulEvaluationTime": self.clock()}

    def _details(self, body: Mapping[str, Any], rules: Mapping[str, Rule]) -> dict[str, Any]:
        rule = rules.get(str(body.get("ConfigRuleName")))
        if rule is None:
            raise Refused("NoSuchConfigRuleException", 400, "The ConfigRule provided in the request is invalid.")
        wanted = body.get("ComplianceTypes") or ("COMPLIANT", "NON_COMPLIANT", "NOT_APPLICABLE")
        if "INSUFFICIENT_DATA" in wanted or len(wanted) > 3 or not 0 <= body.get("Limit", 0) <= 100:
            raise Refused("InvalidParameterValueException")
        found = [value for _, value in sorted(rule.evaluations.items()) if value["ComplianceType"] in wanted]
        return self._paged(body, "EvaluationResults", found, min(self.page, body.get("Limit") or 10))

    def _paged(self, body: Mapping[str, Any], member: str, found: Sequence[Any], size: int) -> dict[str, Any]:
        token = body.get("NextToken") or "0"
        if not str(token).isdigit():
            raise Refused("InvalidNextTokenException")
        start = int(token)
        more = {"NextToken": str(start + size)} if start + size < len(found) else {}
        return {member: list(found[start : start + size]), **more}
