"""The invented organisation's last two weeks, told into a FakeQuery."""

from __future__ import annotations

import json

from store.attested import records_of
from store.records import DAY, HOUR, MINUTE, Counts, MappingRecord
from store.reports import CoverageView, DeadLetter
from tests.web.fakes import FakeQuery
from tests.web.makers import ACCOUNT, HOSTILE, LONG, MAPPINGS, NOW, catalogue, control_status, drift, finding, source, window
from tests.web.records import attestations, exceptions, risks, soa

PART = f"{ACCOUNT}/eu-west-1"
PAYLOAD = json.dumps(
    {
        "eventVersion": "1.08",
        "eventName": "StopLogging",
        "userIdentity": {"type": "AssumedRole", "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy-bot/ci"},
        "requestParameters": {"name": "org-trail"},
        "eventTime": "2026-11-24T14:22:04Z",
        "sourceIPAddress": "203.0.113.9",
        "awsRegion": "eu-west-1",
    }
).encode()
HOSTILE_PAYLOAD = (
    json.dumps({"userAgent": HOSTILE}, ensure_ascii=False).encode() + b"\n</pre><script>alert(3)</script>\x1b]0;x\x07"
)


def story() -> FakeQuery:
    """Something of everything: open, stale, closed and silent findings, failing and partial sources, gaps, hostile names."""
    query = FakeQuery(records=MAPPINGS)
    stopped, public, root, _, hostile = MAPPINGS
    query.add("mapping_set", {"source": "attestream", "digest": "c0ffee"}, None, b'{"rules": []}', NOW - 14 * DAY)
    for number in range(120):
        query.add_evidence(NOW - 13 * DAY + number * 2 * HOUR, MAPPINGS[number % 4], f"user-{number % 7}", PAYLOAD)
    query.add_evidence(NOW - 38 * MINUTE, stopped, "org-trail", PAYLOAD)
    query.add_evidence(NOW - 2 * HOUR, hostile, HOSTILE, HOSTILE_PAYLOAD, id=HOSTILE, conflicts_with=5)
    query.add_evidence(NOW - 3 * HOUR, root, LONG, b"\xff\xfe\x00 not text " + b"A" * 70_000)
    bad = [
        finding(1, stopped, f"{ACCOUNT}/org-trail", "not-satisfied", NOW - 38 * MINUTE, cites=(121,)),
        *(finding(10 + n, public, f"{ACCOUNT}/exports-{n}", "not-satisfied", NOW - 2 * HOUR - n) for n in range(3)),
        finding(20, hostile, f"{ACCOUNT}/{HOSTILE}", "not-satisfied", NOW - 2 * HOUR, errors=2),
        finding(21, root, f"{ACCOUNT}/{LONG}", "not-satisfied", NOW - 3 * HOUR),
    ]
    quiet = [
        finding(30, stopped, PART, "satisfied", NOW - 13 * DAY, silence=True, cites=()),
        finding(31, root, PART, "satisfied", NOW - 13 * DAY, silence=True, due_at=NOW + 26 * HOUR),
        finding(32, public, PART, "stale", NOW - 30 * HOUR, silence=True, source="gcp-platform"),
        finding(33, stopped, f"{ACCOUNT}/old-trail", "closed", NOW - 5 * DAY),
        finding(34, root, "", "closed", NOW - 6 * DAY),
    ]
    stated = [
        finding(40, public, f"{ACCOUNT}/exports-public", "accepted", NOW - 20 * DAY, due_at=NOW + 5 * DAY),
        finding(51, attested("A.5.2"), "Security roles given by name (00000002)", "stale", NOW - 5 * DAY, source="attestream"),
    ]
    query.found = bad + quiet + stated
    query.attested, query.accepted, query.stated, query.register = attestations(), exceptions(), soa(), risks()
    _states(query)
    _drift(query)
    _collection(query)
    query.letters = [
        DeadLetter(3, "aws-prod", "w-000001", HOSTILE, 812, NOW - 9 * HOUR, "3"),
        DeadLetter(2, "aws-prod", "w-000001", "x.json.gz: record 4 is not an object", 4, NOW - DAY, "2"),
    ]
    return query


def attested(control: str) -> MappingRecord:
    """The voice of what people attest of a control."""
    [record] = records_of([control]).values()
    return record


