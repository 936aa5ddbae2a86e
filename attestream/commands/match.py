"""attestream match"""

from __future__ import annotations

import gzip
import io
import json
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from attestream.console import emit_lines, say
from attestream.errors import AttestreamError, Exit, SettingsError
from pipeline.rules.problems import RulesError
from pipeline.rules.reader import read_set
from pipeline.rules.ruleset import RuleSet
from pipeline.rules.values import instant_of, micros
from store.records import OBSERVED, Event, Verdict
from store.text import clean_text
from store.times import wall_clock

MAX_INPUT = 512 << 20
_TIMES = ("eventTime", "timestamp", "@timestamp")
"""Where the logs that we read say when it was."""


def match(
    mappings: Annotated[list[Path], typer.Option("--mappings", help="Folder or file of rules; may stand several times.")],
    product: Annotated[str, typer.Option("--product", help="Sigma product, e.g. aws.")],
    service: Annotated[str, typer.Option("--service", help="Sigma service, e.g. cloudtrail.")],
    files: Annotated[
        list[str] | None, typer.Argument(help="JSON, JSON lines, CloudTrail Records, .gz of these; - is stdin.")
    ] = None,
    category: Annotated[str, typer.Option("--category", help="log, or snapshot, summary, ticket, finding.")] = "log",
    resource: Annotated[str, typer.Option("--resource", help="Kind of resource of a snapshot, e.g. user.")] = "",
) -> int:
    """Judge events with no store: per event one line {"id", "mappings": [rule ids], "controls": […]}.

    Example: attestream match --mappings rules/ --product aws --service cloudtrail events.json.gz
    """
    try:
        rules = RuleSet.compile(read_set(mappings))
    except RulesError as error:
        raise SettingsError(f"--mappings: {error}") from error
    for problem in rules.problems:
        if problem.severity == "error":
            say(str(problem))
    if category != "log" and category not in OBSERVED:
        raise SettingsError(f"--category: one of log, {', '.join(sorted(OBSERVED))}, not {clean_text(category)!r}")
    kind = ".".join([category, product, service, *([resource] if resource else [])])
    for name in files or ["-"]:
        emit_lines(_judged(rules, name, place, raw, kind) for place, raw in _events(name))
    return Exit.DONE


def _judged(rules: RuleSet, name: str, place: str, raw: bytes, event_type: str) -> dict[str, Any]:
    """What the rules say of one event. Raises AttestreamError for what is not JSON; JSON of another kind matches nothing."""
    try:
        value = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise AttestreamError(f"{name}: {place} is not JSON: {error}") from error
    fields = value if isinstance(value, dict) else {}
    id_ = next((str(fields[key]) for key in ("eventID", "id", "insertId") if fields.get(key)), "")
    event = Event("match", id_, event_type, _time(fields), raw, subject=clean_text(id_) or "it")
    judged = rules.judge(event)
    for failed in (j for j in judged if j.verdict is Verdict.ERROR):
        say(f"{name}: {place}: mapping {failed.mapping} could not judge it: {failed.reason}")
    said = [j for j in judged if j.verdict is Verdict.MATCHED]
    controls = sorted({c for j in said for c in j.controls})
    return {"id": clean_text(id_), "mappings": sorted({j.mapping for j in said}), "controls": controls}


def _time(fields: dict[str, Any]) -> int:
    """The time that the event itself says; now, for an observation and for one that says none."""
    found = next((time for key in _TIMES if (time := instant_of(fields.get(key))) is not None), None)
    return wall_clock() if found is None else micros(found)


def _events(name: str) -> Iterator[tuple[str, bytes]]:
    """The events of a file as raw JSON, each with its place. Raises AttestreamError that names the file."""
    data = _read(name)
    try:
        whole = msgspec.json.decode(data, type=dict[str, msgspec.Raw] | list[msgspec.Raw])
        if isinstance(whole, dict) and "Records" in whole:
            whole = msgspec.json.decode(whole["Records"], type=list[msgspec.Raw])
    except msgspec.ValidationError as error:
        raise AttestreamError(f"{name}: neither events nor a list of them in Records: {error}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        yield from ((f"line {n}", line) for n, line in enumerate(data.splitlines(), start=1) if line.strip())
        return
    if isinstance(whole, list):
        yield from ((f"event {n}", bytes(raw)) for n, raw in enumerate(whole, start=1))
    else:
        yield "it", data


def _read(name: str) -> bytes:
    """The file's content, unpacked where it is gzip."""
    try:
        data = sys.stdin.buffer.read(MAX_INPUT + 1) if name == "-" else Path(name).read_bytes()
        if data[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as opened:
                data = opened.read(MAX_INPUT + 1)
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise AttestreamError(f"{name}: {reason}") from error
    if len(data) > MAX_INPUT:
        raise AttestreamError(f"{name}: larger than {MAX_INPUT >> 20} MiB; split it, or collect it with `attestream run`")
    return data
