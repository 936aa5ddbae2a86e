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
from store.records import Event, Verdict
from store.text import clean_text

MAX_INPUT = 512 << 20


def match(
    mappings: Annotated[list[Path], typer.Option("--mappings", help="Folder or file of rules; may stand several times.")],
    product: Annotated[str, typer.Option("--product", help="Sigma product, e.g. aws.")],
    service: Annotated[str, typer.Option("--service", help="Sigma service, e.g. cloudtrail.")],
    files: Annotated[
        list[str] | None, typer.Argument(help="JSON, JSON lines, CloudTrail Records, .gz of these; - is stdin.")
    ] = None,
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
    for name in files or ["-"]:
        emit_lines(_judged(rules, name, place, raw, f"log.{product}.{service}") for place, raw in _events(name))
    return Exit.DONE


def _judged(rules: RuleSet, name: str, place: str, raw: bytes, event_type: str) -> dict[str, Any]:
    """What the rules say of one event. Raises AttestreamError for what is not JSON; JSON of another kind matches nothing."""
    try:
        value = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise AttestreamError(f"{name}: {place} is not JSON: {error}") from error
    fields = value if isinstance(value, dict) else {}
    id_ = next((str(fields[key]) for key in ("eventID", "id", "insertId") if fields.get(key)), "")
    said = [j for j in rules.judge(Event("match", id_, event_type, 0, raw)) if j.verdict is Verdict.MATCHED]
    controls = sorted({c for j in said for c in j.controls})
    return {"id": clean_text(id_), "mappings": sorted({j.mapping for j in said}), "controls": controls}


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
