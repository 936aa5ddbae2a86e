"""C2SP signed notes with Ed25519 (signature type 0x01): strict parsing, formatting, signing and opening. Pure.

    text, one or more lines, each ending in newline
    (a blank line)
    — <key name> base64(key ID ‖ signature)
    — …

The signature covers the text with its last newline, without the blank line. The key ID is SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public
key)[:4]. A verifier key is the string `name+hex(key ID)+base64(0x01 ‖ public key)`. Where the specification leaves a choice this
module is strict: base64 has one spelling only, one key signs once, and all control characters (also DEL and C1) are refused.
"""

from __future__ import annotations

import base64
import binascii
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from store.errors import VerificationError

ED25519: Final = 0x01
MAX_NOTE_BYTES: Final = 256 * 1024
MAX_SIGNATURES: Final = 32
"""Verifiers must take at least 16 signatures, of up to about 5 kB each (post-quantum): both limits leave room for twice that."""

_PUBLIC_SIZE: Final = 32
_KEY_ID_SIZE: Final = 4
_DASH: Final = "\u2014 "


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: who says to have signed, the key ID (4 bytes), and the signature's own bytes. Not verified."""

    name: str
    key_id: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A note as parsed: nothing in it is verified. `text` ends in newline."""

    text: str
    signatures: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """Name and Ed25519 public key (32 bytes) of a signer. Its `str` is the verifier key string."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        _check_name(self.name)
        if len(self.public) != _PUBLIC_SIZE:
            raise VerificationError(f"an Ed25519 public key has {_PUBLIC_SIZE} bytes, not {len(self.public)}")

    @property
    def key_id(self) -> bytes:
        """First 4 bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key)."""
        return sha256(self.name.encode() + b"\n" + bytes([ED25519]) + self.public).digest()[:_KEY_ID_SIZE]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{encode_base64(bytes([ED25519]) + self.public)}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read a verifier key string. Raises VerificationError when malformed, of another type, or its key ID is not its own."""
        parts = text.split("+", 2)  # base64 may hold a plus too
        if len(parts) != 3:
            raise VerificationError("a verifier key must read name+hash+base64")
        encoded = decode_base64(parts[2], "verifier key")
        if encoded[:1] != bytes([ED25519]):
            raise VerificationError("a verifier key must be of type Ed25519 (0x01)")
        key = cls(parts[0], encoded[1:])
        if parts[1] != key.key_id.hex():
            raise VerificationError(f"the verifier key of {key.name!r} has a hash that does not belong to it")
        return key

    def verify(self, text: str, signature: bytes) -> None:
        """Raises VerificationError unless `signature` is this key's over `text`."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except (InvalidSignature, ValueError) as error:
            raise VerificationError(f"the signature of {self.name}+{self.key_id.hex()} does not verify") from error


