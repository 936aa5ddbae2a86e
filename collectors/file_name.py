"""Names of CloudTrail log files: ACCOUNT_CloudTrail_REGION_YYYYMMDDTHHMMZ_RANDOM.json.gz.

Digest files (ACCOUNT_CloudTrail-Digest_...) and Insights files (ACCOUNT_CloudTrail-Insight_...) are other things and do not fit.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from store.records import SECOND

_NAME: Final = re.compile(
    r"(?P<account>[0-9]{12})_CloudTrail_(?P<region>[a-z]{2}[a-z0-9-]{3,30})_(?P<time>[0-9]{8}T[0-9]{4}Z)_[A-Za-z0-9]{1,64}\.json"
    r"(?P<zipped>\.gz)?"
)


@dataclass(frozen=True, slots=True)
class FileName:
    """What a log file's name says: whose records, of which Region, and when it was delivered (microseconds, whole minutes)."""

    account: str
    region: str
    delivered: int
    zipped: bool

    @property
    def part(self) -> str:
        """The window's part that the file belongs to."""
        return f"{self.account}/{self.region}"


Namer = Callable[[str], FileName | None]
"""Reads a path or key; None for what is no file of the source."""


def parse_name(key: str) -> FileName | None:
    """Read the last segment of a path or key; None when it is not a log file's name."""
    found = _NAME.fullmatch(key.rpartition("/")[2])
    if found is None:
        return None
    try:
        delivered = datetime.strptime(found["time"], "%Y%m%dT%H%MZ").replace(tzinfo=UTC)
    except ValueError:  # the 31st of June
        return None
    seconds = int(delivered.timestamp())
    return FileName(found["account"], found["region"], seconds * SECOND, found["zipped"] is not None) if seconds >= 0 else None
