"""Checkpoints as text and as signed notes, and the file that holds the signing key."""

from __future__ import annotations

import errno
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from store.checkpoint import Checkpoint, SignedCheckpoint, open_checkpoint
from store.errors import StoreError, VerificationError
from store.note import SigningKey, encode_base64, sign_note
from store.signing_key import load_or_create_key

ORIGIN = "example.com/log"
ROOT = encode_base64(bytes(range(32)))


def key(name: str = ORIGIN, seed: int = 1) -> SigningKey:
    return SigningKey(name, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


def test_the_published_example_reads() -> None:
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    checkpoint = Checkpoint.parse(text)
    assert (checkpoint.origin, checkpoint.size, checkpoint.extensions) == ("example.com/behind-the-sofa", 20852163, ())
    assert checkpoint.root.hex().startswith("0ac5186a91863e8e")
    assert checkpoint.text() == text


clean = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=30)
checkpoints = st.builds(
    Checkpoint, clean, st.integers(1, 2**63 - 1), st.binary(min_size=32, max_size=32), st.lists(clean, max_size=3).map(tuple)
)


@given(checkpoints)
def test_checkpoints_round_trip(checkpoint: Checkpoint) -> None:
    assert Checkpoint.parse(checkpoint.text()) == checkpoint


@given(checkpoints)
def test_signed_checkpoints_round_trip(checkpoint: Checkpoint) -> None:
    note = sign_note(checkpoint.text(), [key()])
    assert open_checkpoint(note, checkpoint.origin, [key().verifier]) == SignedCheckpoint(checkpoint, note)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "newline"),
        (f"{ORIGIN}\n1\n{ROOT}", "newline"),
        (f"{ORIGIN}\n1\n", "an origin, a size and a root"),
        (f"\n1\n{ROOT}\n", "no empty line"),
        (f"{ORIGIN}\n1\n{ROOT}\n\n", "no empty line"),
        (f"{ORIGIN}\n1\n{ROOT}\next\n\n", "no empty line"),
        (f"{ORIGIN}\n01\n{ROOT}\n", "leading zeros"),
        (f"{ORIGIN}\n+1\n{ROOT}\n", "decimal"),
        (f"{ORIGIN}\n-1\n{ROOT}\n", "decimal"),
        (f"{ORIGIN}\n 1\n{ROOT}\n", "decimal"),
        (f"{ORIGIN}\n1_0\n{ROOT}\n", "decimal"),
        (f"{ORIGIN}\n١\n{ROOT}\n", "decimal"),
        (f"{ORIGIN}\n{2**63}\n{ROOT}\n", "2\\^63"),
        (f"{ORIGIN}\n{'9' * 5000}\n{ROOT}\n", "2\\^63"),
        (f"{ORIGIN}\n1\n{ROOT[:-1]}\n", "base64"),
        (f"{ORIGIN}\n1\n{ROOT.replace('8=', '9=')}\n", "canonical"),
        (f"{ORIGIN}\n1\n{ROOT} \n", "base64"),
        (f"{ORIGIN}\n1\n{encode_base64(bytes(31))}\n", "32 bytes"),
        (f"{ORIGIN}\n1\n{encode_base64(bytes(33))}\n", "32 bytes"),
        (f"{ORIGIN}\n0\n{ROOT}\n", "empty tree"),
        (f"{ORIGIN}\r\n1\n{ROOT}\n", "U\\+000D"),
    ],
)
def test_malformed_checkpoints_are_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(VerificationError, match=reason):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    "checkpoint",
    [
        Checkpoint("two\nlines", 1, bytes(32)),
        Checkpoint("", 1, bytes(32)),
        Checkpoint(ORIGIN, -1, bytes(32)),
        Checkpoint(ORIGIN, 2**63, bytes(32)),
        Checkpoint(ORIGIN, 0, bytes(32)),
        Checkpoint(ORIGIN, 1, bytes(31)),
        Checkpoint(ORIGIN, 1, bytes(32), ("",)),
        Checkpoint(ORIGIN, 1, bytes(32), ("two\nlines",)),
    ],
)
def test_what_is_no_checkpoint_is_not_written(checkpoint: Checkpoint) -> None:
    with pytest.raises(VerificationError):
        checkpoint.text()


