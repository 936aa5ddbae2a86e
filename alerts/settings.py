"""Settings of routes: one model per type, unknown keys refused."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator, model_validator

from alerts.routes import Filters
from pipeline.rules.annex import control_ids
from pipeline.rules.problems import nearest

MIN_SECRET = 16

Level = Literal["informational", "low", "medium", "high", "critical"]
Theme = Literal["organizational", "people", "physical", "technological"]


def _text(value: Any) -> Any:
    """YAML makes a number of an account id, and one with a leading zero is then another."""
    if isinstance(value, int) and not isinstance(value, bool):
        raise ValueError("write it in quotes, a number loses its leading zeros")
    return value


Quoted = Annotated[str, BeforeValidator(_text)]


class RouteSettings(BaseModel):
    """What every route has."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    type: str
    themes: tuple[Theme, ...] = Field(default=(), description="only alerts that concern a control of these themes")
    controls: tuple[str, ...] = Field(default=(), description="only alerts that concern one of these controls")
    level: Level = Field(default="informational", description="this level and above")
    sources: tuple[str, ...] = Field(default=(), description="only what these sources say")
    accounts: tuple[Quoted, ...] = Field(default=(), description="only what is said of these accounts")

    @field_validator("controls")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        known = control_ids()
        for control in value:
            if control not in known:
                raise ValueError(f"{control[:20]!r} is no control; {nearest(control[:20], known) or 'they are A.5.1 to A.8.34'}")
        return value

    def filters(self) -> Filters:
        """The filters of the route."""
        lists = (frozenset(self.themes), frozenset(self.controls), frozenset(self.sources), frozenset(self.accounts))
        return Filters(*lists, self.level)


class LogSettings(RouteSettings):
    """log: into the service's own log."""

    type: Literal["log"]


class WebhookSettings(RouteSettings):
    """webhook: POST to `url`, signed with `secret` or what stands in `secret_file`."""

    type: Literal["webhook"]
    url: SecretStr
    secret: SecretStr | None = None
    secret_file: Path | None = None
    hosts: tuple[str, ...] = Field(default=(), description="hosts that may be called, *.example.org for all below")
    allow_private: bool = Field(default=False, description="private and loopback addresses may be called")
    allow_http: bool = Field(default=False, description="http without TLS may be used")
    ca_file: Path | None = Field(default=None, description="certificates (PEM) that are trusted instead of the system's")

    @model_validator(mode="after")
    def _one_secret(self) -> WebhookSettings:
        if (self.secret is None) == (self.secret_file is None):
            raise ValueError("set one of secret and secret_file; every request is signed")
        return self
