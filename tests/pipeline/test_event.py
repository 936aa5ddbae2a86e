"""pipeline/event.py: packs."""

from __future__ import annotations

import msgspec
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import CodecError
from pipeline.event import MAX_PACK_EVENTS, MAX_PAYLOAD, MAX_RECORD, Event, clean, pack, unpack
from store.text import is_clean_attribute
from store.times import MAX_TIME

anything = st.text(st.characters(codec=None, categories=None), max_size=40) | st.text(max_size=3).map(lambda t: t * 300)
clean_text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60)
times = st.integers(0, MAX_TIME)


def events(text: st.SearchStrategy[str]) -> st.SearchStrategy[Event]:
    name = text.filter(bool)
    return st.builds(
        Event,
        source=name,
        id=name,
        type=name,
        time=times,
        payload=st.binary(max_size=200),
        window=text,
        collected_at=times,
        subject=st.none() | text,
        account=text,
        region=text,
        media_type=text,
    )


def folded(content: object) -> bytes:
    """A well-formed frame around any msgpack content."""
    return b"\x01" + zstandard.ZstdCompressor(write_checksum=True).compress(msgspec.msgpack.encode(content))


HEAD = ["s", "log.x.y", "w", "a", "r", "m"]
ITEM = [0, "id", 1, 2, None, b"{}"]


@settings(deadline=None)
@given(st.lists(events(clean_text), max_size=12))
def test_a_pack_round_trips(some):
    assert unpack(pack(some)) == tuple(some)


@settings(deadline=None)
@given(st.lists(events(anything), max_size=5))
def test_whatever_goes_in_comes_out_clean(some):
    found = unpack(pack(some))
    assert found == tuple(clean(event) for event in some)
    assert all(is_clean_attribute(event.id) and clean(event) is event for event in found)


def test_a_full_pack_round_trips_and_one_event_more_is_refused():
    some = [Event("s", f"{n}", f"log.x.{n}", n, b"") for n in range(MAX_PACK_EVENTS)]
    assert unpack(pack(some)) == tuple(some)
    with pytest.raises(CodecError, match="101 events"):
        pack([*some, some[0]])


def test_repeated_attributes_cost_next_to_nothing():
    def size(count: int) -> int:
        return len(
            pack([Event("s" * 100, f"{n}", "t" * 100, n, b"", "w" * 100, 1, None, "a" * 100, "r" * 100) for n in range(count)])
        )

    assert size(100) < size(1) + 100 * 12


@pytest.mark.parametrize(
    "change",
    [
        {"source": ""},
        {"id": ""},
        {"type": ""},
        {"time": -1},
        {"time": MAX_TIME + 1},
        {"time": 1 << 70},
        {"collected_at": -1},
        {"payload": bytes(MAX_PAYLOAD + 1)},
    ],
)
def test_an_event_that_is_none_is_refused(change):
    with pytest.raises(CodecError):
        pack([Event(**({"source": "s", "id": "i", "type": "t", "time": 1, "payload": b""} | change))])


def test_a_pack_that_unfolds_too_far_is_refused_on_both_sides():
    some = [Event("s", f"{n}", "t", 1, bytes(MAX_PAYLOAD)) for n in range(5)]
    with pytest.raises(CodecError, match="before compression"):
        pack(some)
    bomb = folded([[HEAD], [[0, f"{n}", 1, 2, None, bytes(MAX_PAYLOAD)] for n in range(5)]])
    assert len(bomb) < 100_000
    with pytest.raises(CodecError, match="unfold"):
        unpack(bomb)
    with pytest.raises(CodecError, match="too large"):
        unpack(b"\x01" + bytes(MAX_RECORD))


def test_a_frame_that_does_not_say_its_size_is_refused():
    plain = msgspec.msgpack.encode([[HEAD], [ITEM]])
    silent = zstandard.ZstdCompressor(write_checksum=True, write_content_size=False).compress(plain)
    with pytest.raises(CodecError, match="does not say its size"):
        unpack(b"\x01" + silent)
    unchecked = zstandard.ZstdCompressor().compress(plain)
    with pytest.raises(CodecError, match="checksum"):
        unpack(b"\x01" + unchecked)


