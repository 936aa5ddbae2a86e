"""I6: any tampering is rejected. The forger may rebuild the archive and the manifest, but does not hold the key."""

from __future__ import annotations

import base64
import io
import json
import random
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exports import verify
from exports.bundle import create
from exports.scope import Scope
from exports.survey import Survey
from pipeline.posture import decide
from store.checkpoint import Checkpoint, SignedCheckpoint
from store.entries import canonical
from store.note import SigningKey, sign_note
from store.records import HOUR, Batch, OwnEntry
from store.writer import read_head

REFUSED = (verify.TAMPERED, verify.INCOMPLETE)
Lines = list[bytes]


def members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return {name: file.read(name) for name in file.namelist()}


def by_lines(change: Callable[[Lines], Lines | None]) -> Callable[[bytes], bytes]:
    def changed(data: bytes) -> bytes:
        lines = data.splitlines(keepends=True)
        return b"".join(change(lines) or lines)

    return changed


def drop(*numbers: int) -> Callable[[bytes], bytes]:
    return by_lines(lambda lines: [line for n, line in enumerate(lines) if n not in numbers])


def windows(data: bytes) -> list[int]:
    lines = members(data)["entries.jsonl"].splitlines()
    return [n for n, line in enumerate(lines) if json.loads(line)["entry"]["type"] == "window"]


def test_any_byte_of_the_archive(bundle: bytes, verdict: Any) -> None:
    """A sample of all bytes, and every byte of some headers, of some directory records and of the end."""
    chance = random.Random(7)
    with zipfile.ZipFile(io.BytesIO(bundle)) as file:
        starts = [(info.header_offset, 30 + len(info.filename), info.file_size) for info in file.infolist()]
        end = file.start_dir
    places = {at for start, header, _ in chance.sample(starts, 4) for at in range(start, start + header)}
    for start, header, size in starts:
        places |= {start + header + chance.randrange(size) for _ in range(8)}
    places |= (
        set(range(end, end + 120)) | set(chance.sample(range(end, len(bundle)), 100)) | set(range(len(bundle) - 22, len(bundle)))
    )
    for at in sorted(places):
        changed = bytearray(bundle)
        changed[at] ^= 1 << chance.randrange(8)
        assert verdict(bytes(changed)) in REFUSED, at


def test_any_byte_of_a_member_in_an_archive_made_anew(bundle: bytes, verdict: Any, edit: Any) -> None:
    chance = random.Random(11)
    assert verdict(edit(bundle, {})) == 0  # rebuilding alone changes nothing
    for name, content in members(bundle).items():
        for _ in range(3 if name.startswith("payloads/") else 40):
            changed = bytearray(content)
            at = chance.randrange(len(changed))
            changed[at] = (changed[at] + chance.randrange(1, 256)) % 256
            code = verdict(edit(bundle, {name: bytes(changed)}))
            newer = name == "manifest.json" and json.loads(content)["format"] != _format(bytes(changed))
            assert code in REFUSED or (newer and code == verify.NOT_RUN), (name, at)


def _format(manifest: bytes) -> Any:
    try:
        return json.loads(manifest)["format"]
    except (ValueError, KeyError):
        return 1


@pytest.mark.parametrize("name", [*verify.FILES, "manifest.json"])
def test_a_member_left_out(bundle: bytes, verdict: Any, edit: Any, name: str) -> None:
    assert verdict(edit(bundle, {name: None})) == 5


@pytest.mark.parametrize("name", [*verify.FILES, "manifest.json"])
def test_a_member_emptied_or_extended(bundle: bytes, verdict: Any, edit: Any, name: str) -> None:
    assert verdict(edit(bundle, {name: b""})) in REFUSED
    for more in (b"\n", b"{}", b"{}\n", b"\0", b'{"index":99}\n'):
        assert verdict(edit(bundle, {name: lambda data, more=more: data + more})) in REFUSED


def test_a_selected_payload_left_out(bundle: bytes, verdict: Any, edit: Any) -> None:
    for name in members(bundle):
        if name.startswith("payloads/"):
            assert verdict(edit(bundle, {name: None})) == 5


