"""What settings of sources have in common; unknown keys are refused. Durations are written 90s, 15m, 1h, 7d."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from collectors.aws import Connection
from store.errors import InvalidTime
from store.records import DAY, HOUR, MINUTE, SECOND
from store.times import parse_time

_UNITS: Final = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_DURATION: Final = re.compile(r"([0-9]{1,6})([smhd])")
_DAY_ONLY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def parse_duration(text: str) -> int:
    """Read "90s", "15m", "1h", "7d"; return microseconds. Raises ValueError."""
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"not a duration: {text!r} (write a number and one of s, m, h, d, e.g. 5m)")
    return int(found[1]) * _UNITS[found[2]]


def _duration(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError(f"a duration needs a unit: write e.g. {value}s")
    return parse_duration(value)


def _moment(value: Any) -> Any:
    """YAML may have made a date or time of the text already; a day alone begins at midnight UTC."""
    if isinstance(value, datetime) and value.tzinfo is None:
        raise ValueError(f"a time needs an offset: write {value.isoformat()}Z for UTC")
    text = str(value.isoformat() if hasattr(value, "isoformat") else value)
    try:
        return parse_time(f"{text}T00:00:00Z" if _DAY_ONLY.fullmatch(text) else text)
    except InvalidTime as error:
        raise ValueError(str(error)) from error


def _positive(value: int) -> int:
    if value <= 0:
        raise ValueError("must be more than nothing")
    return value


Duration = Annotated[int, BeforeValidator(_duration)]
"""Microseconds, written as text with a unit."""
Moment = Annotated[int, BeforeValidator(_moment)]
"""Microseconds since 1970, written as RFC 3339 or as a day."""


class SourceSettings(BaseModel):
    """What every source has. `lateness`: how long after an event its delivery may come."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    type: str

    @field_validator("name")
    @classmethod
    def _not_ours(cls, value: str) -> str:
        if value in ("attestream", "stream"):
            raise ValueError(f"{value!r} is what Attestream calls itself in its log: choose another name")
        return value

    schedule: Annotated[Duration, AfterValidator(_positive)] = 5 * MINUTE
    lateness: Duration = HOUR
    since: Moment | None = None


class DeliveredFilesSettings(SourceSettings):
    """What sources of delivered files have: the overlap of windows and bounds of a file (collectors/gz.py)."""

    overlap: Duration = 15 * MINUTE
    max_file_size: int = Field(default=256 * 1024 * 1024, ge=1024, le=16 * 1024**3)
    max_ratio: int = Field(default=200, ge=2, le=1100)


class AwsSettings(SourceSettings):
    """What every source in AWS has. Credentials are found by the AWS SDK, they never stand here."""

    region: str | None = Field(default=None, pattern=r"^[a-z0-9-]{1,32}$")
    profile: str | None = Field(default=None, min_length=1)
    endpoint_url: str | None = Field(default=None, pattern=r"^https?://")
    max_attempts: int = Field(default=5, ge=1, le=20)
    connect_timeout: float = Field(default=5.0, gt=0, le=300)
    read_timeout: float = Field(default=30.0, gt=0, le=300)

    @field_validator("endpoint_url")
    @classmethod
    def _without_credentials(cls, value: str | None) -> str | None:
        if value is not None and "@" in value:
            raise ValueError("must hold no credentials: leave them to the AWS SDK (profile, environment, role)")
        return value

    @property
    def connection(self) -> Connection:
        """How AWS is reached."""
        return Connection(
            self.region, self.profile, self.endpoint_url, self.max_attempts, self.connect_timeout, self.read_timeout
        )
