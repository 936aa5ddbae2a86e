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


def jira(server: JiraServer) -> None:
    """Security incidents: one that was handled and reviewed, one that nobody has taken yet; and a supplier's yearly review."""
    now = server.now()
    hour = 3_600_000
    handled = server.create("SEC", "Phishing mail with a fake invoice", at=now - 90 * hour, labels=["incident"])
    server.change(handled, at=now - 89 * hour, assignee="s.okafor", priority="High", status="In Progress")
    server.comment(handled, "Sender blocked, three mailboxes cleaned.", at=now - 80 * hour, by="s.okafor")
    server.change(handled, at=now - 60 * hour, status="Done", labels=["incident", "post-incident-review"])
    server.create("SEC", "Laptop left on a train", at=now - 7 * hour, reporter="r.haas", labels=["incident"])
    review = server.create("SEC", "Yearly review of the uptime supplier", at=now - 200 * hour, labels=["supplier-review"])
    server.change(review, at=now - 30 * hour, assignee="k.brandt", status="Done")


def servicenow(server: ServiceNowServer) -> None:
    """Changes: one that was approved by another person, one that is on its way."""
    now = server.clock()
    what = "Rotate the orders database's password"
    done = server.create("change_request", at=now - 3 * _DAY, short_description=what, type="normal", approval="approved")
    server.change("change_request", done, at=now - 3 * _DAY + 600, backout_plan="Put the old one back from the vault")
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


def archive(folder: Path, now: float) -> None:
    """Two days of another account's CloudTrail, as files in a folder: one an hour, reads only."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(48):
        at = now - 600 - number * _HOUR
        own = {"eventVersion": "1.11", "eventID": str(uuid.uuid4()), "eventTime": stamp(at - 300), "eventName": "GetObjectAcl"}
        record = {**own, "awsRegion": HOME_REGION, "recipientAccountId": PRESS_ACCOUNT, "readOnly": True}
        delivered = time.strftime("%Y%m%dT%H%MZ", time.gmtime(at))
        name = f"{PRESS_ACCOUNT}_CloudTrail_{HOME_REGION}_{delivered}_{number:016d}.json.gz"
        (folder / name).write_bytes(gzip.compress(json.dumps({"Records": [record]}).encode()))
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
