"""A directory of Prowler's OCSF output. A broken call is a file that cannot be had, or not be understood, until it is healed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.contract.front import How
from tests.contract.labs.base import Filed, Lab
from tests.contract.labs.json_files import break_file

ACCOUNT = "111122223333"


def finding(number: int, **more: Any) -> dict[str, Any]:
    """A finding in the form that Prowler 5 writes; those of one number are of one subject."""
    bucket = f"bucket-{number}"
    code = "s3_bucket_public_access"
    own = {
        "message": f"Bucket {bucket} is private.",
        "metadata": {
            "event_code": code,
            "product": {"name": "Prowler", "uid": "prowler", "vendor_name": "Prowler", "version": "5.13.0"},
            "profiles": ["cloud", "datetime"],
            "version": "1.5.0",
        },
        "severity_id": 4,
        "severity": "High",
        "status": "New",
        "status_code": "PASS",
        "status_detail": f"Bucket {bucket} is private.",
        "status_id": 1,
        "finding_info": {
            "created_time": 1_763_632_800 + number,
            "created_time_dt": "2025-11-20T10:00:00",
            "title": "S3 bucket is not public",
            "uid": f"prowler-aws-{code}-{ACCOUNT}-eu-west-1-{bucket}",
        },
        "resources": [{"uid": f"arn:aws:s3:::{bucket}", "name": bucket, "region": "eu-west-1", "data": {"metadata": {}}}],
        "cloud": {"provider": "aws", "region": "eu-west-1", "account": {"uid": ACCOUNT, "name": "production"}},
        "time": 1_763_632_800 + number,
        "time_dt": "2025-11-20T10:00:00",
        "type_uid": 200401,
        "unmapped": {"scan_id": f"0198c0de-0000-7000-8000-{number:012d}", "compliance": {"CIS-3.0": ["2.1.4"]}},
    }
    return {**own, **more}


class Folder(Filed):
    """See Lab."""

    def __init__(self, folder: Path) -> None:
        self.settings: Mapping[str, Any] = {"name": "scans", "type": "prowler", "path": str(folder / "scans")}
        self.begin(folder / "scans")

    def more(self) -> None:
        self.put(finding(self.number), finding(self.number + 1_000_000, status_code="FAIL"))

    def put(self, *findings: Mapping[str, Any]) -> None:
        text = ",".join(json.dumps(item, indent=4) for item in findings)
        (self.folder / f"prowler-output-{ACCOUNT}-{self.number:06d}.ocsf.json").write_text(f"[{text}]")
        self.number += 1

    def hostile(self, text: str) -> bool:
        self.put(finding(self.number, status_detail=text))
        return True

    def break_file(self, path: Path, how: How) -> None:
        break_file(path, how, self.healed)


@contextmanager
def lab(folder: Path) -> Iterator[Lab]:
    yield Folder(folder)
