"""What may stand in an attribute: short, clean Unicode. Attributes are written by whoever writes the log."""

from __future__ import annotations

import hashlib
from typing import Final

MAX_ATTRIBUTE: Final = 512
"""Bytes of UTF-8 that an attribute may take."""


def is_clean_attribute(text: str) -> bool:
    """True for at most 512 bytes of UTF-8 without NUL and without lone surrogates."""
    if "\0" in text:
        return False
    if text.isascii():
        return len(text) <= MAX_ATTRIBUTE
    try:
        return len(text.encode()) <= MAX_ATTRIBUTE
    except UnicodeEncodeError:
        return False


def clean_attribute(text: str) -> str:
    """Return the text itself where it is clean, else `sha256:<hex>` of its bytes; the original stays in the payload.

    The digest is of the UTF-8 bytes, a lone surrogate taken as the three bytes that UTF-8 would give it. Cleaning twice changes
    nothing more.
    """
    if is_clean_attribute(text):
        return text
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def clean_text(text: str) -> str:
    """Return free text (an error message) that any database and codec takes: NUL and lone surrogates become U+FFFD."""
    if "\0" not in text and text.isascii():
        return text
    return text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