def test_a_checkpoint_of_another_log_or_key_is_refused() -> None:
    text = Checkpoint("example.com/other", 1, bytes(32)).text()
    note = sign_note(text, [key()])
    with pytest.raises(VerificationError, match=r"of the log 'example\.com/other', not of 'example\.com/log'"):
        open_checkpoint(note, ORIGIN, [key().verifier])
    with pytest.raises(VerificationError, match="known key"):
        open_checkpoint(note, "example.com/other", [key(seed=2).verifier])


def test_a_key_is_created_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "log.pem"
    created = load_or_create_key(path, ORIGIN)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----\n")
    assert (tmp_path / "keys" / "log.pem.pub").read_text() == f"{created.verifier}\n"
    assert load_or_create_key(path, ORIGIN).verifier == created.verifier
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["log.pem", "log.pem.pub"]


def test_many_that_create_at_once_get_the_same_key(tmp_path: Path) -> None:
    for number in range(10):
        path, start = tmp_path / f"{number}.pem", Barrier(6)

        def create(path: Path = path, start: Barrier = start) -> str:
            start.wait()
            return str(load_or_create_key(path, ORIGIN).verifier)

        with ThreadPoolExecutor(6) as pool:
            created = {future.result() for future in [pool.submit(create) for _ in range(6)]}
        assert created == {path.with_name(f"{number}.pem.pub").read_text().strip()}


def test_a_missing_public_key_is_written_again(tmp_path: Path) -> None:
    created = load_or_create_key(tmp_path / "log.pem", ORIGIN)
    (tmp_path / "log.pem.pub").unlink()
    assert load_or_create_key(tmp_path / "log.pem", ORIGIN).verifier == created.verifier
    assert (tmp_path / "log.pem.pub").read_text() == f"{created.verifier}\n"


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644, 0o660, 0o610, 0o601])
def test_a_key_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "log.pem"
    load_or_create_key(path, ORIGIN)
    path.chmod(mode)
    with pytest.raises(StoreError, match=f"others may read or change the signing key .*mode 0{mode:o}.*run chmod 600"):
        load_or_create_key(path, ORIGIN)
    path.chmod(0o400)
    assert load_or_create_key(path, ORIGIN).verifier.name == ORIGIN


def test_a_replaced_key_or_origin_is_refused(tmp_path: Path) -> None:
    load_or_create_key(tmp_path / "log.pem", ORIGIN)
    with pytest.raises(StoreError, match=r"log\.pem\.pub says another key"):
        load_or_create_key(tmp_path / "log.pem", "example.com/other")
    (tmp_path / "log.pem").unlink()
    with pytest.raises(StoreError, match=r"log\.pem is missing: put the log's key back"):
        load_or_create_key(tmp_path / "log.pem", ORIGIN)


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    path.chmod(0o600)
    return path


def test_other_files_are_refused_and_kept(tmp_path: Path) -> None:
    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    locked = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word"))
    for name, data, reason in (
        ("empty", b"", "does not hold a private key"),
        ("text", b"not a key\n", "does not hold a private key"),
        ("locked", locked, "without a password"),
        ("other", other, "is not Ed25519"),
    ):
        path = written(tmp_path / name, data)
        with pytest.raises(StoreError, match=reason) as caught:
            load_or_create_key(path, ORIGIN)
        assert str(path) in str(caught.value)
        assert path.read_bytes() == data
    with pytest.raises(StoreError, match="cannot use the signing key"):
        load_or_create_key(tmp_path, ORIGIN)


@pytest.mark.parametrize(("code", "works"), [(errno.EROFS, True), (errno.EACCES, True), (errno.ENOSPC, False)])
def test_a_key_on_a_read_only_mount_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, works: bool) -> None:
    created = load_or_create_key(tmp_path / "log.pem", ORIGIN)
    (tmp_path / "log.pem.pub").unlink()

    def refuse(**arguments: object) -> tuple[int, str]:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    if works:
        assert load_or_create_key(tmp_path / "log.pem", ORIGIN).verifier == created.verifier
    else:
        with pytest.raises(StoreError, match="cannot use the signing key"):
            load_or_create_key(tmp_path / "log.pem", ORIGIN)