def test_a_selected_row_left_out(bundle: bytes, verdict: Any, edit: Any) -> None:
    count = members(bundle)["details.jsonl"].count(b"\n")
    for number in range(count):
        assert verdict(edit(bundle, {"details.jsonl": drop(number)})) == 5
    assert verdict(edit(bundle, {"details.jsonl": drop(3), "payloads/000000000003": None})) == 5
    assert verdict(edit(bundle, {"proofs.jsonl": drop(0)})) == 5


def renumbered(lines: Lines) -> Lines:
    return [canonical({"entry": json.loads(line)["entry"], "index": n}) + b"\n" for n, line in enumerate(lines)]


def test_windows_left_out(bundle: bytes, verdict: Any, edit: Any) -> None:
    """One, and two adjacent ones, so that the counts of those around still agree."""
    found = windows(bundle)
    for gone in ({found[2]}, {found[2], found[3]}, {found[0], found[1]}):
        assert verdict(edit(bundle, {"entries.jsonl": drop(*gone)})) == 5
        moved = by_lines(lambda lines, gone=gone: renumbered([line for n, line in enumerate(lines) if n not in gone]))
        assert verdict(edit(bundle, {"entries.jsonl": moved})) in REFUSED


def test_entries_reordered_truncated_or_extended(bundle: bytes, verdict: Any, edit: Any) -> None:
    def swap(lines: Lines) -> Lines:
        return [*lines[:4], lines[5], lines[4], *lines[6:]]

    def twice(lines: Lines) -> Lines:
        return [*lines, lines[-1]]

    assert verdict(edit(bundle, {"entries.jsonl": by_lines(swap)})) in REFUSED
    assert verdict(edit(bundle, {"entries.jsonl": by_lines(lambda lines: renumbered(swap(lines)))})) == 4
    assert verdict(edit(bundle, {"entries.jsonl": by_lines(lambda lines: lines[:-1])})) == 5
    assert verdict(edit(bundle, {"entries.jsonl": by_lines(twice)})) == 4
    assert verdict(edit(bundle, {"entries.jsonl": by_lines(lambda lines: renumbered(twice(lines)))})) == 4


def test_payloads_or_details_of_two_entries_swapped(bundle: bytes, verdict: Any, edit: Any) -> None:
    have = members(bundle)
    one, two = "payloads/000000000001", "payloads/000000000002"
    assert verdict(edit(bundle, {one: have[two], two: have[one]})) == 4

    def swap(lines: Lines) -> Lines:
        first, second = json.loads(lines[1]), json.loads(lines[2])
        first["payload"], second["payload"] = second["payload"], first["payload"]
        return [lines[0], canonical(first) + b"\n", canonical(second) + b"\n", *lines[3:]]

    assert verdict(edit(bundle, {one: have[two], two: have[one], "details.jsonl": by_lines(swap)})) == 4

    def details(lines: Lines) -> Lines:
        first, second = json.loads(lines[1]), json.loads(lines[2])
        first["index"], second["index"] = 2, 1
        return [lines[0], canonical(second) + b"\n", canonical(first) + b"\n", *lines[3:]]

    assert verdict(edit(bundle, {"details.jsonl": by_lines(details)})) == 4


def test_a_payload_moved_into_the_detail(bundle: bytes, verdict: Any, edit: Any) -> None:
    payload = members(bundle)["payloads/000000000001"].decode()

    def confuse(lines: Lines) -> Lines:
        row = json.loads(lines[1])
        row["detail"] = {"salt": row["payload"]["salt"], "text": payload}
        return [lines[0], canonical(row) + b"\n", *lines[2:]]

    assert verdict(edit(bundle, {"details.jsonl": by_lines(confuse)})) == 4


def test_text_must_not_stand_in_base64(bundle: bytes, verdict: Any, edit: Any) -> None:
    def recode(lines: Lines) -> Lines:
        row = json.loads(lines[1])
        row["detail"]["base64"] = base64.b64encode(row["detail"].pop("text").encode()).decode()
        return [lines[0], canonical(row) + b"\n", *lines[2:]]

    assert verdict(edit(bundle, {"details.jsonl": by_lines(recode)})) == 4


