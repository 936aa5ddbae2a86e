"""The simulated organisation's tickets, and what other tools found in its cloud."""

from __future__ import annotations

import gzip
import json
import os
import time
import uuid
from pathlib import Path
from typing import Any, Final

from attestream.demo.servers.aws_config import ConfigServer
from attestream.demo.servers.github import GithubServer, stamp
from attestream.demo.servers.jira import JiraServer
from attestream.demo.servers.pagerduty import PagerdutyServer
from attestream.demo.servers.securityhub import SecurityHubServer
from attestream.demo.servers.servicenow import ServiceNowServer
from attestream.demo.world import ACCOUNT, BUCKETS, HOME_REGION, PRESS_ACCOUNT, PRESS_BUCKET

_HOUR: Final = 3600.0
_DAY: Final = 24 * _HOUR


LATE: Final = "Customer list sent to the wrong address"
"""A ticket of this morning that nobody has taken, and that nobody has called an incident yet."""
_DONE: Final = (
    ("policy-review", "Review of the security policies", 61, "s.okafor"),
    ("legal-register-review", "Register of legal requirements, half-yearly look", 47, "l.moreau"),
    ("ir-exercise", "Table-top: ransomware in the parcel service", 52, "s.okafor"),
    ("bc-exercise", "Exercise of the continuity plan: office without power", 71, "a.nowak"),
    ("restore-test", "Restore of the orders database", 19, "a.nowak"),
    ("access-review", "Access review, third quarter", 26, "s.okafor"),
    ("badge-review", "Who still has a badge", 33, "r.haas"),
    ("ups-test", "Battery of the server cupboard", 80, "r.haas"),
    ("log-review", "Logs of the month looked through", 41, "s.okafor"),
    ("pentest", "Penetration test of the shop", 55, "m.keller"),
    ("procedure-review", "Runbooks looked through", 66, "a.nowak"),
    ("supplier-review", "Yearly review of the uptime supplier", 8, "k.brandt"),
)
"""What was done in the last 90 days: label, summary, how many days ago, by whom."""
_OPEN: Final = (
    ("security-training", "Security training 2026 of the warehouse", -9, "r.haas"),
    ("vendor-assessment", "Assessment of the parcel label printer", -16, "k.brandt"),
    ("vulnerability", "OpenSSL in the label service", 12, "m.keller"),
    ("policy-exception", "Old TLS for the cash register until it is replaced", 40, "m.keller"),
    ("dsar", "Request of a customer for her data", 9, "l.moreau"),
)
"""What is open: label, summary, in how many days it is due, who has it."""


def jira(server: JiraServer) -> None:
    """90 days: routine that was done and routine that is overdue; an incident that was handled and reviewed; and `LATE`."""
    now = server.now()
    hour = 3_600_000
    for label, summary, ago, who in _DONE:
        key = server.create("SEC", summary, at=now - (ago * 24 + 30) * hour, labels=[label])
        server.change(key, at=now - ago * 24 * hour, assignee=who, status="Done")
    for label, summary, due, who in _OPEN:
        ends = time.strftime("%Y-%m-%d", time.gmtime(now / 1000 + due * _DAY))
        key = server.create("SEC", summary, at=now - 720 * hour, labels=[label], duedate=ends)
        server.change(key, at=now - 719 * hour, assignee=who, status="In Progress")
    handled = server.create("SEC", "Phishing mail with a fake invoice", at=now - 90 * hour, labels=["incident"])
    server.change(handled, at=now - 89 * hour, assignee="s.okafor", priority="High", status="In Progress")
    server.comment(handled, "Sender blocked, three mailboxes cleaned.", at=now - 80 * hour, by="s.okafor")
    server.change(handled, at=now - 60 * hour, status="Done", labels=["incident", "post-incident-review"])
    report = server.create("SEC", "Advisory on parcel tracking software", at=now - 300 * hour, labels=["threat-intel"])
    server.change(report, at=now - 290 * hour, assignee="s.okafor", status="Done", links=[handled])
    server.create("SEC", LATE, at=now - 5 * hour, reporter="r.haas")


def servicenow(server: ServiceNowServer) -> None:
    """Changes: one that was approved by another person, one that is on its way."""
    now = server.clock()
    what = "Rotate the orders database's password"
    done = server.create("change_request", at=now - 3 * _DAY, short_description=what, type="normal", approval="approved")
    plans = {"backout_plan": "Put the old one back from the vault", "test_plan": "The shop takes an order"}
    server.change("change_request", done, at=now - 3 * _DAY + 600, implementation_plan="See the runbook", **plans)
    server.change("change_request", done, at=now - 2 * _DAY, state="3", active="false", close_code="successful")
    server.create("change_request", at=now - 5 * _HOUR, short_description="New firewall between shop and billing")
    broken = server.create("incident", at=now - 4 * _DAY, short_description="Mail gateway down", by="t.ferrari")
    server.close("incident", broken, at=now - 4 * _DAY + 2 * _HOUR)


def pagerduty(server: PagerdutyServer) -> None:
    """An incident that was taken at once, one that is open; an escalation policy with a second level that nobody mans."""
    now = server.clock()
    server.trigger("PFERN01", now - 30 * _HOUR, title="CloudTrail stopped")
    server.log("PFERN01", "acknowledge", now - 30 * _HOUR + 240)
    server.log("PFERN01", "resolve", now - 29 * _HOUR)
    server.trigger("PFERN02", now - 1 * _HOUR, title="Sign-ins from an unknown country")
    server.policy("PFERNPOL", 2, (1,))


