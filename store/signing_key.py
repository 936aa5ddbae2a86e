"""The signing key: an Ed25519 key in a PEM file that only its owner can read, made on first use."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from store.errors import StoreError
from store.files import os_errors, read_small, write_whole
from store.note import SigningKey, VerifierKey

_MAX_KEY_BYTES: Final = 16 * 1024


def published_key(path: Path) -> VerifierKey | None:
    """The public half in `path`.pub, None where it was never written. Raises VerificationError when it is no verifier key."""
    with os_errors(f"read {path}.pub"):
        text = read_small(path.with_name(f"{path.name}.pub"))
    return VerifierKey.parse(text.decode("utf-8", "replace").rstrip("\n")) if text is not None else None


def load_or_create_key(path: Path, name: str, *, create: bool = True) -> SigningKey:
    """The Ed25519 key in the PEM (PKCS 8) file `path`, created when missing, with its verifier key string in `path`.pub.

    It is not created where `create` is false or its public half is there already: another key cannot continue the log.
    `name` is the log's origin. Creating is atomic, and of several that create at once one wins and all return its key. Raises
    StoreError when others than the owner may read the file, when it holds no such key, or when `.pub` says another key.
    """
    with os_errors(f"use the signing key {path}"):
        if not path.exists():
            if not create or path.with_name(f"{path.name}.pub").exists():
                raise StoreError(
                    f"the signing key {path} is missing: put the log's key back, another one cannot continue the log"
                )
            _create_key(path)
        key = SigningKey(name, _load_key(path))
        _publish_key(path.with_name(f"{path.name}.pub"), key)
    return key


def _create_key(path: Path) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with suppress(FileExistsError):  # somebody was faster: theirs is the key
        write_whole(path, pem, 0o600, replace=False)


def _load_key(path: Path) -> Ed25519PrivateKey:
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode  # of the file that is read, whatever the name leads to later
        if mode & 0o077:
            raise StoreError(f"others may read or change the signing key {path} (mode {mode & 0o777:04o}): run chmod 600 on it")
        pem = file.read(_MAX_KEY_BYTES)
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise StoreError(f"{path} does not hold a private key in PEM form without a password: put the log's key back") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise StoreError(f"the private key in {path} is not Ed25519: put the log's key back")
    return key


def _publish_key(path: Path, key: SigningKey) -> None:
    text = f"{key.verifier}\n".encode()
    published = read_small(path)
    if published is None:
        try:
            write_whole(path, text, 0o644)
        except OSError as error:
            # A key from a read-only place (a mounted secret) works all the same: its public half can be had from the key.
            if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
                raise
    elif published != text:
        raise StoreError(
            f"{path} says another key than {key.verifier}: put the log's key and origin back, "
            "or remove that file if this key is meant to be new"
        )