def test_a_valid_proof_of_another_item(bundle: bytes, verdict: Any, edit: Any) -> None:
    def swap(lines: Lines) -> Lines:
        first, second = json.loads(lines[0]), json.loads(lines[1])
        first["proof"], second["proof"] = second["proof"], first["proof"]
        return [canonical(first) + b"\n", canonical(second) + b"\n", *lines[2:]]

    assert verdict(edit(bundle, {"proofs.jsonl": by_lines(swap)})) == 4
    for change in (lambda p: p[:-1], lambda p: [*p, p[0]], lambda p: [], lambda p: [*p[:-1], "AA=="], lambda p: [*p[:-1], 5]):

        def one(lines: Lines, change: Any = change) -> Lines:
            row = json.loads(lines[0])
            return [canonical({**row, "proof": change(row["proof"])}) + b"\n", *lines[1:]]

        assert verdict(edit(bundle, {"proofs.jsonl": by_lines(one)})) == 4


def test_the_checkpoint_of_another_log(told: Any, world: Any, bundle: bytes, verdict: Any, edit: Any) -> None:
    """Another log of the same name and size, signed by its own key; and one signed by the same key."""
    size = told.sign().checkpoint.size
    world.activate()
    world.store.append(Batch(own=tuple(OwnEntry("access") for _ in range(size - 1))), (), decide)
    assert world.sign().checkpoint.size == size
    assert verdict(edit(bundle, {"checkpoint": world.sign().note})) == 4  # the same key: another root
    other = SigningKey(world.key.verifier.name, Ed25519PrivateKey.from_private_bytes(b"o" * 32))
    assert verdict(edit(bundle, {"checkpoint": world.sign(other, "other").note})) == 4


def test_a_whole_bundle_of_another_log_and_a_bundled_key(told: Any, world: Any, verdict: Any, edit: Any) -> None:
    world.activate()
    other = SigningKey(world.key.verifier.name, Ed25519PrivateKey.from_private_bytes(b"o" * 32))
    out = io.BytesIO()
    create(world.store.engine, world.sign(other, "other"), Scope(world.start, world.end), out)
    assert verdict(out.getvalue(), key=str(other.verifier)) == 0
    assert verdict(out.getvalue()) == 4
    for name in ("key", "key.pub", "keys/log.pub", "checkpoint.pub"):
        added = edit(out.getvalue(), {name: f"{other.verifier}\n".encode()})
        assert verdict(added) == 4
        assert verdict(added, key=str(other.verifier)) == 4


def test_a_second_signature_by_a_forger_does_not_stand_for_the_first(told: Any, bundle: bytes, verdict: Any, edit: Any) -> None:
    note = members(bundle)["checkpoint"]
    other = SigningKey("forger", Ed25519PrivateKey.from_private_bytes(b"o" * 32))
    text = note.partition(b"\n\n")[0].decode() + "\n"
    signature = other.sign(text)
    line = f"\u2014 forger {base64.b64encode(signature.key_id + signature.value).decode()}\n".encode()
    assert verdict(edit(bundle, {"checkpoint": text.encode() + b"\n" + line})) == 4
    assert verdict(edit(bundle, {"checkpoint": note + note.split(b"\n\n")[1]})) == 4


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("status.json", b'"not-satisfied"', b'"satisfied"'),
        ("status.json", b'"gaps":[{', b'"gaps":[],"x":[{'),
        ("status.json", b'"unmatched":6', b'"unmatched":0'),
        ("index.csv", b"\"'=cmd", b'"=cmd'),
        ("index.csv", b"A.8.15 A.8.16", b"A.8.15"),
        ("manifest.json", b'"evidence":20', b'"evidence":19'),
        ("manifest.json", b'"controls":[]', b'"controls":["A.8.15"]'),
        ("manifest.json", b'"sources":[]', b'"sources":["aws-main"]'),
        ("manifest.json", b'"known_at":', b'"known_at":1'),
        ("manifest.json", b"2026-11-02T00", b"2026-11-02T01"),
        ("README.txt", b"must NOT take", b"can take"),
    ],
)
def test_what_is_computed_again(bundle: bytes, verdict: Any, edit: Any, name: str, old: bytes, new: bytes) -> None:
    assert members(bundle)[name].count(old) >= 1
    assert verdict(edit(bundle, {name: lambda data: data.replace(old, new, 1)})) in REFUSED


def test_a_narrower_scope_does_not_hide_what_was_asked_for(told: Any, bundle: bytes, verdict: Any) -> None:
    """Whoever narrows the scope makes a bundle that verifies, of another scope: it says so, and --from finds it out."""
    out = io.BytesIO()
    create(told.store.engine, told.sign(), Scope(told.start, told.start + HOUR), out)
    assert verdict(out.getvalue()) == 0
    assert verdict(out.getvalue(), "--from", "2026-11-01T00:00:00Z", "--to", "2026-11-02T00:00:00Z") == 4