def _states(query: FakeQuery) -> None:
    bad = {"A.8.15": 1, "A.8.16": 1, "A.8.12": 3, "A.8.3": 3, "A.8.2": 1, "A.8.24": 1}
    late = {"A.5.30", "A.6.3", "A.7.2"}
    for number, id_ in enumerate(catalogue()):
        if id_ in bad:
            more = {"accepted": 1} if id_ == "A.8.3" else {}
            now = control_status(
                id_, "not-satisfied", NOW - 38 * MINUTE, bad=bad[id_], good=1, last=NOW - 38 * MINUTE, idx=121, **more
            )
        elif id_ in late:
            now = control_status(id_, "stale", NOW - 3 * HOUR, late=1, good=2, last=NOW - 30 * HOUR, idx=7)
        elif id_ == "A.7.4":
            now = control_status(id_, "not-applicable", NOW - 40 * DAY)
        elif number % 8 == 5:
            now = control_status(id_, "not-assessed")
        else:
            now = control_status(id_, "satisfied", NOW - 13 * DAY, good=2, last=NOW - 5 * HOUR, idx=9)
        query.states[id_] = now
        was = "satisfied" if id_ in ("A.8.15", "A.8.16", "A.5.30") else "not-satisfied" if id_ == "A.8.5" else now.state.value
        query.earlier[id_] = control_status(id_, was)


def _drift(query: FakeQuery) -> None:
    stopped, public, root, _, hostile = MAPPINGS
    query.drifts = [
        drift(20, stopped, f"{ACCOUNT}/org-trail", "satisfied", "not-satisfied", NOW - 38 * MINUTE, idx=1),
        *(drift(16 + n, public, f"{ACCOUNT}/exports-{n}", "", "not-satisfied", NOW - 2 * HOUR - n, idx=2) for n in range(3)),
        drift(15, hostile, f"{ACCOUNT}/{HOSTILE}", "", "not-satisfied", NOW - 2 * HOUR, idx=4),
        drift(14, root, f"{ACCOUNT}/{LONG}", "", "not-satisfied", NOW - 3 * HOUR, idx=5),
        drift(13, None, "", "satisfied", "stale", NOW - 3 * HOUR, kind="control", controls=("A.5.30",)),
        drift(
            12, None, "", "collecting", "failing", NOW - 5 * HOUR, kind="source", text="jira-sec: 3 windows failed: 401", idx=7
        ),
        drift(11, None, "", "", "complete", NOW - 6 * HOUR, kind="baseline", text="aws-prod: first window", idx=8),
        drift(10, root, "", "not-satisfied", "closed", NOW - 7 * HOUR, idx=9),
        drift(9, None, "", "not-satisfied", "satisfied", NOW - 8 * HOUR, kind="control", controls=("A.8.5",)),
        *(drift(8 - n, root, f"{ACCOUNT}/user-{n}", "not-satisfied", "closed", NOW - (3 + n) * DAY, idx=3) for n in range(8)),
    ]


def _collection(query: FakeQuery) -> None:
    number, made = 0, []
    for name, first in (("aws-prod", 14), ("gcp-platform", 11), ("jira-sec", 14)):
        for hours in range(first * 4):
            end = NOW - hours * 6 * HOUR
            number += 1
            broken = name == "jira-sec" and hours < 2
            made.append(
                window(
                    number,
                    name,
                    end - 6 * HOUR,
                    end,
                    "failed" if broken else "complete",
                    errors=("401 Unauthorized: the token was refused", HOSTILE) if broken else (),
                    counts=Counts() if broken else Counts(4, 3100, 16, 0),
                )
            )
    query.attempts = made
    query.covers = [
        CoverageView("aws-prod", PART, [(NOW - 14 * DAY, NOW - MINUTE)]),
        CoverageView("aws-prod", f"{ACCOUNT}/us-east-1", [(NOW - 9 * DAY, NOW - 6 * MINUTE)]),
        CoverageView(
            "gcp-platform", "platform", [(NOW - 11 * DAY, NOW - 5 * DAY), (NOW - 4 * DAY - 3 * HOUR, NOW - 10 * MINUTE)]
        ),
        CoverageView("jira-sec", "SEC", [(NOW - 14 * DAY, NOW - 12 * HOUR)]),
    ]
    last = {name: next(w for w in made if w.source == name) for name in ("aws-prod", "gcp-platform", "jira-sec")}
    query.statuses = [
        source("aws-prod", "cloudtrail-s3", "collecting", last["aws-prod"]),
        source(
            "gcp-platform", "gcp-audit", "collecting", last["gcp-platform"], gaps=((NOW - 5 * DAY, NOW - 4 * DAY - 3 * HOUR),)
        ),
        source("jira-sec", "jira", "failing", last["jira-sec"], failures=2),
        source(HOSTILE[:60], "cloudtrail-files", "waiting", None, counts=Counts()),
        source("old/trail", "", "removed", None, configured=False),
    ]
