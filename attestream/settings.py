"""Settings: `attestream.yaml`, each key overridable by the environment. Nothing else reads the environment.

ATTESTREAM_STORE__URL overrides store.url, ATTESTREAM_SOURCES__JIRA_PROD__TOKEN_FILE the token_file of the source jira-prod. A
secret may stand in a file: ATTESTREAM_ALERTS__…_FILE, or a key ending in `_file`.
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
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from attestream.errors import SettingsError
from collectors.base import CollectorError
from collectors.registry import read_settings
from collectors.settings import SourceSettings

PREFIX: Final = "ATTESTREAM_"
NOT_SETTINGS: Final = frozenset({PREFIX + "CONFIG", PREFIX + "REQUIRE_PARTS"})
"""Variables of ours that set nothing here: where the file is, and what the tests insist on."""
DEFAULT_FILE: Final = "attestream.yaml"
MAX_FILE: Final = 1 << 20


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StoreSettings(_Section):
    """Where evidence is kept."""

    url: str = Field(default="sqlite:///attestream-data/store.db", description="sqlite:///path/to/store.db")


class StreamSettings(_Section):
    """What carries events from collectors to the mapper."""

    url: str = Field(default="sqlite", description="sqlite (stream.db beside the store)")


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
        """The folder of the store, beside which the other defaults stand."""
        return Path(self.store.url.removeprefix("sqlite:///")).parent

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
    if keys[-1].endswith("_file") and keys[-1] != "key_file" and keys[0] != "sources":
        keys[-1] = keys[-1].removesuffix("_file")
        try:
            text = Path(text).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(f"{name}: cannot read {text}: {error.strerror}") from error
    place = values
    if keys[0] == "sources" and len(keys) == 3:
        place, keys = _source(values, name, keys[1]), keys[2:]
    for key in keys[:-1]:
        inner = place.setdefault(key, {})
        if not isinstance(inner, dict):
            raise SettingsError(f"{name}: {key} is not a section")
        place = inner
    try:
        place[keys[-1]] = yaml.safe_load(text) if text[:1] in "[{" else text
    except yaml.YAMLError as error:
        raise SettingsError(f"{name}: not YAML") from error


def _source(values: Mapping[str, Any], name: str, word: str) -> dict[str, Any]:
    """The source that a variable means: its name in lower case, with `_` for every other sign."""
    sources = values.get("sources")
    for source in sources if isinstance(sources, list) else ():
        if isinstance(source, dict) and re.sub(r"[^a-z0-9]", "_", str(source.get("name", "")).lower()) == word:
            return source
    raise SettingsError(f"{name}: no source of this name is in the settings (a name's letters, with _ for any other sign)")


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
