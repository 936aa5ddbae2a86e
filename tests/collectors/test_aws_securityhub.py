"""Findings of Security Hub: what is asked, what is taken, what is kept, and what happens where a part is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestream.demo.servers.aws import Call
from attestream.demo.servers.securityhub import SecurityHubServer
from collectors.asff import MOVING, NO_DATA, describe
from collectors.base import SourceUnreadable, Window
from collectors.registry import build, read_settings
from collectors.report import Silent, WindowReport
from store.records import DAY, HOUR, SECOND, Event

pytestmark = pytest.mark.usefixtures("aws_environment")
NOW = 1_800_000_000.0
ADMIN, MEMBER, OTHER = "111122223333", "444455556666", "777788889999"


class Hub(SecurityHubServer):
    """Keeps what was asked, can refuse places, and can ignore filters as some that call themselves compatible do."""

    def __init__(self) -> None:
        super().__init__(ADMIN, page=2, clock=lambda: NOW)
        self.asked: list[Call] = []
        self.ignores = False
        self.closed: set[tuple[str, str]] = set()
        self.between: Callable[[], None] = lambda: None

    def call(self, call: Call) -> dict[str, Any]:
        from attestream.demo.servers.aws import Refused

        self.asked.append(call)
        if (call.account, call.region) in self.closed:
            raise Refused("AccessDeniedException", 403, "hidden words")
        if self.ignores:
            call = Call(call.account, call.region, call.service, call.operation, {**call.body, "Filters": {}})
        answer = super().call(call)
        self.between()
        return answer


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as server:
        yield server


def read(
    hub: Hub, *, hours: int = 1, latest: bool = True, cursor: Mapping[str, Any] | None = None, ago: int = 0, **settings: Any
) -> tuple[list[Event], WindowReport]:
    values: dict[str, Any] = {"name": "hub", "type": "aws-securityhub", "endpoint_url": hub.url, "max_attempts": 1}
    values |= {"regions": ["eu-west-1"]} | settings
    now = int(NOW * 1e6)
    window = Window("a", "hub", now - hours * HOUR - ago, now - ago, cursor or {}, latest=latest)
    report = WindowReport(Silent(), {})
    return list(build(read_settings(values), lambda: now).collect(window, report)), report


def names(events: list[Event]) -> list[str]:
    return sorted(str(event.subject).rpartition("/")[2] for event in events)


def days(number: float) -> float:
    return number * 86_400


def test_a_finding_is_kept_in_its_native_form_without_what_each_check_moves(hub: Hub) -> None:
    identifier = hub.put("b1", Note={"Text": "ours", "UpdatedBy": "a", "UpdatedAt": "2026-01-01T00:00:00Z"})
    [event], report = read(hub)
    assert (event.type, event.subject, event.account, event.region) == (
        "finding.aws.securityhub",
        identifier,
        ADMIN,
        "eu-west-1",
    )
    value = json.loads(event.payload)
    assert value["ProductName"] == "Security Hub"
    assert value["Workflow"] == {"Status": "NEW"}
    assert value["Note"]["UpdatedAt"] == "2026-01-01T00:00:00Z"
    assert not MOVING & set(value)
    assert [part.complete for part in report.parts] == [True]
    assert not any(part.enumerates for part in report.parts)
    assert report.covers == []


def test_a_finding_that_is_only_checked_again_is_unchanged(hub: Hub) -> None:
    hub.put("b1", ago=1800)
    [before], _ = read(hub)
    hub.put("b1", ago=5)
    [after], _ = read(hub)
    assert after.payload == before.payload
    hub.put("b1", Severity={"Label": "LOW"})
    [changed], _ = read(hub)
    assert changed.payload != before.payload


def test_every_page_is_read_and_equal_times_across_its_border(hub: Hub) -> None:
    for number in range(7):
        hub.put(f"b{number}", ago=60)
    events, report = read(hub)
    assert names(events) == [f"b{number}" for number in range(7)]
    assert report.pages >= 4
    assert all(call.body["MaxResults"] == 100 for call in hub.asked)


def test_only_the_period_is_asked_for_and_a_later_window_looks_back_over_the_overlap(hub: Hub) -> None:
    settled: dict[str, Any] = {"Compliance": {"Status": "PASSED"}, "Workflow": {"Status": "RESOLVED"}}
    for hours in (1, 5, 9):
        hub.put(f"h{hours}", ago=hours * 3600, **settled)
    assert names(read(hub, hours=2)[0]) == ["h1", "h5"]
    assert names(read(hub, hours=2, overlap="0s")[0]) == ["h1"]


def test_what_is_open_is_read_again_by_the_latest_window_alone(hub: Hub) -> None:
    hub.put("new", ago=days(30))
    hub.put("suppressed", ago=days(30), Workflow={"Status": "SUPPRESSED"})
    hub.put("resolved", ago=days(30), Workflow={"Status": "RESOLVED"})
    hub.put("passed", ago=days(30), Workflow={"Status": "RESOLVED"}, Compliance={"Status": "PASSED"})
    hub.put("archived", ago=days(30), RecordState="ARCHIVED")
    guard: dict[str, Any] = {"ProductName": "GuardDuty", "Compliance": {}, "Workflow": {"Status": "RESOLVED"}}
    hub.put("threat", ago=days(30), **guard)
    assert names(read(hub)[0]) == ["new", "resolved", "suppressed", "threat"]
    assert read(hub, latest=False)[0] == []


def test_what_people_decide_is_seen_though_updated_at_stands_still(hub: Hub) -> None:
    hub.put("b1", ago=days(30))
    [before], _ = read(hub)
    hub.investigate("b1", Workflow={"Status": "SUPPRESSED"}, Note={"Text": "accepted", "UpdatedBy": "a", "UpdatedAt": "now"})
    [after], _ = read(hub)
    assert (before.subject, json.loads(after.payload)["Workflow"]) == (after.subject, {"Status": "SUPPRESSED"})


def test_a_filter_that_was_not_applied_lets_nothing_in(hub: Hub) -> None:
    hub.put("old", ago=days(30), RecordState="ARCHIVED")
    hub.put("new", ago=60)
    hub.put("later", ago=-7200, RecordState="ARCHIVED")
    hub.ignores = True
    assert names(read(hub)[0]) == ["new"]


def test_a_finding_is_sent_once_in_a_window_though_two_questions_find_it(hub: Hub) -> None:
    hub.put("b1", ago=60)
    assert len(read(hub)[0]) == 1


def test_a_time_that_cannot_be_read_loses_no_finding(hub: Hub) -> None:
    hub.put("b1", UpdatedAt="2026-01-01T00:00:60Z", RecordState="ACTIVE")
    hub.ignores = True
    assert set(names(read(hub)[0])) == {"b1"}


@pytest.mark.parametrize(
    ("compliance", "expected"),
    [
        ({"Status": "PASSED"}, False),
        ({"Status": "PASSED", "StatusReasons": [{"ReasonCode": "CONFIG_EVALUATIONS_EMPTY", "Description": "none"}]}, True),
        ({"Status": "PASSED", "StatusReasons": [{"ReasonCode": "SOMETHING_ELSE", "Description": "none"}]}, False),
        ({"Status": "NOT_AVAILABLE", "StatusReasons": [{"ReasonCode": "CONFIG_RETURNS_NOT_APPLICABLE"}]}, None),
        ({"Status": "WARNING"}, None),
        ({"Status": "FAILED"}, None),
        ({}, None),
    ],
)
def test_a_pass_without_data_can_be_told_from_a_pass(hub: Hub, compliance: dict[str, Any], expected: bool | None) -> None:
    hub.put("b1", Compliance=compliance)
    [event], _ = read(hub)
    value = json.loads(event.payload)
    assert value.get("_pass_without_data") is expected
    assert value["Compliance"] == compliance


def test_tags_of_resources_stand_as_pairs_too() -> None:
    tagged = [{"Id": "a", "Tags": {"class": "public", "owner": "shop"}}, {"Id": "b", "Tags": {"class": "public"}}, {"Id": "c"}]
    finding = {"Id": "arn:aws:1", "ProductArn": "arn:p", "Resources": tagged}
    value = json.loads(describe(finding, "1", "r").payload)
    assert value["_resource_tags"] == [{"Key": "class", "Value": "public"}, {"Key": "owner", "Value": "shop"}]
    assert value["Resources"] == tagged
    assert "_resource_tags" not in json.loads(describe({**finding, "Resources": [{"Id": "c", "Tags": "?"}]}, "1", "r").payload)


def test_a_pass_about_nothing_is_one_without_data() -> None:
    finding = {"Id": "arn:x", "ProductArn": "arn:p", "Compliance": {"Status": "PASSED"}, "Resources": []}
    assert json.loads(describe(finding, "1", "r").payload)["_pass_without_data"] is True
    assert "CONFIG_EVALUATIONS_EMPTY" in NO_DATA


@given(st.dictionaries(st.text(), st.none() | st.text() | st.lists(st.text())), st.text(min_size=1))
def test_whatever_a_provider_writes_comes_back_as_it_was(more: dict[str, Any], name: str) -> None:
    finding = {**more, "Id": name, "ProductArn": "arn:p"}
    kept = json.loads(describe(finding, "1", "r").payload)
    assert {key: value for key, value in finding.items() if key not in MOVING} == {
        key: value for key, value in kept.items() if key != "_pass_without_data" or key in finding
    }


def test_an_id_that_is_no_arn_is_told_from_another_products(hub: Hub) -> None:
    for product in ("a", "b"):
        hub.put(product, Id="same", ProductArn=f"arn:aws:securityhub:::product/{product}")
    events, _ = read(hub)
    assert sorted(str(e.subject) for e in events) == [f"arn:aws:securityhub:::product/{name}/same" for name in "ab"]


def test_a_finding_without_an_id_is_a_dead_letter_and_the_others_are_read(hub: Hub) -> None:
    hub.put("b1")
    hub.put("b2", Id="")
    events, report = read(hub)
    assert sorted(event.type for event in events) == ["finding.aws.securityhub", "unreadable"]
    assert report.unread == 1


def test_an_administrator_reads_its_members_findings_as_theirs(hub: Hub) -> None:
    hub.administrator, hub.aggregation = ADMIN, "eu-west-1"
    hub.put("b1", account=MEMBER, region="us-east-1")
    [event], _ = read(hub)
    assert (event.account, event.region) == (MEMBER, "us-east-1")


def test_a_region_that_is_refused_is_asked_again_from_where_it_stood(hub: Hub) -> None:
    settled: dict[str, Any] = {"Compliance": {"Status": "PASSED"}, "Workflow": {"Status": "RESOLVED"}}
    hub.put("here", ago=60)
    hub.put("there", region="us-east-1", ago=days(2), **settled)
    regions: dict[str, Any] = {"regions": ["eu-west-1", "us-east-1"], "overlap": "0s"}
    hub.closed = {(ADMIN, "us-east-1")}
    ago = int(2 * DAY - HOUR)
    events, report = read(hub, hours=2, ago=ago, latest=False, **regions)
    assert (events, [part.complete for part in report.parts]) == ([], [True, False])
    assert "securityhub:GetFindings" in report.errors[0]
    assert "hidden words" not in report.errors[0]
    start = int(NOW * 1e6) - ago - 2 * HOUR
    assert (report.cursor, report.holds) == ({"owed": {f"{ADMIN}/us-east-1": start}}, False)
    _, again = read(hub, cursor=report.cursor, **regions)
    assert again.cursor == report.cursor
    hub.closed.clear()
    events, healed = read(hub, cursor=again.cursor, **regions)
    assert names(events) == ["here", "there"]
    assert healed.cursor == {}


def test_an_account_that_cannot_be_entered_is_owed_too(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    role = "arn:aws:iam::{}:role/reader"
    roles = [{"role_arn": role.format(account)} for account in (MEMBER, OTHER)]
    accounts: dict[str, Any] = {"accounts": roles, "overlap": "0s"}
    hub.hubs |= {(account, "eu-west-1") for account in (MEMBER, OTHER)}
    hub.put("m", account=MEMBER, ago=60)
    hub.put("o", account=OTHER, ago=60, Compliance={"Status": "PASSED"}, Workflow={"Status": "RESOLVED"})
    query = Hub._query

    def closed(self: Hub, account: str, form: Any) -> Any:
        if form["Action"] == ["AssumeRole"] and OTHER in form["RoleArn"][0]:
            form = {"Action": ["Nothing"]}
        return query(self, account, form)

    with monkeypatch.context() as patch:
        patch.setattr(Hub, "_query", closed)
        events, report = read(hub, **accounts)
    assert names(events) == ["m"]
    assert list(report.cursor["owed"]) == [OTHER]
    events, report = read(hub, ago=-int(HOUR), cursor=report.cursor, **accounts)
    assert names(events) == ["m", "o"]
    assert report.cursor == {}


def test_a_region_without_security_hub_is_not_one_without_findings(hub: Hub) -> None:
    hub.hubs.clear()
    events, report = read(hub)
    assert events == []
    assert not report.parts[0].complete
    assert "Security Hub is not enabled in account 111122223333, eu-west-1" in report.errors[0]


def test_a_list_that_breaks_in_the_middle_is_not_whole(hub: Hub) -> None:
    for number in range(5):
        hub.put(f"b{number}", ago=60)

    def close() -> None:
        hub.closed = {(ADMIN, "eu-west-1")}

    hub.between = close
    events, report = read(hub)
    assert len(events) == 2
    assert [(part.complete, part.read) for part in report.parts] == [(False, 2)]


def test_nothing_answers_at_all() -> None:
    with Hub() as hub:
        url = hub.url
    hub.__dict__["_server"].server_close()
    values = {"name": "hub", "type": "aws-securityhub", "endpoint_url": url, "max_attempts": 1, "connect_timeout": 1}
    collector = build(read_settings(values))
    with pytest.raises(SourceUnreadable, match="cannot be reached"):
        list(collector.collect(Window("a", "hub", 0, SECOND, {}), WindowReport(Silent(), {})))
    with pytest.raises(SourceUnreadable):
        collector.check()


def test_the_first_window_begins_some_days_back_or_at_since(hub: Hub) -> None:
    values = {"name": "hub", "type": "aws-securityhub", "endpoint_url": hub.url}
    now = int(NOW * 1e6)
    assert build(read_settings(values)).oldest({}, now) == now - 8 * DAY
    assert build(read_settings({**values, "since": "2026-11-01"})).oldest({}, now) == 1_793_491_200_000_000