def test_the_form_on_the_wire_is_what_it_was():
    """Streams outlive versions: what an older version wrote must be read."""
    assert unpack(folded([[HEAD], [ITEM]])) == (Event("s", "id", "log.x.y", 1, b"{}", "w", 2, None, "a", "r", "m"),)
    assert pack([Event("s", "id", "log.x.y", 1, b"{}", "w", 2, None, "a", "r", "m")])[0] == 1


@pytest.mark.parametrize(
    "content",
    [
        [],
        [[HEAD]],
        [[HEAD], [ITEM], []],
        [[HEAD], [[*ITEM, 1]]],
        [[HEAD], [ITEM[:-1]]],
        [[[*HEAD, "more"]], [ITEM]],
        [[], [ITEM]],
        [[HEAD], [[1, *ITEM[1:]]]],
        [[HEAD], [[-1, *ITEM[1:]]]],
        [[HEAD], [[0, "", 1, 2, None, b""]]],
        [[HEAD], [[0, "a\0", 1, 2, None, b""]]],
        [[HEAD], [[0, "id", -1, 2, None, b""]]],
        [[HEAD], [[0, "id", 1, MAX_TIME + 1, None, b""]]],
        [[HEAD], [[0, "id", 1.0, 2, None, b""]]],
        [[HEAD], [[0, "id", True, 2, None, b""]]],
        [[HEAD], [[0, "id", "1", 2, None, b""]]],
        [[HEAD], [[0, "id", 1, 2, 5, b""]]],
        [[HEAD], [[0, "id", 1, 2, "x" * 513, b""]]],
        [[HEAD], [[0, "id", 1, 2, None, "text"]]],
        [[["", *HEAD[1:]]], [ITEM]],
        [[["a\0", *HEAD[1:]]], [ITEM]],
        [[HEAD], [ITEM] * 101],
        {"heads": [HEAD], "items": [ITEM]},
        5,
    ],
)
def test_other_content_is_refused(content):
    with pytest.raises(CodecError):
        unpack(folded(content))


@pytest.mark.parametrize("tail", [b"\0", b"\x01", pack([])])
def test_trailing_bytes_are_refused(tail):
    good = pack([Event("s", "id", "t", 1, b"{}")])
    with pytest.raises(CodecError):
        unpack(good + tail)
    plain = msgspec.msgpack.encode([[HEAD], [ITEM]]) + b"\xc0"
    with pytest.raises(CodecError, match="trailing"):
        unpack(b"\x01" + zstandard.ZstdCompressor(write_checksum=True).compress(plain))


@pytest.mark.parametrize("version", [0, 2, 0x28, 0xFF])
def test_an_unknown_version_is_refused(version):
    good = pack([Event("s", "id", "t", 1, b"{}")])
    with pytest.raises(CodecError, match="version"):
        unpack(bytes([version]) + good[1:])


def test_every_flipped_bit_and_every_cut_is_noticed():
    good = pack([Event("s", f"{n}", "log.x.y", n, b'{"a":1}') for n in range(3)])
    for place in range(len(good) * 8):
        bad = bytearray(good)
        bad[place // 8] ^= 1 << place % 8
        with pytest.raises(CodecError):
            unpack(bytes(bad))
    for length in range(len(good)):
        with pytest.raises(CodecError):
            unpack(good[:length])


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_noise_raises_codec_error_only(noise):
    for data in (noise, b"\x01" + noise, b"\x01\x28\xb5\x2f\xfd\x24" + noise):
        with pytest.raises(CodecError):
            unpack(data)


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=120))
def test_noise_inside_a_sound_frame_raises_codec_error_or_is_a_pack(noise):
    try:
        found = unpack(b"\x01" + zstandard.ZstdCompressor(write_checksum=True).compress(noise))
    except CodecError:
        return
    assert unpack(pack(found)) == found


@settings(deadline=None, max_examples=400)
@given(st.lists(events(clean_text), min_size=1, max_size=3), st.data())
def test_mutated_content_raises_codec_error_or_is_a_pack(some, data):
    plain = bytearray(zstandard.ZstdDecompressor().decompress(pack(some)[1:]))
    for _ in range(data.draw(st.integers(1, 4))):
        plain[data.draw(st.integers(0, len(plain) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = unpack(b"\x01" + zstandard.ZstdCompressor(write_checksum=True).compress(bytes(plain)))
    except CodecError:
        return
    assert all(clean(event) is event for event in found)
    assert unpack(pack(found)) == found
