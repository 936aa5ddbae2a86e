"""Settings: `attestream.yaml`, each key overridable by the environment. Nothing else reads the environment.

ATTESTREAM_STORE__URL overrides store.url, ATTESTREAM_SOURCES__JIRA_PROD__TOKEN_FILE the token_file of the source jira-prod,
ATTESTREAM_ALERTS__ROUTES__ON_CALL__ROUTING_KEY the routing_key of the route on-call. A secret may stand in a file: a key that
ends in `_file`.
With no file at all: SQLite below ./attestream-data, no sources, the built-in mappings.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from attestream.errors import SettingsError
from collectors.base import CollectorError
from collectors.registry import read_settings
from collectors.settings import Duration, SourceSettings
from pipeline.stream.options import Format, Mechanism, Secret, Security, StreamOptions
from store.engine import SQLITE, without_password
from store.records import SECOND

PREFIX: Final = "ATTESTREAM_"
NOT_SETTINGS: Final = frozenset({PREFIX + "CONFIG", PREFIX + "REQUIRE_PARTS"})
"""Variables of ours that set nothing here: where the file is, and what the tests insist on."""
DEFAULT_FILE: Final = "attestream.yaml"
DEFAULT_FOLDER: Final = "attestream-data"
MAX_FILE: Final = 1 << 20


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StoreSettings(_Section):
    """Where evidence is kept."""

    url: str = Field(
        default=f"{SQLITE}{DEFAULT_FOLDER}/store.db",
        description="sqlite:///path/to/store.db, or postgresql://user@host/database",
    )
    password: SecretStr | None = Field(
        default=None, description="PostgreSQL's password; ATTESTREAM_STORE__PASSWORD_FILE is better"
    )

    retention: Duration | None = Field(
        default=None, gt=0, description="payloads are erased this long after they were recorded, e.g. 730d; for ever by default"
    )

    @model_validator(mode="before")
    @classmethod
    def _take_password(cls, values: Any) -> Any:
        """A password inside the URL is taken out of it: the URL is shown in many places."""
        url = values.get("url") if isinstance(values, Mapping) else None
        if not isinstance(url, str) or url.startswith(SQLITE):
            return values
        bare, password = without_password(url)
        if password is None:
            return values
        if values.get("password") is not None:
            raise ValueError("a password stands in url and in password; leave one of them out")
        return {**values, "url": bare, "password": password}

    @property
    def secret(self) -> str | None:
        """The password in the clear, None where there is none."""
        return self.password.get_secret_value() if self.password is not None else None


class StreamSettings(_Section):
    """What carries events from collectors to the mapper. All but `url` is for Kafka."""

    url: str = Field(default="sqlite", description="sqlite (stream.db beside the store), or kafka://host:port,host:port/topic")
    format: Format = Field(default="packs", description="packs, or cloudevents: one record per event, for other readers")
    partitions: int = Field(
        default=12, ge=1, le=10_000, description="partitions of a topic that is made: workers that can share it"
    )
    replication: int | None = Field(
        default=None, ge=1, le=100, description="copies of a topic that is made; the cluster's default"
    )
    retention: Duration = Field(
        default="7d", validate_default=True, gt=0, description="how long a topic that is made keeps what waits, e.g. 7d"
    )
    group: str = Field(default="attestream", pattern=r"^[A-Za-z0-9._-]{1,200}$", description="consumer group of the map role")
    tls: bool = Field(default=False, description="speak TLS")
    ca_file: Path | None = Field(default=None, description="certificates (PEM) that vouch for the brokers; the system's")
    cert_file: Path | None = Field(default=None, description="our certificate (PEM)")
    key_file: Path | None = Field(default=None, description="its key (PEM)")
    sasl: Mechanism | None = Field(default=None, description="PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER")
    username: str | None = Field(default=None, description="user of PLAIN and SCRAM")
    password: SecretStr | None = Field(default=None, description="its password, by the environment; password_file is better")
    password_file: Path | None = Field(default=None, description="file that holds the password, read when a client is opened")
    token_file: Path | None = Field(
        default=None, description="file that holds the token of OAUTHBEARER, read at every connection"
    )

    def options(self) -> StreamOptions:
        """These settings as the stream takes them. Raises SettingsError for those that do not go together."""
        self._check()
        password = None
        if self.password is not None or self.password_file is not None:
            value = self.password.get_secret_value if self.password is not None else None
            password = Secret("stream.password", value, self.password_file)
        token = Secret("stream.token", None, self.token_file) if self.token_file is not None else None
        files = (self.ca_file, self.cert_file, self.key_file)
        security = Security(self.tls, *files, self.sasl, self.username, password, token)
        retention = self.retention // SECOND
        return StreamOptions(self.format, self.partitions, self.replication, max(1, retention), self.group, security)

    def _check(self) -> None:
        named = self.username is not None or self.password is not None or self.password_file is not None
        if self.sasl in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"):
            if not self.username or (self.password is None) == (self.password_file is None):
                raise SettingsError(f"stream: sasl {self.sasl} needs username and one of password_file and password")
        elif named:
            raise SettingsError("stream: username and password go with sasl: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")
        if (self.sasl == "OAUTHBEARER") != (self.token_file is not None):
            raise SettingsError("stream: sasl: OAUTHBEARER and token_file go together")
        if not self.tls and (self.ca_file or self.cert_file or self.key_file):
            raise SettingsError("stream: ca_file, cert_file and key_file go with tls: true")
        if (self.cert_file is None) != (self.key_file is None):
            raise SettingsError("stream: cert_file and key_file go together")


class MappingsSettings(_Section):
    """Which mappings judge, beside the built-in ones."""

    paths: tuple[Path, ...] = Field(default=(), description="folders or files of Sigma rules, mappings and overlays")
    builtin: bool = Field(default=True, description="load the built-in mappings")
    lists: Mapping[str, tuple[str, ...]] = Field(default_factory=dict, description="members of %name% placeholders")


class SigningSettings(_Section):
    """How the log is signed. Defaults stand beside the store."""

    key_file: Path | None = Field(default=None, description="Ed25519 private key (PEM), made on first use, mode 0600")
    place: Path | None = Field(default=None, description="folder of signed checkpoints; best on other storage than the store")
    origin: str | None = Field(default=None, description="name of this log in its checkpoints, like a URL without scheme")
    every: int = Field(default=10, ge=1, le=3600, description="seconds between checkpoints while the log grows")


class AlertsSettings(_Section):
    """Where drift is delivered to."""

    routes: tuple[Mapping[str, Any], ...] = Field(default=(), description="routes, see docs/alerts.md")
    link: str = Field(default="", description="URL of the dashboard, for links in alerts")


class WebSettings(_Section):
    """The dashboard."""

    listen: str = Field(default="127.0.0.1:8737", description="address:port of the dashboard")
    allowed_hosts: tuple[str, ...] = Field(default=(), description="host names that the dashboard answers to")


class Settings(_Section):
    """Everything that can be set."""

    store: StoreSettings = Field(default_factory=StoreSettings)
    stream: StreamSettings = Field(default_factory=StreamSettings)
    sources: tuple[Mapping[str, Any], ...] = ()
    mappings: MappingsSettings = Field(default_factory=MappingsSettings)
    retain: Literal["matched", "all"] = Field(default="matched", description="keep only judged events, or all")
    signing: SigningSettings = Field(default_factory=SigningSettings)
    alerts: AlertsSettings = Field(default_factory=AlertsSettings)
    web: WebSettings = Field(default_factory=WebSettings)

    @property
    def folder(self) -> Path:
        """The folder of the embedded store, beside which the other defaults stand; ./attestream-data for another store."""
        url = self.store.url
        return Path(url.removeprefix(SQLITE)).parent if url.startswith(SQLITE) else Path(DEFAULT_FOLDER)

    @property
    def key_file(self) -> Path:
        """The signing key."""
        return self.signing.key_file or self.folder / "signing.key"

    @property
    def place(self) -> Path:
        """The folder of signed checkpoints."""
        return self.signing.place or self.folder / "checkpoints"

    def source_settings(self) -> tuple[SourceSettings, ...]:
        """The sources, checked. Raises SettingsError."""
        try:
            sources = tuple(read_settings(values) for values in self.sources)
        except CollectorError as error:
            raise SettingsError(f"sources: {error}") from error
        names = [source.name for source in sources]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise SettingsError(f"sources: the name {sorted(twice)[0]!r} stands twice; a name is one source")
        return sources


def load(path: Path | None, environment: Mapping[str, str] | None = None) -> Settings:
    """Read settings. `path` None: ATTESTREAM_CONFIG, else ./attestream.yaml if it is there. Raises SettingsError."""
    env = os.environ if environment is None else environment
    named = path or (Path(env[PREFIX + "CONFIG"]) if env.get(PREFIX + "CONFIG") else None)
    file = named or Path(DEFAULT_FILE)
    values = _read(file) if named is not None or file.exists() else {}
    for name, text in sorted(env.items()):
        if name.startswith(PREFIX) and name not in NOT_SETTINGS:
            _override(values, name, text)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        where = file if named is not None or file.exists() else "settings"
        raise SettingsError(f"{where}: {_faults(error)}") from error
    settings.source_settings()
    return settings


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_FILE:
            raise SettingsError(f"{path}: larger than {MAX_FILE} bytes; this is no settings file")
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}; name the settings file by --config") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        raise SettingsError(f"{path}:{place} is not YAML: {getattr(error, 'problem', error)}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise SettingsError(f"{path}: expected keys and values at the top, found {type(values).__name__}")
    return values


def _override(values: dict[str, Any], name: str, text: str) -> None:
    """Put one variable in its place. Lists and mappings are written as YAML."""
    keys = name[len(PREFIX) :].lower().split("__")
    if keys[0] not in Settings.model_fields:
        raise SettingsError(f"{name}: no such section{_near(keys[0], Settings.model_fields)}")
    listed = keys[0] == "sources" or keys[:2] == ["alerts", "routes"]
    path = keys[-1] == "key_file" or listed or (keys[0] == "stream" and keys[-1] in StreamSettings.model_fields)
    if keys[-1].endswith("_file") and not path:
        keys[-1] = keys[-1].removesuffix("_file")
        try:
            text = Path(text).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(f"{name}: cannot read {text}: {error.strerror}") from error
    place = values
    if keys[0] == "sources" and len(keys) == 3:
        place, keys = _named(values.get("sources"), name, "source", keys[1]), keys[2:]
    if keys[:2] == ["alerts", "routes"] and len(keys) == 4:
        alerts = values.get("alerts")
        place, keys = _named(alerts.get("routes") if isinstance(alerts, dict) else None, name, "route", keys[2]), keys[3:]
    for key in keys[:-1]:
        inner = place.setdefault(key, {})
        if not isinstance(inner, dict):
            raise SettingsError(f"{name}: {key} is not a section")
        place = inner
    try:
        place[keys[-1]] = yaml.safe_load(text) if text[:1] in "[{" else text
    except yaml.YAMLError as error:
        raise SettingsError(f"{name}: not YAML") from error


def _named(entries: Any, name: str, what: str, word: str) -> dict[str, Any]:
    """The source or route that a variable means: its name in lower case, with `_` for every other sign."""
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and re.sub(r"[^a-z0-9]", "_", str(entry.get("name", "")).lower()) == word:
            return entry
    raise SettingsError(f"{name}: no {what} of this name is in the settings (a name's letters, with _ for any other sign)")


def _faults(error: ValidationError) -> str:
    return "; ".join(_fault(fault) for fault in error.errors(include_url=False, include_input=False))


def _fault(fault: Any) -> str:
    where = ".".join(str(part) for part in fault["loc"])
    if fault["type"] != "extra_forbidden":
        return f"{where}: {fault['msg'].removeprefix('Value error, ')}"
    fields: Mapping[str, Any] = Settings.model_fields
    for part in fault["loc"][:-1]:
        model = fields[str(part)].annotation if str(part) in fields else None
        fields = getattr(model, "model_fields", {})
    return f"{where}: no such setting{_near(str(fault['loc'][-1]), fields)}"


def _near(word: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]}?" if near else f" (known: {', '.join(sorted(known))})"