@pytest.mark.parametrize("name", ["manifest.json", "entries.jsonl", "details.jsonl", "proofs.jsonl"])
def test_json_in_another_spelling(bundle: bytes, verdict: Any, edit: Any, name: str) -> None:
    """Duplicate keys, spaces, another order, escapes, numbers written otherwise: one of two readers might see something else."""
    first = members(bundle)[name].split(b"\n")[0]
    fields = json.loads(first)
    loose = json.dumps(fields).encode()
    spellings = [
        b'{"index":1,' + first[1:],
        b'{"format":1,' + first[1:],
        first[:-1] + b',"index":0}',
        first.replace(b'{"', b'{"zz":1,"zz":2,"', 1),
        loose,
        json.dumps(dict(reversed(fields.items())), separators=(",", ":")).encode(),
        first.replace(b":", b": ", 1),
        first.replace(b"e", b"\\u0065", 1),
        first.replace(b"0", b"0.0", 1),
        b"\xef\xbb\xbf" + first,
        first + b" ",
        b"[" * 100_000,
        b"NaN",
        b"9" * 5000,
        b'"\\ud800"',
        b"\xff\xfe",
    ]
    for spelling in spellings:
        assert spelling != first
        assert verdict(edit(bundle, {name: lambda data, s=spelling: s + data[len(first) :]})) in REFUSED, spelling[:60]


def forge(world: Any, kind: str, **fields: Any) -> None:
    """An entry that the store itself would never write: the operator holds the key and lies in the log."""
    world.store.append(Batch(own=(OwnEntry(kind, tuple(fields.items()), fields.pop("detail", None)),)), (), decide)


COUNTED = {"collected": 1, "dead_letter": 0, "duplicate": 0, "evidence": 1, "unmatched": 0}
ASKED = {"from": "2026-11-01T00:00:00.000000Z", "to": "2026-11-01T01:00:00.000000Z"}


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("window", {"attempt": "a", "state": "complete", "asked": ASKED, "counts": COUNTED}),
        ("window", {"attempt": "a", "state": "complete", "asked": ASKED, "counts": {**COUNTED, "evidence": 0}}),
        ("window", {"attempt": "a", "state": "complete", "asked": {}, "counts": {**COUNTED, "evidence": 0, "collected": 0}}),
        ("window", {"attempt": "a"}),
        ("finding", {"mapping": "m", "subject": "s", "after": "satisfied", "controls": [], "cites": [99], "mapping_set": ""}),
        ("finding", {"mapping": "m", "subject": "s", "after": "satisfied", "controls": [], "cites": "due", "mapping_set": "00"}),
        ("finding", {"mapping": "m", "subject": "s", "after": "satisfied", "controls": ["b", "a"], "cites": "due"}),
        ("erasure", {"ranges": [[2, 1]]}),
        ("erasure", {"ranges": "all"}),
        ("erasure", {"ranges": [[0, 99]]}),
        ("erasure", {"ranges": [[0, 0]], "part": "some"}),
        ("mapping_set", {"digest": "00"}),
        ("evidence", {"controls": []}),
        ("Evidence", {}),
    ],
)
def test_a_log_that_contradicts_itself(world: Any, verdict: Any, kind: str, fields: dict[str, Any]) -> None:
    key = str(world.key.verifier)
    world.activate()
    forge(world, "access", note="harmless")
    assert verdict(bundle_of(world), key=key) == 0
    forge(world, kind, **fields)
    assert verdict(bundle_of(world), key=key) == 4


def bundle_of(world: Any) -> bytes:
    """A bundle made by one who looks at the first two entries only and signs whatever follows."""
    with world.store.engine.connect() as connection:
        head = read_head(connection)
    checkpoint = Checkpoint(world.key.verifier.name, head.size, head.root)
    signed = SignedCheckpoint(checkpoint, sign_note(checkpoint.text(), [world.key]))
    add = Survey.add
    out = io.BytesIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Survey, "add", lambda self, index, entry: add(self, index, entry) if index < 2 else None)
        create(world.store.engine, signed, Scope(world.start, world.end, known_at=2), out)
    return out.getvalue()