class SigningKey:
    """A named Ed25519 private key. Neither its repr nor its errors show the secret."""

    __slots__ = ("_private", "verifier")

    def __init__(self, name: str, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.verifier = VerifierKey(name, private.public_key().public_bytes_raw())

    def __repr__(self) -> str:
        return f"SigningKey({self.verifier})"

    def sign(self, text: str) -> Signature:
        """Sign the text of a note (Ed25519 is deterministic: the same text gives the same signature)."""
        return Signature(self.verifier.name, self.verifier.key_id, self._private.sign(text.encode()))


@dataclass(frozen=True, slots=True)
class OpenedNote:
    """A note that at least one known key signed. `signers` are the known keys that did, in the note's order."""

    text: str
    signers: tuple[VerifierKey, ...]


def parse_note(data: bytes) -> Note:
    """Read a note without verifying it. `format_note` gives exactly `data` back. Raises VerificationError when malformed."""
    if len(data) > MAX_NOTE_BYTES:
        raise VerificationError(f"a note may have {MAX_NOTE_BYTES} bytes, this one has {len(data)}")
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise VerificationError("the note is not UTF-8") from error
    check_text(whole)
    text, blank, tail = whole.rpartition("\n\n")
    if not blank:
        raise VerificationError("the note has no blank line before its signatures")
    lines = tail.split("\n")[:-1]
    if not 1 <= len(lines) <= MAX_SIGNATURES:
        raise VerificationError(f"a note must have 1 to {MAX_SIGNATURES} signatures, this one has {len(lines)}")
    signatures = tuple(_parse_line(line) for line in lines)
    if len({(signature.name, signature.key_id) for signature in signatures}) != len(signatures):
        raise VerificationError("the note has two signatures of one key")
    return Note(text + "\n", signatures)


def format_note(note: Note) -> bytes:
    """The bytes of a note. Raises VerificationError when `parse_note` would not read the same note from them."""
    lines = [f"{_DASH}{sig.name} {encode_base64(sig.key_id + sig.value)}\n" for sig in note.signatures]
    try:
        data = f"{note.text}\n{''.join(lines)}".encode()
    except UnicodeEncodeError as error:
        raise VerificationError("the note's text is not clean Unicode") from error
    if parse_note(data) != note:
        raise VerificationError("the note cannot be written: its text must end in newline, its key IDs have 4 bytes")
    return data


def sign_note(text: str, keys: Sequence[SigningKey]) -> bytes:
    """A note signed by each key, in this order. Raises VerificationError when the text or the keys make no valid note."""
    check_text(text)
    return format_note(Note(text, tuple(key.sign(text) for key in keys)))


def open_note(data: bytes, keys: Sequence[VerifierKey]) -> OpenedNote:
    """Verify a note against known keys. Raises VerificationError.

    1. The form. 2. The known keys, which must not be ambiguous. 3. A line of a known key must verify; lines of unknown keys are
    ignored, even when they share the name or the ID with a known one. 4. At least one known key signed.
    """
    # 1.
    note = parse_note(data)
    # 2.
    known: dict[tuple[str, bytes], VerifierKey] = {}
    for key in keys:
        if known.setdefault((key.name, key.key_id), key) != key:
            raise VerificationError(f"two different known keys are both called {key.name}+{key.key_id.hex()}")
    # 3.
    signers = []
    for signature in note.signatures:
        signer = known.get((signature.name, signature.key_id))
        if signer is not None:
            signer.verify(note.text, signature.value)
            signers.append(signer)
    # 4.
    if not signers:
        raise VerificationError("the note is not signed by any known key")
    return OpenedNote(note.text, tuple(signers))


def check_text(text: str) -> None:
    """Raises VerificationError unless `text` ends in newline, is clean Unicode, and has no other control character."""
    if not text.endswith("\n"):
        raise VerificationError("the text of a note must end in newline")
    for character in text:
        if character != "\n" and unicodedata.category(character) in ("Cc", "Cs"):
            raise VerificationError(f"the text of a note must not have the character U+{ord(character):04X}")


def encode_base64(data: bytes) -> str:
    """Standard base64 with padding (RFC 4648 section 4)."""
    return base64.b64encode(data).decode("ascii")


def decode_base64(text: str, what: str) -> bytes:
    """Read standard padded base64 in its one canonical spelling. Raises VerificationError that names `what`."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise VerificationError(f"the {what} is not standard base64") from error
    if encode_base64(data) != text:
        raise VerificationError(f"the {what} is not base64 in its canonical spelling")
    return data


def _parse_line(line: str) -> Signature:
    if not line.startswith(_DASH):
        raise VerificationError("a signature line must begin with an em dash and a space")
    parts = line.removeprefix(_DASH).split(" ")
    if len(parts) != 2:
        raise VerificationError("a signature line must read: em dash, key name, base64")
    _check_name(parts[0])
    value = decode_base64(parts[1], "signature")
    if len(value) <= _KEY_ID_SIZE:
        raise VerificationError("a signature line must hold a key ID and a signature")
    return Signature(parts[0], value[:_KEY_ID_SIZE], value[_KEY_ID_SIZE:])


def _check_name(name: str) -> None:
    bad = any(character == "+" or character.isspace() or unicodedata.category(character) in ("Cc", "Cs") for character in name)
    if not name or bad:
        raise VerificationError("a key name must not be empty, nor have spaces, plus signs or control characters")
