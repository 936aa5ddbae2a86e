"""Options that many commands share."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from attestream.errors import SettingsError
from pipeline.rules.problems import nearest
from store.errors import InvalidTime
from store.times import parse_time

Config = Annotated[Path | None, typer.Option("--config", "-c", help="Settings file (else ATTESTREAM_CONFIG, ./attestream.yaml).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ControlFilter = Annotated[str | None, typer.Option("--control", help="Only this control, e.g. A.8.15.")]
SourceFilter = Annotated[str | None, typer.Option("--source", help="Only this source.")]
MappingFilter = Annotated[str | None, typer.Option("--mapping", help="Only this mapping (its id).")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many rows.")]


def when(text: str | None, option: str) -> int | None:
    """A time given on the command line: RFC 3339, or a day (midnight UTC). Raises SettingsError."""
    if text is None:
        return None
    try:
        return parse_time(f"{text}T00:00:00Z" if len(text) == 10 else text)
    except InvalidTime as error:
        raise SettingsError(f"{option}: {error}") from error


STATES = ("satisfied", "not-satisfied", "stale", "not-assessed", "not-applicable")
FINDING_STATES = ("satisfied", "not-satisfied", "accepted", "stale", "closed", "error", "retired", "not-assessed")
DRIFT_KINDS = (
    "finding",
    "control",
    "source",
    "conflict",
    "log",
    "baseline",
    "route",
    "acknowledgement",
    "attestation",
    "exception",
)
EXCEPTION_STATES = ("valid", "expired", "revoked")
ATTESTATION_STATES = ("waiting", "valid", "expired", "rejected", "revoked")
THEMES = ("organizational", "people", "physical", "technological")


def one_of(value: str | None, known: Iterable[str], option: str) -> str | None:
    """A filter that must be one of these: a typing error must not read as "nothing found". Raises SettingsError."""
    names = list(known)
    if value is not None and value not in names:
        near = nearest(value, names) or f"known: {', '.join(names[:12])}{' …' if len(names) > 12 else ''}"
        raise SettingsError(f"{option}: {value!r} is not known; {near}")
    return value
