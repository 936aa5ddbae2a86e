"""The auditor bundle: a zip that can be verified offline, with nothing of ours but exports/verify.py (docs/bundle.md).

The same scope at the same checkpoint gives the same bytes.
"""

from __future__ import annotations

import base64
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Final

from sqlalchemy import Engine

from exports.archive import Archive, Member, Sink
from exports.errors import ExportError
from exports.proofs import Prover
from exports.read import LogReader, Part, Salted
from exports.readme import README
from exports.scope import Scope
from exports.stated import Said, detail_of, tables
from exports.status import status_chunks
from exports.survey import Survey
from exports.table import HEADER, evidence_row
from store.checkpoint import SignedCheckpoint
from store.engine import reading
from store.entries import canonical, decode
from store.errors import VerificationError
from store.tiles import CompactRange, leaf_hash

FORMAT: Final = 2
Progress = Callable[[str, int, int], None]
"""(stage, done, of how many)"""

_EVERY: Final = 1000
_SPOOL: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class Summary:
    """What a bundle holds: the log's size, selected entries by type, how many have erased bytes, its size and SHA-256 (hex)."""

    log_size: int
    selected: Mapping[str, int]
    erased: int
    size: int
    sha256: str


def create(
    engine: Engine, checkpoint: SignedCheckpoint, scope: Scope, out: Sink | Path, progress: Progress | None = None
) -> Summary:
    """Write the bundle of `scope` at `checkpoint`; at a path it appears whole or not at all, mode 0600.

    Raises ExportError for a scope or a path that cannot be, VerificationError where the store is not what was signed, and other
    StoreErrors. What was written to a stream by then is no zip.
    """
    if not isinstance(out, Path):
        return _create(engine, checkpoint, scope, out, progress)
    try:
        descriptor, temporary = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                summary = _create(engine, checkpoint, scope, file, progress)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(out)
        finally:
            with suppress(FileNotFoundError):
                Path(temporary).unlink()
    except OSError as error:
        raise ExportError(f"cannot write {out}: {error.strerror or error}; nothing is left there") from error
    return summary


def _create(engine: Engine, checkpoint: SignedCheckpoint, scope: Scope, out: Sink, progress: Progress | None) -> Summary:
    with reading(engine, patient=True) as connection:
        return _Bundle(LogReader(connection), checkpoint, scope.at(checkpoint.checkpoint.size), progress).write(out)


