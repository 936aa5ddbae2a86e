"""IAM's credential report: had by generating it, read strictly, and put right by what newer calls say.

AWS makes a report at most every four hours and hands out the last one until then, so a row may be older than the user is: it
may be missing (a user made since), be about another user of the same name (made anew since), or tell of a password, device or
key that has changed since. What IAM answers now about a user therefore goes before what the row says.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from collectors.aws import AwsError
from collectors.aws_services.look import Call, Look
from collectors.aws_services.values import day, moment

GENERATE: Final = Call("iam", "GenerateCredentialReport")
GET: Final = Call("iam", "GetCredentialReport")
PAUSES: Final = (0.0, 0.5, 1.0, *(2.0,) * 30)
"""Seconds before each asking whether the report is made: a minute in all."""
_NOT_YET: Final = frozenset({"ReportNotPresent", "ReportInProgress", "ReportExpired"})
_NOTHING: Final = frozenset({"N/A", "no_information", "not_supported", "Not_supported", ""})
_WORDS: Final = {"true": True, "false": False}
_KEY: Final = ("active", "last_rotated", "last_used_date", "last_used_region", "last_used_service")
_PASSWORD: Final = ("password_last_used", "password_last_changed", "password_next_rotation")
_REST: Final = ("cert_1_active", "cert_1_last_rotated", "cert_2_active", "cert_2_last_rotated")
COLUMNS: Final = ("password_enabled", "mfa_active", *_PASSWORD, *(f"access_key_{n}_{of}" for n in (1, 2) for of in _KEY), *_REST)
"""Columns that a user has, whether or not there is a row."""


@dataclass(frozen=True, slots=True)
class Report:
    """`generated` as RFC 3339; rows by ARN, values as JSON: true, false, times, null for N/A and the like."""

    generated: str
    rows: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Live:
    """What IAM says of a user now; None where it was not answered. `password`: since when there is one, "" for none.

    `keys`: by creation, each {"active", "last_rotated", "last_used_*"}; a use that was not answered is left out.
    """

    created: str
    password: str | None
    devices: int | None
    keys: Sequence[Mapping[str, Any]] | None


def fetch(look: Look, pause: Callable[[float], None]) -> Report:
    """The account's report, generated if there is none that is young enough. Raises AwsError."""
    last = ""
    for seconds in PAUSES:
        if seconds:
            pause(seconds)
        state = (look.ask(GENERATE) or {}).get("State")
        if state != "COMPLETE":
            last = str(state)
            continue
        try:
            return read(look.ask(GET) or {})
        except AwsError as error:
            if error.code not in _NOT_YET:
                raise
            last = error.code
    text = f"AWS iam did not finish the credential report within {sum(PAUSES):.0f} s ({last}): the next run asks again"
    raise AwsError(text, last)


def read(answer: Mapping[str, Any]) -> Report:
    """The report as it was delivered. Raises AwsError where it is no such report."""
    try:
        lines = csv.reader(io.StringIO(bytes(answer["Content"]).decode("utf-8"), newline=""), strict=True)
        header = next(lines)
        place = header.index("arn")
        rows = {line[place]: _row(header, line) for line in lines if line}
        return Report(moment(answer["GeneratedTime"]), rows)
    except (KeyError, ValueError, StopIteration, csv.Error, AttributeError) as error:
        raise AwsError("AWS iam GetCredentialReport answered with what is no credential report", "unreadable") from error


def _row(header: Sequence[str], line: Sequence[str]) -> dict[str, Any]:
    return {name: _value(name, text) for name, text in zip(header, line, strict=True)}


def _value(name: str, text: str) -> Any:
    if name in ("user", "arn"):
        return text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if text in _NOTHING:
        return None
    try:
        time = moment(datetime.fromisoformat(text))
    except ValueError:
        return text
    return day(time) if "last_used" in name else time


def joined(report: Report | None, arn: str, live: Live) -> tuple[dict[str, Any], list[str]]:
    """A user's columns, and those of COLUMNS that are not known. `_corrected` holds what the report said otherwise."""
    row = dict(report.rows.get(arn, {})) if report else {}
    generated = report.generated if report else ""
    if row.get("user_creation_time") != live.created:
        row = {}
    found: dict[str, Any] = dict(row)
    if live.devices is not None:
        found["mfa_active"] = live.devices > 0
    if live.password is not None:
        _password(found, row, live.password, generated)
    if live.keys is not None and not (row and _agree(row, live.keys, generated)):
        _keys(found, live.keys)
    corrected = {name: value for name, value in row.items() if name not in found or found[name] != value}
    unread = [name for name in COLUMNS if name not in found]
    if report is not None and found:
        found["GeneratedTime"] = day(generated)
    return found | ({"_corrected": corrected} if corrected else {}), unread


def _password(found: dict[str, Any], row: Mapping[str, Any], since: str, generated: str) -> None:
    """Say whether there is a password; what the row says of it holds only for the same password."""
    found["password_enabled"] = bool(since)
    same = row.get("password_enabled") is True and since <= generated
    for name in _PASSWORD:
        if not since:
            found[name] = None
        elif not same:
            found.pop(name, None)


def _agree(row: Mapping[str, Any], keys: Sequence[Mapping[str, Any]], generated: str) -> bool:
    """Is the row about the keys that there are now? Their order is the report's own."""
    there = [row.get(f"access_key_{n}_active") for n in (1, 2) if row.get(f"access_key_{n}_last_rotated") is not None]
    active = sorted(bool(key["active"]) for key in keys)
    return sorted(map(bool, there)) == active and all(key["last_rotated"] <= generated for key in keys)


def _keys(found: dict[str, Any], keys: Sequence[Mapping[str, Any]]) -> None:
    for number in (1, 2):
        key = keys[number - 1] if number <= len(keys) else {"active": False, **dict.fromkeys(_KEY[1:])}
        for of in _KEY:
            found.pop(f"access_key_{number}_{of}", None)
            if of in key:
                found[f"access_key_{number}_{of}"] = key[of]
