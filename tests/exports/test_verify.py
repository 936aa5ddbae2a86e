"""The stand-alone verifier: it runs alone, trusts only the key it is given, and says what it found."""

from __future__ import annotations

import ast
import base64
import hashlib
import io
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exports import verify
from exports.bundle import create
from exports.scope import Scope
from store.note import SigningKey, sign_note
from store.records import HOUR


def made(world: Any, scope: Scope) -> bytes:
    out = io.BytesIO()
    create(world.store.engine, world.sign(), scope, out)
    return out.getvalue()


def note_of(data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return file.read("checkpoint")


def test_it_verifies_in_an_empty_folder_without_network(told: Any, bundle: bytes, run_verifier: Any) -> None:
    done = run_verifier(bundle, "--key", str(told.key.verifier))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("VERIFIED\n")
    assert hashlib.sha256(bundle).hexdigest() in done.stdout
    assert "GAP: nothing was asked for from 2026-11-01T02:00:00.000000Z to 2026-11-01T04:00:00.000000Z" in done.stdout
    assert "records 24 collected, 1 dead_letter, 1 duplicate, 16 evidence, 6 unmatched" in done.stdout
    assert "NOT proven" in done.stdout
    assert "outside anchor" in done.stdout
    assert done.stdout.isascii()


def test_a_changed_bundle_is_refused_there_too(told: Any, bundle: bytes, run_verifier: Any) -> None:
    changed = bytearray(bundle)
    changed[len(changed) // 2] ^= 1
    done = run_verifier(bytes(changed), "--key", str(told.key.verifier))
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith("REFUSED: ")


def test_it_imports_nothing_but_the_standard_library_and_cryptography() -> None:
    tree = ast.parse(Path(verify.__file__).read_text())
    names = [n.name for node in ast.walk(tree) if isinstance(node, ast.Import) for n in node.names]
    names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert {name.partition(".")[0] for name in names} - sys.stdlib_module_names == {"cryptography"}


@pytest.mark.parametrize(
    "scope",
    [
        {},
        {"controls": frozenset({"A.8.15"})},
        {"controls": frozenset({"A.8.15", "A.5.15"}), "sources": frozenset({"aws-other"})},
        {"sources": frozenset({"aws-main"})},
        {"sources": frozenset({"no such source"})},
        {"known_at": 0},
        {"known_at": 14},
    ],
)
@pytest.mark.parametrize("hours", [(0, 24), (1, 2), (4, 24), (100, 200)])
def test_bundles_of_every_scope_verify(told: Any, verdict: Any, scope: dict[str, Any], hours: tuple[int, int]) -> None:
    assert verdict(made(told, Scope(told.start + hours[0] * HOUR, told.start + hours[1] * HOUR, **scope))) == 0


def test_the_key_may_be_a_file(told: Any, bundle: bytes, verdict: Any, tmp_path: Path) -> None:
    path = tmp_path / "key.pub"
    path.write_text(f"{told.key.verifier}\n")
    assert verdict(bundle, key=str(path)) == 0


@pytest.mark.parametrize("key", ["no-such-file", "a+b+c", "x+00000000+AAAA", ""])
def test_a_key_that_is_none(bundle: bytes, verdict: Any, key: str) -> None:
    assert verdict(bundle, key=key or "+") in (1, 2)


def test_another_key_of_the_same_name_is_not_enough(told: Any, bundle: bytes, verdict: Any) -> None:
    other = SigningKey(told.key.verifier.name, Ed25519PrivateKey.from_private_bytes(b"o" * 32))
    assert verdict(bundle, key=str(other.verifier)) == 4
    assert verdict(bundle, "--key", str(told.key.verifier), key=str(other.verifier)) == 0


def test_origin_must_be_the_one_that_is_asked_for(told: Any, bundle: bytes, verdict: Any) -> None:
    assert verdict(bundle, "--origin", told.key.verifier.name) == 0
    assert verdict(bundle, "--origin", "another.example/log") == 4


def test_a_stale_checkpoint(told: Any, bundle: bytes, verdict: Any) -> None:
    size = told.sign().checkpoint.size
    assert verdict(bundle, "--min-size", str(size)) == 0
    assert verdict(bundle, "--min-size", str(size + 1)) == 6


def test_a_checkpoint_kept_from_before(world: Any, verdict: Any, tmp_path: Path) -> None:
    """Against whoever holds the key: the log that an earlier checkpoint signed must be a prefix of this one."""
    world.activate()
    early = world.sign()
    at = world.start
    world.window("aws-main", at, at + HOUR, lambda a: [world.event("aws-main", "1", at, "sign-in", window=a)])
    data = made(world, Scope(world.start, world.end))
    kept, forged, later = (tmp_path / name for name in ("kept", "forged", "later"))
    kept.write_bytes(early.note)
    lines = early.checkpoint.text().split("\n")
    forked = "\n".join([lines[0], lines[1], base64.b64encode(b"r" * 32).decode(), ""])
    forged.write_bytes(sign_note(forked, [world.key]))
    later.write_bytes(sign_note("\n".join([lines[0], "1000", lines[2], ""]), [world.key]))
    key = str(world.key.verifier)
    assert verdict(data, "--seen", str(kept), key=key) == 0
    assert verdict(data, "--seen", str(kept), "--seen", str(forged), key=key) == 4
    assert verdict(data, "--seen", str(forged), "--seen", str(kept), key=key) == 4
    assert verdict(data, "--seen", str(later), key=key) == 6
    assert verdict(data, "--seen", str(tmp_path / "missing"), key=key) == 1


def test_the_scope_must_be_the_one_that_was_asked_for(told: Any, bundle: bytes, verdict: Any) -> None:
    day = ("--from", "2026-11-01T00:00:00Z", "--to", "2026-11-02T01:00:00+01:00")
    assert verdict(bundle, *day) == 0
    assert verdict(bundle, "--from", "2026-10-31T00:00:00Z") == 4
    assert verdict(bundle, "--control", "A.8.15") == 4
    assert verdict(bundle, "--source", "aws-main") == 4
    assert verdict(bundle, "--known-at", "3") == 4
    assert verdict(made(told, Scope(told.start, told.end, controls=frozenset({"A.8.15"}))), "--control", "A.8.15") == 0


@pytest.mark.parametrize("args", [[], ["x"], ["x", "--key"], ["x", "--key", "k", "--min-size", "many"], ["--key", "k"]])
def test_wrong_usage(args: list[str]) -> None:
    assert verify.main(args) == 2


def test_a_time_without_an_offset_is_wrong_usage(bundle: bytes, verdict: Any) -> None:
    assert verdict(bundle, "--from", "2026-11-01T00:00:00") == 2


def test_a_file_that_is_not_there(told: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify.main([str(tmp_path / "none.zip"), "--key", str(told.key.verifier)]) == 1
    assert verify.main([str(tmp_path), "--key", str(told.key.verifier)]) == 1
    assert capsys.readouterr().err.count("COULD NOT RUN") == 2


def test_as_a_function_it_raises(told: Any, bundle: bytes, tmp_path: Path) -> None:
    path = tmp_path / "b.zip"
    path.write_bytes(bundle)
    report = verify.verify_bundle(path, [str(told.key.verifier)])
    assert (report.exit_code, report.head.size, report.selected["evidence"]) == (0, told.sign().checkpoint.size, 20)
    path.write_bytes(bundle[:-1])
    with pytest.raises(verify.Rejected) as caught:
        verify.verify_bundle(path, [str(told.key.verifier)])
    assert caught.value.code == verify.TAMPERED
    with pytest.raises(verify.Rejected, match="at least one key"):
        verify.verify_bundle(path, [])


def test_erased_bytes_are_named_and_only_where_the_log_says_so(world: Any, verdict: Any, edit: Any, capsys: Any) -> None:
    """I15: what was erased is gone, the rest verifies, and a bundle cannot claim an erasure that the log does not hold."""
    world.activate()
    at = world.start
    events = ("secret-1", "secret-2", "kept")
    world.window("aws-main", at, at + HOUR, lambda a: [world.event("aws-main", e, at, "sign-in", window=a) for e in events])
    world.erase(1, 2)
    key = str(world.key.verifier)
    data = made(world, Scope(world.start, world.end))
    assert verdict(data, key=key) == 7
    assert "THE BYTES OF 2 ENTRIES WERE ERASED" in capsys.readouterr().out
    assert b"kept" in data
    assert b"secret" not in data

    def hide(details: bytes) -> bytes:
        lines = details.splitlines(keepends=True)
        lines[3] = b'{"detail":{"erased":true},"index":3,"payload":{"erased":true}}\n'
        return b"".join(lines)

    assert verdict(edit(data, {"details.jsonl": hide, "payloads/000000000003": None}), key=key) == 4


def test_a_payload_may_be_erased_alone(world: Any, verdict: Any, edit: Any) -> None:
    world.activate()
    at = world.start
    world.window("aws-main", at, at + HOUR, lambda a: [world.event("aws-main", "1", at, "sign-in", window=a)])
    world.erase(1, 1, payload_only=True)
    whole = made(world, Scope(world.start, world.end))

    def hide(details: bytes) -> bytes:
        lines = details.splitlines(keepends=True)
        lines[1] = b'{"detail":{"erased":true},"index":1,"payload":{"erased":true}}\n'
        return b"".join(lines)

    assert verdict(edit(whole, {"details.jsonl": hide}), key=str(world.key.verifier)) == 4  # of the detail nothing says so
    assert verdict(made(world, Scope(world.start, world.end)), key=str(world.key.verifier)) == 7


def test_hostile_names_reach_neither_terminal_nor_file_names(told: Any, bundle: bytes, verdict: Any, capsys: Any) -> None:
    with zipfile.ZipFile(io.BytesIO(bundle)) as file:
        assert {name.strip("0123456789") for name in file.namelist()} == {*verify.FILES, "manifest.json", "payloads/"}
        table = file.read("index.csv").decode("utf-8-sig")
    assert all(name not in table for name in ('"=', '"+', '"-', '"@', '"\uff1d', "\t", "\u202e"))
    for text in ("\x1b[2Jx", "\u202ex", "a\nb", "\ud800"):
        assert verify.show(text).isascii()
        assert verify.show(text).isprintable()