class _Bundle:
    """One bundle being made, over one snapshot of the store."""

    def __init__(self, log: LogReader, checkpoint: SignedCheckpoint, scope: Scope, progress: Progress | None) -> None:
        self._log, self._checkpoint, self._scope = log, checkpoint, scope
        self._head = checkpoint.checkpoint
        self._progress = progress or _silent
        self._survey = Survey(scope, self._head.size)
        self._selected: Counter[str] = Counter()
        self._payloads: Counter[str] = Counter()
        self._erased = 0

    def write(self, out: Sink) -> Summary:
        """1. Select, and check that the log is what was signed. 2. The members in order of name. 3. The manifest, last."""
        # 1.
        self._look()
        # 2.
        archive = Archive(out)
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL) as table:
            stated = tables(self._stated(), self._survey.end)
            files = [
                archive.add("README.txt", [README.encode()]),
                archive.add("attestations.csv", [stated["attestations.csv"]]),
                archive.add("checkpoint", [self._checkpoint.note]),
                archive.add("details.jsonl", self._details(table)),
                archive.add("entries.jsonl", self._entries()),
                archive.add("exceptions.csv", [stated["exceptions.csv"]]),
                archive.add("index.csv", _rewound(table)),
            ]
        self._add_payloads(archive)
        files.append(archive.add("proofs.jsonl", self._proofs()))
        files += [archive.add(name, [stated[name]]) for name in ("risks.csv", "soa.csv")]
        files.append(archive.add("status.json", status_chunks(self._survey)))
        # 3.
        archive.add("manifest.json", [canonical(self._manifest(files))])
        archive.close()
        return Summary(self._head.size, dict(self._selected), self._erased, archive.size, archive.sha256())

    def _look(self) -> None:
        if self._log.size() < self._head.size:
            raise VerificationError(f"the store has {self._log.size()} entries, the checkpoint {self._head.size}")
        tree = CompactRange()
        for index, data, entry in self._log.entries(self._head.size):
            tree.append(leaf_hash(data))
            try:
                self._survey.add(index, entry)
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise VerificationError(f"entry {index} lacks what its type must have", index=index) from error
            self._tell("reading the log", index, self._head.size)
        if tree.root() != self._head.root:
            raise VerificationError(
                f"the first {self._head.size} entries of the store are not those that the checkpoint signs: run evidence verify"
            )
        self._survey.finish()

    def _details(self, table: IO[bytes]) -> Iterator[bytes]:
        """details.jsonl; the rows of index.csv, which need the same bytes, go to `table`."""
        table.write(HEADER.encode())
        total = sum(self._survey.selected)
        for done, (row, entry) in enumerate(self._log.rows(self._survey.indexes())):
            parts: dict[Part, Salted | None] = {p: self._log.part(row, entry, p) for p in PARTS if p in entry}
            for gone in (name for name, part in parts.items() if part is None):
                if not self._survey.is_erased(row.idx, entry["type"], gone):
                    self._log.explain(row, gone, self._head.size)
            self._selected[entry["type"]] += 1
            self._erased += None in parts.values()
            detail, payload, name = parts.get("detail"), parts.get("payload"), payload_name(row.idx)
            if entry["type"] == "evidence":
                digest = sha256(payload.data).hexdigest() if payload else ""
                known = decode(detail.data, row.idx) if detail else None
                table.write(evidence_row(row.idx, entry, known, digest, name if payload else ""))
            yield canonical(_detail_row(row.idx, parts)) + b"\n"
            self._tell("reading details", done, total)

    def _stated(self) -> Iterator[Said]:
        """What people state by the end of the period."""
        for row, entry in self._log.rows(iter(self._survey.stated)):
            part = self._log.part(row, entry, "detail") if "detail" in entry else None
            yield Said(row.idx, entry, detail_of(part.data if part is not None else None))

    def _entries(self) -> Iterator[bytes]:
        for index, data, _ in self._log.entries(self._head.size):
            yield b'{"entry":%b,"index":%d}\n' % (data, index)
            self._tell("writing entries", index, self._head.size)

    def _add_payloads(self, archive: Archive) -> None:
        total = sum(self._survey.selected)
        for done, (row, entry) in enumerate(self._log.rows(self._survey.indexes())):
            payload = self._log.part(row, entry, "payload") if "payload" in entry else None
            if payload is not None:
                archive.add(payload_name(row.idx), [payload.data])
                self._payloads.update(count=1, size=len(payload.data))
            self._tell("writing payloads", done, total)

    def _proofs(self) -> Iterator[bytes]:
        prover, total = Prover(self._head.size, self._log.tiles()), sum(self._survey.selected)
        for done, (row, entry) in enumerate(self._log.rows(self._survey.indexes())):
            if entry["type"] == "evidence":
                path = [base64.b64encode(node).decode("ascii") for node in prover.path(row.idx)]
                yield canonical({"index": row.idx, "proof": path}) + b"\n"
            self._tell("proving", done, total)

    def _manifest(self, files: list[Member]) -> dict[str, Any]:
        root = base64.b64encode(self._head.root).decode("ascii")
        return {
            "erased": self._erased,
            "files": [{"name": file.name, "sha256": file.sha256, "size": file.size} for file in files],
            "format": FORMAT,
            "log": {"origin": self._head.origin, "root": root, "size": self._head.size},
            "payloads": {"count": self._payloads["count"], "size": self._payloads["size"]},
            "scope": self._scope.to_json(),
            "selected": dict(self._selected),
        }

    def _tell(self, stage: str, done: int, total: int) -> None:
        if (done + 1) % _EVERY == 0 or done + 1 == total:
            self._progress(stage, done + 1, total)


def _silent(_stage: str, _done: int, _of: int) -> None:
    """Nobody watches."""


PARTS: Final[tuple[Part, ...]] = ("detail", "payload")


def payload_name(index: int) -> str:
    """A payload's name says its index alone: no name in an archive comes from data."""
    return f"payloads/{index:012}"


def _detail_row(index: int, parts: Mapping[Part, Salted | None]) -> dict[str, Any]:
    row: dict[str, Any] = {"index": index}
    for name, part in parts.items():
        if part is None:
            row[name] = {"erased": True}
        elif name == "payload":
            row[name] = {"salt": part.salt64}
        else:
            row[name] = {"salt": part.salt64, **_text(part.data)}
    return row


def _text(data: bytes) -> dict[str, str]:
    """Bytes that are UTF-8 stand as text, others in base64: one way for each."""
    try:
        return {"text": data.decode("utf-8")}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode("ascii")}


def _rewound(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while chunk := file.read(1 << 16):
        yield chunk
