"""collectors/unreadable.py: what is kept of bytes that are not understood, and how places are shown."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from collectors.unreadable import HEAD, MAX_KEPT, Excerpt, sentence, shown, unreadable_event
from pipeline.event import clean, pack, unpack
from store.records import Event

anything = st.text(st.characters(codec=None, categories=None), max_size=700)


@given(st.lists(st.binary(max_size=20)))
def test_small_things_are_kept_whole(chunks: list[bytes]) -> None:
    data = b"".join(chunks)
    excerpt = Excerpt.of(chunks)
    assert excerpt == Excerpt(data, len(data), hashlib.sha256(data).hexdigest())
    assert excerpt.whole


def test_of_large_things_the_head_the_size_and_the_digest() -> None:
    for size in (MAX_KEPT, MAX_KEPT + 1, 3 * MAX_KEPT):
        data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
        excerpt = Excerpt.of(data[at : at + 65536] for at in range(0, size, 65536))
        assert (excerpt.size, excerpt.digest) == (size, hashlib.sha256(data).hexdigest())
        assert excerpt.head == (data if size <= MAX_KEPT else data[:HEAD])


@given(anything, anything)
def test_a_sentence_fits_an_attribute_and_the_event_goes_through_the_stream(place: str, reason: str) -> None:
    like = Event("logs", "", "", 1, b"", "attempt", 2, None, "111122223333", "eu-west-1")
    text = sentence(shown(place), shown(reason))
    assert len(text.encode()) <= 512
    event = unreadable_event(like, Excerpt.of([b"bytes"]), shown(place), shown(reason))
    assert unpack(pack([event])) == (event,)
    assert clean(event).subject == text


def test_a_long_place_loses_its_beginning_and_the_reason_stays() -> None:
    text = sentence("/a" * 400 + "/file.gz record 3", "is not JSON")
    assert text.endswith("/file.gz record 3: is not JSON")
    assert text.startswith("…")
    assert sentence("/a/b", "is not JSON") == "/a/b: is not JSON"


@given(anything)
def test_what_is_shown_moves_no_terminal(text: str) -> None:
    assert shown(text).isprintable()
    assert shown("s3://bucket/Grüße/x.gz") == "s3://bucket/Grüße/x.gz"


def test_the_event_says_when_it_holds_only_the_head() -> None:
    like = Event("logs", "", "", 1, b"", "attempt", 2)
    event = unreadable_event(like, Excerpt(b"head", 9_000_000, "ab" * 32), "/a/b", "is not JSON")
    assert (event.type, event.id, event.payload) == ("unreadable", "ab" * 32, b"head")
    assert event.media_type == "application/octet-stream; part=head; size=9000000"
