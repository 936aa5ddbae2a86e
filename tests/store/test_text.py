"""store/text.py: what may stand in an attribute."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.text import MAX_ATTRIBUTE, clean_attribute, clean_text, is_clean_attribute

anything = st.text(st.characters(codec=None, categories=None)) | st.text(min_size=1, max_size=4).map(lambda text: text * 200)


@pytest.mark.parametrize("text", ["", "a", "x" * 512, "é" * 256, "\x1b[2J", "\u202e", "😀" * 128])
def test_clean_text_stands_as_it_is(text):
    assert clean_attribute(text) == text


@pytest.mark.parametrize("text", ["x" * 513, "é" * 257, "😀" * 129, "a\0"])
def test_what_is_too_long_or_has_a_nul_becomes_its_digest(text):
    assert clean_attribute(text) == "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def test_a_lone_surrogate_becomes_a_digest_of_its_own():
    assert clean_attribute("\ud800") == "sha256:" + hashlib.sha256(b"\xed\xa0\x80").hexdigest()
    assert clean_attribute("\ud800") != clean_attribute("\ud801")


@settings(deadline=None)
@given(anything)
def test_cleaning_gives_clean_text_and_cleaning_again_changes_nothing(text):
    once = clean_attribute(text)
    assert is_clean_attribute(once)
    assert "\0" not in once
    assert len(once.encode("utf-8")) <= MAX_ATTRIBUTE
    assert clean_attribute(once) == once


@settings(deadline=None)
@given(anything)
def test_free_text_can_be_written_anywhere_and_loses_nothing_else(text):
    once = clean_text(text)
    assert "\0" not in once
    once.encode("utf-8")
    assert clean_text(once) == once
    if "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text):
        assert once == text
