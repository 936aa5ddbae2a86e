"""Source type aws-config: what AWS Config's rules say of resources, and of each rule whether it was evaluated at all.

INSUFFICIENT_DATA and NOT_APPLICABLE are kept as such. Of ours are `_recording` (does a recorder record in this Region; null:
there is none), `_evaluations` (how many of each result a rule has) and `_pass_without_data`: a rule that is COMPLIANT though no
resource was found to be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from collectors.aws import AwsError
from collectors.aws_accounts import AwsAccountsSettings, Session
from collectors.aws_places import Place, Places, notes_of, permissions_of, probes
from collectors.aws_services.look import Call, Look, NotHere, Subject
from collectors.base import Cursor, Permission, Probe, Reads, Report, Window
from collectors.observation import MAX_NAMES, snapshot, summary
from collectors.settings import Duration
from collectors.source_type import Access, SourceType
from store.records import HOUR, Event
from store.text import clean_attribute
from store.times import Clock

RULE, RULES = "finding.aws.config.rule", "summary.aws.config.rule"
EVALUATION, EVALUATIONS = "finding.aws.config.evaluation", "summary.aws.config.evaluation"
LIST: Final = Call("config", "DescribeConfigRules")
COMPLIANCE: Final = Call("config", "DescribeComplianceByConfigRule")
STATUS: Final = Call("config", "DescribeConfigRuleEvaluationStatus")
DETAILS: Final = Call("config", "GetComplianceDetailsByConfigRule")
RECORDING: Final = Call("config", "DescribeConfigurationRecorderStatus")
ASKED: Final = ("COMPLIANT", "NON_COMPLIANT", "NOT_APPLICABLE")
MAX_ERRORS: Final = 20
_GONE: Final = "NoSuchConfigRuleException"
_TIMES: Final = ("ResultRecordedTime", "ConfigRuleInvokedTime", "EvaluationResultIdentifier.OrderingTimestamp")
_STATUS_TIMES: Final = ("LastSuccessfulInvocationTime", "LastFailedInvocationTime", "LastSuccessfulEvaluationTime")
_NEEDS: Final = tuple(
    (call, Permission(call.permission, why, "*", types, ("A.5.36",)))
    for call, why, types in (
        (LIST, "list the rules", (RULE, RULES)),
        (COMPLIANCE, "read each rule's compliance", (RULE,)),
        (STATUS, "read whether each rule is evaluated", (RULE,)),
        (DETAILS, "read each resource's evaluation by each rule", (EVALUATION, EVALUATIONS, RULE)),
        (RECORDING, "read whether the recorder records", (RULE, EVALUATION)),
    )
)
CALLS: Final = tuple(call for call, _ in _NEEDS)


class AwsConfigSettings(AwsAccountsSettings):
    """aws-config: rules and evaluations."""

    type: Literal["aws-config"]
    schedule: Duration = 6 * HOUR
    lateness: Duration = 0


@dataclass(frozen=True, slots=True)
class AwsConfig:
    """The accounts, set up. See collectors/base.py for what the methods promise."""

    source: str
    sessions: tuple[Session, ...]
    clock: Clock
    type: str = "aws-config"
    reads: Reads = "states"

    def oldest(self, cursor: Cursor, now: int) -> int | None:  # noqa: ARG002  the contract has them
        """None: there is only now."""
        return None

    def collect(self, window: Window, report: Report) -> Iterator[Event]:
        """Yield every rule and evaluation of every account and Region, and summaries of what was wholly read."""
        for place in Places(self.sessions, report):
            yield from _Reading(window, report, place, self.clock).events()
        report.keep({}, owed=True)  # the next look sees all there is: nothing of this one is asked for again

    def check(self) -> Sequence[Probe]:
        """Make each call once in each Region of each account."""
        return probes(self.sessions, _once, _NEEDS)


def _once(look: Look) -> None:
    rules = []
    for call in (LIST, COMPLIANCE, STATUS, RECORDING):
        try:
            rules += (look.ask(call) or {}).get("ConfigRules", ())
        except AwsError:
            if call not in look.refused:
                raise
    if rules:
        look.ask(DETAILS, absent=(_GONE,), ConfigRuleName=rules[0]["ConfigRuleName"], Limit=1)


@dataclass(slots=True)
class _Reading:
    """One look at one place. Faults by kind: `listing` breaks the list of rules, `details` some rule's evaluations."""

    window: Window
    report: Report
    place: Place
    clock: Clock
    rules: list[str] = field(default_factory=list)
    evaluations: list[str] = field(default_factory=list)
    listing: list[str] = field(default_factory=list)
    details: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    compliance: dict[str, Any] = field(default_factory=dict)
    status: dict[str, Any] = field(default_factory=dict)
    recording: bool | None = None
    read: int = 0

    def events(self) -> Iterator[Event]:
        """Yield the rules with their evaluations before each, then the summaries; report the two parts."""
        look = self.place.look(CALLS, self.report.page)
        try:
            self._around(look)
            for rule in look.list(LIST, "ConfigRules"):
                yield from self._rule(look, rule)
        except NotHere:
            return
        except AwsError as error:
            self.listing.append(str(error))
        if self.listing:
            self.details.append("the rules were not wholly listed")
        yield from self._close(look)

    def _close(self, look: Look) -> Iterator[Event]:
        missed = [f"{path} of {count} not read: {why}" for (path, why), count in sorted(look.faults.items())]
        for text in (*self.listing, *missed, *(self.details if not self.listing else ())):
            self.report.denied(f"{self.place.part} Config", text)
        yield from self._part(RULE, RULES, self.rules, len(self.rules), self.listing, missed)
        yield from self._part(EVALUATION, EVALUATIONS, self.evaluations, self.read, self.details, ())

    def _part(
        self, kind: str, total: str, names: Sequence[str], read: int, faults: Sequence[str], missed: Sequence[str]
    ) -> Iterator[Event]:
        whole, errors = not faults, (*faults, *missed)[:MAX_ERRORS]
        self.report.part(self.place.part, kind, complete=whole, enumerates=whole, read=read, errors=errors)
        if whole:
            of, region, more = self.place.of, self.place.region, {"count": read}
            yield summary(self.window, total, self.clock(), names, account=of.account, region=region, more=more)

    def _around(self, look: Look) -> None:
        """What is asked once for all rules; what is not answered is unread in each."""
        try:
            recorders = list(look.list(RECORDING, "ConfigurationRecordersStatus"))
            self.recording = any(item.get("recording") is True for item in recorders) if recorders else None
        except AwsError as error:
            self._missed(look, "_recording", error)
        try:
            found = look.list(COMPLIANCE, "ComplianceByConfigRules")
            self.compliance = {str(item["ConfigRuleName"]): item.get("Compliance") for item in found}
        except AwsError as error:
            self._missed(look, "Compliance", error)
        try:
            states = look.list(STATUS, "ConfigRulesEvaluationStatus")
            self.status = {str(item["ConfigRuleName"]): item for item in states}
        except AwsError as error:
            self._missed(look, "EvaluationStatus", error)

    def _missed(self, look: Look, path: str, error: AwsError) -> None:
        if error.code == "broken":
            raise error
        self.unread.append(path)
        look.faults[(path, str(error))] += 1

    def _rule(self, look: Look, rule: Mapping[str, Any]) -> Iterator[Event]:
        name, arn = str(rule["ConfigRuleName"]), str(rule["ConfigRuleArn"])
        subject = look.subject(arn, rule, name)
        counts: Counter[str] = Counter(dict.fromkeys(ASKED, 0))
        if rule.get("RuleEvaluationVisibility") != "INTERNAL":
            yield from self._evaluated(look, subject, counts)
        if subject.gone:
            return
        for path, known in (("Compliance", self.compliance), ("EvaluationStatus", self.status)):
            if path not in self.unread:
                subject.put(path, known.get(name))
        subject.days(*(f"EvaluationStatus.{time}" for time in (*_STATUS_TIMES, "LastFailedEvaluationTime")))
        if "_evaluations" not in subject.unread:
            subject.put("_evaluations", dict(counts))
            if subject.get("Compliance.ComplianceType") == "COMPLIANT":
                subject.put("_pass_without_data", not counts["COMPLIANT"])
        self.rules.append(name)
        yield self._event(RULE, arn, subject)

    def _evaluated(self, look: Look, rule: Subject, counts: Counter[str]) -> Iterator[Event]:
        """Yield a rule's evaluations and count them; `rule` is gone, or has them unread, where they broke off."""
        origin = {key: rule.value.get(key) for key in ("ConfigRuleArn", "ConfigRuleName", "Source", "CreatedBy")}
        try:
            for item in look.list(DETAILS, "EvaluationResults", ConfigRuleName=rule.name, ComplianceTypes=list(ASKED), Limit=100):
                counts[str(item.get("ComplianceType"))] += 1
                known = item["EvaluationResultIdentifier"]["EvaluationResultQualifier"]
                words = [str(known.get(key)) for key in ("ResourceType", "ResourceId")]
                proactive = ["PROACTIVE"] if known.get("EvaluationMode") == "PROACTIVE" else []
                subject = look.subject("/".join([rule.arn, *words, *proactive]), {**item, "_rule": origin})
                subject.drop("ResultToken")
                subject.days(*_TIMES)
                self.read += 1
                if len(self.evaluations) < MAX_NAMES:
                    self.evaluations.append("/".join([rule.name, *words]))
                yield self._event(EVALUATION, subject.arn, subject)
        except AwsError as error:
            if error.code == _GONE:
                rule.gone = True
                return
            if error.code == "broken":
                raise
            self.details.append(f"{rule.name}: {error}")
            rule.unread.append("_evaluations")

    def _event(self, kind: str, name: str, subject: Subject) -> Event:
        value = subject.finished((), ())
        unread = [path for path in (*self.unread, *subject.unread) if kind == RULE or path == "_recording"]
        if "_recording" not in self.unread:
            value["_recording"] = self.recording
        of, region = self.place.of, self.place.region
        return snapshot(
            self.window, kind, clean_attribute(name), self.clock(), value, account=of.account, region=region, unread=unread
        )


def _access(settings: AwsConfigSettings) -> Access:
    return Access("aws-policy", permissions_of(settings, _NEEDS), notes_of(settings))


def _build(settings: AwsConfigSettings, clock: Clock) -> AwsConfig:
    return AwsConfig(settings.name, settings.sessions(), clock)


TYPE: Final = SourceType(
    "aws-config",
    "what AWS Config's rules found of each resource, and whether they were evaluated",
    AwsConfigSettings,
    _build,
    _access,
    (RULE, EVALUATION, RULES, EVALUATIONS),
)
