"""attestream match"""

from __future__ import annotations

import gzip
import sys
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
        emit_lines(_judged(rules, raw, f"log.{product}.{service}") for raw in _events(name))
    return Exit.DONE


def _judged(rules: RuleSet, raw: bytes, event_type: str) -> dict[str, Any]:
    fields = msgspec.json.decode(raw)
    id_ = ""
    if isinstance(fields, dict):
        id_ = next((str(fields[key]) for key in ("eventID", "id", "insertId") if fields.get(key)), "")
    said = [j for j in rules.judge(Event("match", id_, event_type, 0, raw)) if j.verdict is Verdict.MATCHED]
    return {"id": id_, "mappings": sorted({j.mapping for j in said}), "controls": sorted({c for j in said for c in j.controls})}


def _events(name: str) -> Iterator[bytes]:
    """The events of a file as raw JSON. Raises AttestreamError that names the file and line."""
    try:
        data = sys.stdin.buffer.read(MAX_INPUT + 1) if name == "-" else Path(name).read_bytes()
        if data[:2] == b"\x1f\x8b":
            with gzip.open(Path(name)) if name != "-" else gzip.GzipFile(fileobj=_buffer(data)) as opened:
                data = opened.read(MAX_INPUT + 1)
    except (OSError, EOFError) as error:
        raise AttestreamError(f"{name}: {error}") from error
    if len(data) > MAX_INPUT:
        raise AttestreamError(f"{name}: larger than {MAX_INPUT >> 20} MiB; split it, or collect it with `attestream run`")
    try:
        whole = msgspec.json.decode(data, type=dict[str, msgspec.Raw] | list[msgspec.Raw])
    except msgspec.MsgspecError:
        yield from _lines(name, data)
        return
    if isinstance(whole, list):
        yield from (bytes(raw) for raw in whole)
    elif "Records" in whole:
        yield from (bytes(raw) for raw in msgspec.json.decode(whole["Records"], type=list[msgspec.Raw]))
    else:
        yield data


def _buffer(data: bytes) -> Any:
    import io

    return io.BytesIO(data)


def _lines(name: str, data: bytes) -> Iterator[bytes]:
    for number, line in enumerate(data.splitlines(), start=1):
        if line.strip():
            try:
                msgspec.json.decode(line)
            except msgspec.MsgspecError as error:
                raise AttestreamError(f"{name}: line {number} is not JSON: {error}") from error
            yield line