def github(server: GithubServer) -> None:
    """Two repositories, one of them without protection of its main branch; a dependency alert; a change that was reviewed."""
    now = server.clock()
    shop, site = server.repository("orders", visibility="private"), server.repository("press-kit", visibility="public")
    for feature in ("protection", "secret-scanning", "dependabot", "vulnerability-alerts"):
        server.turn_on("orders", feature)
    shop.answers["protection"] = {"required_pull_request_reviews": {"required_approving_review_count": 1}}
    state = {"state": "open", "created_at": stamp(now - 9 * _DAY), "updated_at": stamp(now - 9 * _DAY)}
    shop.alerts = {"dependabot": [{"number": 1, "security_advisory": {"severity": "high"}, **state}]}
    server.members = [{"login": name, "id": number} for number, name in enumerate(("m-keller", "t-ferrari", "l-moreau"), 20)]
    server.without_2fa = {"l-moreau"}
    rules = [{"id": 1, "type": "required_reviewers", "reviewers": [{"type": "User", "reviewer": {"login": "m-keller"}}]}]
    shop.answers["environments"] = [{"id": 7, "name": "production", "protection_rules": rules}]
    server.pull("orders", 41, now - 20 * _HOUR, merged_by={"login": "t-ferrari"})
    shop.reviews[41] = [{"id": 1, "state": "APPROVED", "user": {"login": "m-keller"}, "submitted_at": stamp(now - 21 * _HOUR)}]
    server.issue("press-kit", 7, now - 2 * _DAY, title="Logo in higher resolution")
    site.body["archived"] = False


def security_hub(server: SecurityHubServer) -> None:
    """One failed and two passed checks of a standard, of the last days."""
    for number, name in enumerate(BUCKETS):
        status = "FAILED" if name == PRESS_BUCKET else "PASSED"
        server.put(
            name, region=HOME_REGION, ago=_DAY + number * _HOUR, Compliance={"Status": status, "SecurityControlId": "S3.8"}
        )


def config(server: ConfigServer) -> None:
    """Two rules: one that judged every bucket, one that has seen nothing yet."""
    server.rule("s3-bucket-public-read-prohibited", region=HOME_REGION)
    server.rule("rds-storage-encrypted", region=HOME_REGION)
    for name in BUCKETS:
        verdict = "NON_COMPLIANT" if name == PRESS_BUCKET else "COMPLIANT"
        server.evaluate("s3-bucket-public-read-prohibited", name, verdict, region=HOME_REGION)


def prowler(folder: Path, now: float) -> None:
    """Last night's scan, as Prowler writes it."""
    found: list[dict[str, Any]] = []
    for number, name in enumerate(BUCKETS):
        status = "FAIL" if name == PRESS_BUCKET else "PASS"
        code = "s3_bucket_public_access"
        found.append(
            {
                "metadata": {"event_code": code, "product": {"name": "Prowler", "version": "5.13.0"}, "version": "1.5.0"},
                "severity": "High",
                "status_code": status,
                "status_detail": f"Bucket {name} {'is public' if status == 'FAIL' else 'is private'}.",
                "finding_info": {"uid": f"prowler-aws-{code}-{ACCOUNT}-{HOME_REGION}-{name}", "created_time": int(now) - 30_000},
                "resources": [{"uid": f"arn:aws:s3:::{name}", "name": name, "region": HOME_REGION, "type": "AwsS3Bucket"}],
                "cloud": {"provider": "aws", "region": HOME_REGION, "account": {"uid": ACCOUNT}},
                "time": int(now) - 30_000 + number,
            }
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"prowler-output-{ACCOUNT}-20261101000000.ocsf.json").write_text(json.dumps(found, indent=1), encoding="utf-8")


def archive(folder: Path, now: float, days: int) -> None:
    """Another account's CloudTrail of so many days, as files in a folder: one an hour, reads only."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(24 * days):
        at = now - 600 - number * _HOUR
        own = {"eventVersion": "1.11", "eventID": str(uuid.uuid4()), "eventTime": stamp(at - 300), "eventName": "GetObjectAcl"}
        record = {**own, "awsRegion": HOME_REGION, "recipientAccountId": PRESS_ACCOUNT, "readOnly": True}
        delivered = time.strftime("%Y%m%dT%H%MZ", time.gmtime(at))
        name = f"{PRESS_ACCOUNT}_CloudTrail_{HOME_REGION}_{delivered}_{number:016d}.json.gz"
        (folder / name).write_bytes(gzip.compress(json.dumps({"Records": [record]}).encode(), compresslevel=1))
        os.utime(folder / name, (at, at))


def badge_log(folder: Path, now: float) -> None:
    """A door system's own log, JSON lines: any log that an organisation has."""
    folder.mkdir(parents=True, exist_ok=True)
    people = ("m.keller", "a.nowak", "s.okafor", "r.haas")
    lines = [
        {
            "at": int(now - 3 * _DAY + n * 5000),
            "door": f"D{n % 3}",
            "badge": people[n % 4],
            "result": "granted" if n % 11 else "denied",
        }
        for n in range(50)
    ]
    (folder / "doors.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
