"""Collectors over their protocols: one window of one source, from a server in another process or from files."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks.events import payloads, write_files
from benchmarks.measure import Measured, Stage, timed
from benchmarks.secrets import PASSWORD, TOKEN
from benchmarks.sizes import Size
from collectors.base import Window
from collectors.registry import build, read_settings
from collectors.report import Silent, WindowReport
from store.records import DAY, UNREADABLE
from store.times import wall_clock

_FAST: Final = {"requests_per_second": 1000}
_AWS: Final = {"region": "eu-west-1", "regions": ["eu-west-1"]}


def _api(name: str, address: str, folder: Path) -> dict[str, Any]:
    """Settings of a source that reads the server at `address`."""
    for word, value in (("token", TOKEN), ("password", PASSWORD)):
        (folder / word).write_text(value, encoding="ascii")
    token = {"token_file": str(folder / "token"), **_FAST}
    user = {"user": "auditor", "password_file": str(folder / "password"), **_FAST}
    found: Mapping[str, dict[str, Any]] = {
        "jira": {"url": address, "edition": "cloud", "email": "auditor@example.org", "jql": "project = SEC", **token},
        "servicenow": {"url": address, "tables": ["incident"], **user},
        "pagerduty": {"url": address, **token},
        "github": {"url": address, "organisation": "acme", "settings": False, **token},
        "gcp-audit": {"endpoint": address, "insecure": True, "resources": ["projects/shop-prod"], **_FAST},
        "aws-securityhub": {"endpoint_url": address, **_AWS},
        "aws-config": {"endpoint_url": address, **_AWS},
        "cloudtrail-lookup": {"endpoint_url": address, "requests_per_second": 100, **_AWS},
    }
    return found[name]


def _lines(count: int, folder: Path) -> dict[str, Any]:
    def line(number: int) -> str:
        who, pad = {"name": f"u{number % 97}"}, "x" * 200
        return json.dumps({"id": f"e{number}", "at": 1_763_632_800 + number, "user": who, "action": "login", "pad": pad}) + "\n"

    (folder / "app.jsonl").write_text("".join(map(line, range(count))), encoding="ascii")
    fields = {"id": "id", "time": "at", "subject": "user.name"}
    return {"path": str(folder), "product": "app", "service": "audit", "fields": fields}


def _scans(count: int, folder: Path) -> dict[str, Any]:
    def finding(number: int) -> dict[str, Any]:
        return {
            "metadata": {"event_code": "s3_bucket_public_access", "product": {"name": "Prowler"}, "version": "1.5.0"},
            "status_code": "FAIL",
            "finding_info": {"uid": f"prowler-{number}", "created_time": 1_763_632_800},
            "resources": [{"uid": f"arn:aws:s3:::b{number}", "name": f"b{number}", "region": "eu-west-1"}],
            "cloud": {"provider": "aws", "region": "eu-west-1", "account": {"uid": "111122223333"}},
            "time": 1_763_632_800,
        }

    (folder / "prowler-output.ocsf.json").write_text(json.dumps([finding(n) for n in range(count)]), encoding="ascii")
    return {"path": str(folder)}


def _measure(name: str, settings: Mapping[str, Any], least: int) -> Measured:
    collector = build(read_settings({"name": "bench", "type": name, **settings}))
    now = wall_clock() + 1
    report, window = WindowReport(Silent(), {}), Window("bench", "bench", now - 2 * DAY, now, {})
    with timed() as watch:
        events = sum(event.type != UNREADABLE for event in collector.collect(window, report))
    if events < least or report.errors:
        raise AssertionError(f"{name}: {events} of {least} events were read; {report.errors[:3]}")
    return Measured(f"collect {name}", events, watch.seconds, watch.cpu)


def _from_api(name: str, share: int, size: Size, folder: Path) -> Iterator[Measured]:
    from benchmarks.serving import served  # the servers' imports are no part of what other stages hold in memory

    count = max(60, size.files // share)
    _credentials()
    with served(name, count) as address:
        yield _measure(name, _api(name, address, folder), count)


def _from_bucket(size: Size, folder: Path) -> Iterator[Measured]:
    """Log files in moto's S3, which is a process of its own."""
    from attestream.demo.cloud import LocalS3

    logs = folder / "logs"
    logs.mkdir()
    write_files(payloads(size.files), logs)
    with LocalS3(folder / "moto.log") as cloud:
        cloud.make_bucket("bench")
        for path in logs.iterdir():
            cloud.client().upload_file(str(path), "bench", path.name)
        _credentials()
        yield _measure("cloudtrail-s3", {"bucket": "bench", "endpoint_url": cloud.endpoint}, size.files)


def _from_account(size: Size, folder: Path) -> Iterator[Measured]:
    """Users and buckets in moto; each takes several calls, one after another."""
    from attestream.demo.cloud import LocalS3

    count = max(20, size.files // 200)
    with LocalS3(folder / "moto.log") as cloud:
        iam, s3 = cloud.client("iam"), cloud.client("s3", "eu-west-1")
        for number in range(count):
            iam.create_user(UserName=f"user-{number}")
        for number in range(count // 4):
            place = {"LocationConstraint": "eu-west-1"}
            s3.create_bucket(Bucket=f"bench-{number}", CreateBucketConfiguration=place)
        _credentials()
        yield _measure("aws-account", {"endpoint_url": cloud.endpoint, "resources": ["iam.user", "s3.bucket"], **_AWS}, count)


def _credentials() -> None:
    """The small servers and moto check none."""
    os.environ |= {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE000000000", "AWS_SECRET_ACCESS_KEY": TOKEN}


def _from_files(name: str, size: Size, folder: Path) -> Iterator[Measured]:
    made = (_lines if name == "json-files" else _scans)(size.files, folder)
    past = time.time() - 3600
    for path in folder.iterdir():
        os.utime(path, (past, past))
    yield _measure(name, made, size.files)


SOURCES: Final[Mapping[str, Stage]] = {
    "json-files": partial(_from_files, "json-files"),
    "prowler": partial(_from_files, "prowler"),
    "jira": partial(_from_api, "jira", 10),
    "servicenow": partial(_from_api, "servicenow", 10),
    "pagerduty": partial(_from_api, "pagerduty", 40),
    "github": partial(_from_api, "github", 10),
    "gcp-audit": partial(_from_api, "gcp-audit", 2),
    "aws-securityhub": partial(_from_api, "aws-securityhub", 10),
    "aws-config": partial(_from_api, "aws-config", 10),
    "cloudtrail-lookup": partial(_from_api, "cloudtrail-lookup", 10),
    "cloudtrail-s3": _from_bucket,
    "aws-account": _from_account,
}
"""One line each. Servers answer a request in milliseconds of Python, so the slower ones get fewer facts."""
