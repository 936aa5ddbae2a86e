"""The small Security Hub answers as the real one is documented to: filters, order, pages, refusals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from attestream.demo.servers.securityhub import SecurityHubServer


@pytest.fixture
def server() -> Iterator[SecurityHubServer]:
    with SecurityHubServer(clock=lambda: 1_800_000_000.0) as made:
        for number in range(5):
            made.put(f"b{number}", ago=number * 60.0, ProductName="GuardDuty" if number == 4 else "Security Hub")
        yield made


@pytest.fixture
def client(server: SecurityHubServer) -> Any:
    nobody = {"aws_access_key_id": "AKIATESTTESTTESTTEST", "aws_secret_access_key": "none"}
    return boto3.client("securityhub", endpoint_url=server.url, region_name="eu-west-1", **nobody)


def names(answer: Any) -> list[str]:
    return [finding["Id"].rpartition("/")[2] for finding in answer["Findings"]]


def value(text: str, comparison: str = "EQUALS") -> list[dict[str, str]]:
    return [{"Value": text, "Comparison": comparison}]


def test_filters_are_joined_as_documented(client: Any) -> None:
    asked: dict[str, Any] = {"ProductName": value("GuardDuty", "NOT_EQUALS"), "RecordState": value("ACTIVE")}
    assert len(names(client.get_findings(Filters=asked))) == 4
    assert names(client.get_findings(Filters={"ProductName": value("Guard", "PREFIX")})) == ["b4"]
    assert names(client.get_findings(Filters={"RecordState": value("ARCHIVED")})) == []
    ends = {"Start": "2027-01-15T07:58:00.000Z", "End": "2027-01-15T07:59:00Z"}
    assert sorted(names(client.get_findings(Filters={"UpdatedAt": [ends]}))) == ["b1", "b2"]
    day = {"DateRange": {"Value": 1, "Unit": "DAYS"}}
    assert len(names(client.get_findings(Filters={"UpdatedAt": [day]}))) == 5


@pytest.mark.parametrize(
    ("order", "expected"), [("asc", ["b4", "b3", "b2", "b1", "b0"]), ("desc", ["b0", "b1", "b2", "b3", "b4"])]
)
def test_pages_hold_everything_once_in_order(client: Any, order: str, expected: list[str]) -> None:
    pages = client.get_paginator("get_findings").paginate(SortCriteria=[{"Field": "UpdatedAt", "SortOrder": order}], MaxResults=2)
    assert [names(page) for page in pages] == [expected[:2], expected[2:4], expected[4:]]


def test_a_page_is_turned_where_it_was_though_others_come(server: SecurityHubServer, client: Any) -> None:
    order = [{"Field": "UpdatedAt", "SortOrder": "asc"}]
    first = client.get_findings(SortCriteria=order, MaxResults=2)
    server.put("older", ago=9999.0)
    assert names(client.get_findings(SortCriteria=order, MaxResults=2, NextToken=first["NextToken"])) == ["b2", "b1"]


@pytest.mark.parametrize(
    "asked",
    [
        {"MaxResults": 101},
        {"Filters": {"Keyword": [{"Value": "x"}]}},
        {"NextToken": "nonsense"},
        {"Filters": {"Title": value("x", "CONTAINS_WORD")}},
    ],
)
def test_what_it_does_not_take_is_refused(client: Any, asked: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="InvalidInputException"):
        client.get_findings(**asked)


def test_a_token_belongs_to_its_question(client: Any) -> None:
    token = client.get_findings(MaxResults=2)["NextToken"]
    with pytest.raises(ClientError, match="another query"):
        client.get_findings(MaxResults=2, NextToken=token, Filters={"RecordState": value("ACTIVE")})


def test_where_it_is_not_enabled_nothing_is_answered(server: SecurityHubServer, client: Any) -> None:
    server.hubs.clear()
    with pytest.raises(ClientError, match="InvalidAccessException"):
        client.get_findings()


def test_what_people_decide_leaves_updated_at_as_it_was(server: SecurityHubServer, client: Any) -> None:
    [before] = client.get_findings(Filters={"ProductName": value("GuardDuty")})["Findings"]
    server.investigate("b4", Workflow={"Status": "RESOLVED"})
    [after] = client.get_findings(Filters={"ProductName": value("GuardDuty")})["Findings"]
    assert (after["UpdatedAt"], after["Workflow"]) == (before["UpdatedAt"], {"Status": "RESOLVED"})
