"""Signed notes against published vectors, round trips, and every kind of damage."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from store.errors import VerificationError
from store.note import (
    MAX_NOTE_BYTES,
    MAX_SIGNATURES,
    Note,
    Signature,
    SigningKey,
    VerifierKey,
    decode_base64,
    encode_base64,
    format_note,
    open_note,
    parse_note,
    sign_note,
)

# The published examples of golang.org/x/mod/sumdb/note (its private key is public, too) and of signed-note implementations.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
PETER_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER_LINE = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
FOO = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
FOO_NOTE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)


def key(name: str = "example.com/log", seed: int = 1) -> SigningKey:
    return SigningKey(name, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


def peter() -> SigningKey:
    return SigningKey("PeterNeumann", Ed25519PrivateKey.from_private_bytes(PETER_SEED))


def test_published_notes_open_and_are_signed_alike() -> None:
    data = f"{PETER_TEXT}\n{PETER_LINE}".encode()
    assert open_note(data, [VerifierKey.parse(PETER)]).text == PETER_TEXT
    assert sign_note(PETER_TEXT, [peter()]) == data
    assert str(peter().verifier) == PETER
    foo = VerifierKey.parse(FOO)
    assert open_note(FOO_NOTE.encode(), [foo, VerifierKey.parse(PETER)]).signers == (foo,)


ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
WITH_PLUS = "TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6"


@pytest.mark.parametrize("text", [PETER, FOO, ENOCH, WITH_PLUS])
def test_verifier_keys_round_trip(text: str) -> None:
    assert str(VerifierKey.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PeterNeumann",
        PETER.replace("c74f20a3", "c74f20a4"),
        PETER.replace("c74f20a3", "C74F20A3"),
        PETER.replace("PeterNeumann", "Peter"),
        PETER.replace("PeterNeumann", "Peter Neumann"),
        PETER.replace("PeterNeumann", ""),
        PETER + "\n",
        PETER[:-4],
        PETER[:-1] + "=",
        "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",  # another signature type
    ],
)
def test_malformed_verifier_keys_are_refused(text: str) -> None:
    with pytest.raises(VerificationError):
        VerifierKey.parse(text)


clean = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=30)
names = st.text(st.characters(exclude_categories=("Cc", "Cs", "Z"), exclude_characters="+"), min_size=1, max_size=20)
texts = st.lists(clean, min_size=1, max_size=6).map(lambda lines: "".join(f"{line}\n" for line in lines))
signatures = st.lists(
    st.builds(Signature, names, st.binary(min_size=4, max_size=4), st.binary(min_size=1, max_size=80)),
    min_size=1,
    max_size=5,
    unique_by=lambda signature: (signature.name, signature.key_id),
)


@given(texts, signatures)
def test_notes_round_trip(text: str, lines: list[Signature]) -> None:
    note = Note(text, tuple(lines))
    data = format_note(note)
    assert parse_note(data) == note
    assert format_note(parse_note(data)) == data


@given(texts, st.lists(names, min_size=1, max_size=4, unique=True))
def test_signed_notes_open_for_each_signer(text: str, signers: list[str]) -> None:
    keys = [key(name, seed) for seed, name in enumerate(signers, 1)]
    data = sign_note(text, keys)
    assert open_note(data, [each.verifier for each in keys]).signers == tuple(each.verifier for each in keys)
    for each in keys:
        opened = open_note(data, [each.verifier])
        assert (opened.text, opened.signers) == (text, (each.verifier,))


@given(st.binary(max_size=200) | texts.map(str.encode) | st.builds(lambda a, b: f"{a}\n— {b}\n".encode(), texts, clean))
def test_any_bytes_parse_exactly_or_are_refused(data: bytes) -> None:
    try:
        note = parse_note(data)
    except VerificationError:
        return
    assert format_note(note) == data


def test_every_changed_byte_is_refused() -> None:
    data = sign_note("example.com/log\n12\nroot\n", [key()])
    known = [key().verifier]
    assert open_note(data, known).text == "example.com/log\n12\nroot\n"
    for at in range(len(data)):
        for value in {data[at] ^ 1 << bit for bit in range(8)} | set(b"\n +=A\x00"):
            if value != data[at]:
                with pytest.raises(VerificationError):
                    open_note(data[:at] + bytes([value]) + data[at + 1 :], known)


def test_every_cut_and_added_byte_is_refused() -> None:
    data = sign_note("text\n", [key()])
    for at in range(len(data)):
        for changed in (data[:at], data[:at] + data[at + 1 :], data[at:] if at else b"", data[:at] + b"\n" + data[at:]):
            with pytest.raises(VerificationError):
                open_note(changed, [key().verifier])
    for tail in (b"\n", b" ", b"\x00", b"x", data):
        with pytest.raises(VerificationError):
            open_note(data + tail, [key().verifier])


def test_unknown_signers_are_ignored_but_one_known_is_needed() -> None:
    same_name, other_name = key(seed=2), key("example.com/witness")
    data = sign_note("text\n", [same_name, key(), other_name])
    assert open_note(data, [key().verifier]).signers == (key().verifier,)
    with pytest.raises(VerificationError, match="not signed by any known key"):
        open_note(data, [key(seed=3).verifier])
    with pytest.raises(VerificationError, match="not signed by any known key"):
        open_note(data, [])


def test_a_known_signer_whose_line_does_not_verify_spoils_the_note() -> None:
    good, bad = key(), key("example.com/witness", 2)
    data = format_note(Note("text\n", (good.sign("text\n"), bad.sign("other\n"))))
    assert open_note(data, [good.verifier]).signers == (good.verifier,)
    with pytest.raises(VerificationError, match=r"example\.com/witness\+[0-9a-f]{8} does not verify"):
        open_note(data, [good.verifier, bad.verifier])


def test_signatures_of_another_length_are_refused() -> None:
    good = key().sign("text\n")
    for value in (good.value[:-1], good.value + b"\0", good.value * 2):
        data = format_note(Note("text\n", (Signature(good.name, good.key_id, value),)))
        with pytest.raises(VerificationError, match="does not verify"):
            open_note(data, [key().verifier])


def test_the_last_blank_line_ends_the_text() -> None:
    text = "first\n\n— not a signature\n\nlast\n"
    assert open_note(sign_note(text, [key()]), [key().verifier]).text == text


LINE = PETER_LINE.rstrip("\n")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"text\n{LINE}\n", "blank line"),
        (f"text\n\n{LINE}", "end in newline"),
        ("text\n\n", "1 to 32 signatures"),
        (f"text\n\n{LINE}\n\n", "1 to 32 signatures"),
        (f"text\n\n{LINE}\n{LINE}\n", "two signatures of one key"),
        (f"text\n\n{LINE}\r\n", r"U\+000D"),
        (f"te\txt\n\n{LINE}\n", r"U\+0009"),
        (f"te\x7fxt\n\n{LINE}\n", r"U\+007F"),
        (f"te\x9bxt\n\n{LINE}\n", r"U\+009B"),
        (f"text\n\n-{LINE[1:]}\n", "em dash"),
        (f"text\n\n{LINE} x\n", "key name, base64"),
        (f"text\n\n{LINE.replace(' PeterNeumann', '')}\n", "key name, base64"),
        (f"text\n\n{LINE.replace('PeterNeumann', '')}\n", "key name must not be empty"),
        (f"text\n\n{LINE.replace('PeterNeumann', 'Peter+Neumann')}\n", "key name"),
        ("text\n\n" + LINE.replace("PeterNeumann", "Peter\u2003Neumann") + "\n", "key name"),
        (f"text\n\n{LINE[:-1]}\n", "not standard base64"),
        (f"text\n\n{LINE.replace('/', '_')}\n", "not standard base64"),
        (f"text\n\n{LINE[:-2]}N=\n", "canonical"),
        ("text\n\n— name AAAAAA==\n", "a key ID and a signature"),
    ],
)
def test_malformed_notes_are_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(VerificationError, match=reason):
        parse_note(text.encode())


def test_limits() -> None:
    many = tuple(Signature(f"key{number}", b"\0\0\0\0", b"x") for number in range(MAX_SIGNATURES + 1))
    assert len(parse_note(format_note(Note("text\n", many[:-1]))).signatures) == MAX_SIGNATURES >= 16
    with pytest.raises(VerificationError, match="1 to 32"):
        format_note(Note("text\n", many))
    with pytest.raises(VerificationError, match="1 to 32"):
        sign_note("text\n", [])
    with pytest.raises(VerificationError, match=str(MAX_NOTE_BYTES)):
        parse_note(b"x" * (MAX_NOTE_BYTES + 1))
    with pytest.raises(VerificationError, match="UTF-8"):
        parse_note(b"te\xffxt\n\n" + PETER_LINE.encode())


@pytest.mark.parametrize("text", ["", "no newline", "carriage\r\n", "lone \ud800 surrogate\n"])
def test_text_that_is_no_note_is_not_signed(text: str) -> None:
    with pytest.raises(VerificationError):
        sign_note(text, [key()])
    with pytest.raises(VerificationError):
        format_note(Note(text, (Signature("name", b"1234", b"x"),)))


@pytest.mark.parametrize(
    "signature", [Signature("a b", b"1234", b"x"), Signature("a", b"12345", b""), Signature("a", b"123", b"x")]
)
def test_signatures_that_would_read_otherwise_are_not_written(signature: Signature) -> None:
    with pytest.raises(VerificationError):
        format_note(Note("text\n", (signature,)))


def test_known_keys_that_cannot_be_told_apart_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VerifierKey, "key_id", property(lambda self: b"same"))
    with pytest.raises(VerificationError, match="two different known keys"):
        open_note(sign_note("text\n", [key()]), [key().verifier, key(seed=2).verifier])


def test_a_key_does_not_show_its_secret() -> None:
    secret = bytes([7]) * 32
    shown = repr(key(seed=7))
    assert "example.com/log" in shown
    assert secret.hex() not in shown
    assert encode_base64(secret) not in shown


@given(st.binary(max_size=60))
def test_base64_round_trips(data: bytes) -> None:
    assert decode_base64(encode_base64(data), "value") == data


@pytest.mark.parametrize("text", ["A", "AA", "AB==", "AAAA\n", "AA=A", "AA==AA==", "é", "-_==", " AAAA"])
def test_other_spellings_of_base64_are_refused(text: str) -> None:
    with pytest.raises(VerificationError, match="value"):
        decode_base64(text, "value")
