"""What commands share that state something for the record: who states it, until when it holds, which one is meant."""

from __future__ import annotations

import getpass
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final

import typer

from attestream.errors import AttestreamError, SettingsError
from attestream.options import when
from attestream.wiring import Parts
from pipeline.posture import decide
from pipeline.rules.durations import parse_duration
from pipeline.rules.problems import RulesError
from store.records import Appended, Batch
from store.reports import Moment
from store.statements import MAX_FILE, Attached, Statement

By = Annotated[str | None, typer.Option("--by", help="Who states it, by name (else your account on this machine).")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="As of this event time.")]
KnownAt = Annotated[str | None, typer.Option("--known-at", help="As known at this time.")]
SHORT: Final = 8
"""Digits of an id that lists show."""


def account() -> str:
    """The account of this machine through which it is stated."""
    return getpass.getuser()


def until(text: str, start: int, option: str = "--until") -> int:
    """When something ends: a time, a day, or a duration from `start` on (90d). Raises SettingsError."""
    if text[-1:] in ("d", "h", "m", "s"):
        try:
            return start + parse_duration(text)
        except RulesError as error:
            raise SettingsError(f"{option}: {error}") from error
    found = when(text, option)
    assert found is not None
    return found


def at(parts: Parts, as_of: str | None, known_at: str | None) -> Moment:
    """The moment that --as-of and --known-at mean."""
    known = when(known_at, "--known-at")
    return Moment(when(as_of, "--as-of"), parts.query.size_at(known) if known is not None else None)


def chosen_id(text: str, ids: Iterable[str], what: str) -> str:
    """The one id that begins so. Raises AttestreamError when it is none's or several'."""
    found = sorted(id_ for id_ in ids if text and id_.startswith(text.lower()))
    if len(found) != 1:
        raise AttestreamError(
            f"{'no' if not found else 'more than one'} {what} has an id that begins with {text!r}; see {what} list"
        )
    return found[0]


def state(parts: Parts, *statements: Statement) -> Appended:
    """Write them in one transaction. Raises StoreError for one that cannot be."""
    return parts.store.append(Batch(statements=statements), (), decide)


def attached(paths: Iterable[Path]) -> tuple[Attached, ...]:
    """Files to attach, read whole. Raises SettingsError for one that cannot be read or is too large."""
    found = []
    for path in paths:
        try:
            with path.open("rb") as file:
                data = file.read(MAX_FILE + 1)
        except OSError as error:
            raise SettingsError(f"--file {path}: {error.strerror or error}") from error
        if not 0 < len(data) <= MAX_FILE:
            raise SettingsError(f"--file {path}: a file must have some bytes, and at most {MAX_FILE >> 20} MiB")
        found.append(Attached(path.name, data))
    return tuple(found)
