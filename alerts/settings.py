"""Settings that routes share; unknown keys are refused. What one type alone has stands beside its notifier."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import time as Daytime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator, model_validator

from alerts.hours import DAYS, Digest, Quiet, zone_of
from alerts.meaning import LEVELS
from alerts.routes import Filters
from alerts.secret import basic, one_of, read_secret
from pipeline.rules.annex import control_ids
from pipeline.rules.durations import parse_duration
from pipeline.rules.problems import RulesError, nearest
from store.records import DAY, MINUTE, SECOND

MIN_SECRET = 16

Level = Literal["informational", "low", "medium", "high", "critical"]
Theme = Literal["organizational", "people", "physical", "technological"]
Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


def _text(value: Any) -> Any:
    """YAML makes a number of an account id, and one with a leading zero is then another."""
    if isinstance(value, int) and not isinstance(value, bool):
        raise ValueError("write it in quotes, a number loses its leading zeros")
    return value


def _clock(value: Any) -> Daytime:
    """YAML reads 22:00 without quotes as a number in base sixty."""
    found = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError('write a time of day in quotes, like "22:00"')
    return Daytime(int(found[1]), int(found[2]))


def _zone(value: str) -> str:
    zone_of(value)
    return value


def span(least: int, most: int) -> Callable[[Any], int]:
    """Reads a duration as 30m, from `least` to `most` microseconds."""

    def read(value: Any) -> int:
        try:
            found = parse_duration(value)
        except RulesError as error:
            raise ValueError(str(error)) from error
        if not least <= found <= most:
            raise ValueError(f"{value!r} is out of range: from {least // SECOND}s to {most // SECOND}s")
        return found

    return read


Quoted = Annotated[str, BeforeValidator(_text)]
Clock = Annotated[Daytime, BeforeValidator(_clock)]
Zone = Annotated[str, AfterValidator(_zone)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class QuietSettings(_Section):
    """quiet_hours: a time of day in which a route is not told of what is below `level`, but afterwards."""

    start: Clock = Field(alias="from")
    end: Clock = Field(alias="to")
    days: tuple[Day, ...] = Field(default=DAYS, min_length=1)
    timezone: Zone = "UTC"
    level: Level | Literal["none"] = "critical"

    def quiet(self) -> Quiet:
        """The hours as delivery takes them."""
        level = len(LEVELS) if self.level == "none" else LEVELS.index(self.level)
        return Quiet(self.start, self.end, frozenset(map(DAYS.index, self.days)), zone_of(self.timezone), level)


class DigestSettings(_Section):
    """digest: all that changed in a day or a week, as one message."""

    every: Literal["day", "week"] = "day"
    at: Clock = Field(default="07:00", validate_default=True)
    day: Day = "monday"
    timezone: Zone = "UTC"

    def digest(self) -> Digest:
        """When it is due, as delivery takes it."""
        return Digest(self.at, zone_of(self.timezone), DAYS.index(self.day) if self.every == "week" else None)


class RouteSettings(_Section):
    """What every route has."""

    name: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    type: str
    themes: tuple[Theme, ...] = Field(default=(), description="only alerts that concern a control of these themes")
    controls: tuple[str, ...] = Field(default=(), description="only alerts that concern one of these controls")
    level: Level = Field(default="informational", description="this level and above")
    sources: tuple[str, ...] = Field(default=(), description="only what these sources say")
    accounts: tuple[Quoted, ...] = Field(default=(), description="only what is said of these accounts")
    escalate_after: Annotated[int, BeforeValidator(span(MINUTE, DAY))] | None = Field(
        default=None, description="only what is open and not acknowledged so long after it was known"
    )
    quiet_hours: QuietSettings | None = Field(default=None, description="when nobody is told, but afterwards")
    digest: DigestSettings | None = Field(default=None, description="one message a day or a week instead of alerts")

    @field_validator("controls")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        known = control_ids()
        for control in value:
            if control not in known:
                raise ValueError(f"{control[:20]!r} is no control; {nearest(control[:20], known) or 'they are A.5.1 to A.8.34'}")
        return value

    @model_validator(mode="after")
    def _one_way(self) -> RouteSettings:
        if self.digest is not None and (self.quiet_hours is not None or self.escalate_after is not None):
            raise ValueError("digest goes without quiet_hours and escalate_after: it is told at its own time")
        return self

    def filters(self) -> Filters:
        """The filters of the route."""
        lists = (frozenset(self.themes), frozenset(self.controls), frozenset(self.sources), frozenset(self.accounts))
        return Filters(*lists, self.level)


class CallSettings(RouteSettings):
    """What routes have that call a server: which one may be called, and whom TLS trusts."""

    hosts: tuple[str, ...] = Field(default=(), description="hosts that may be called, *.example.org for all below")
    allow_private: bool = Field(default=False, description="private and loopback addresses may be called")
    allow_http: bool = Field(default=False, description="http without TLS may be used")
    ca_file: Path | None = Field(default=None, description="certificates (PEM) that are trusted instead of the system's")


class LoginSettings(CallSettings):
    """What routes have whose server takes a user with a password, or a bearer token."""

    user: str = Field(default="", max_length=200, pattern=r"^[!-9;-~]*$")
    password: SecretStr | None = None
    password_file: Path | None = None
    token: SecretStr | None = None
    token_file: Path | None = None

    def has_token(self) -> bool:
        """Whether a token is given, either way."""
        return self.token is not None or self.token_file is not None

    def authorization(self) -> str:
        """What the header says, of the user or else of the token. Raises RouteInvalid where a secret cannot be used."""
        if self.user:
            return basic(self.user, read_secret("password", self.password, self.password_file))
        return f"Bearer {read_secret('token', self.token, self.token_file)}"


class HookSettings(CallSettings):
    """What routes have that post to an address which is a secret itself: whoever knows it may post."""

    url: SecretStr | None = None
    url_file: Path | None = None

    @model_validator(mode="after")
    def _one_url(self) -> HookSettings:
        one_of("url", self.url, self.url_file)
        return self
