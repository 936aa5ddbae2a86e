"""Sigma's encoding modifiers (`wide`, `utf16…`, `base64`, `base64offset`), worked on bytes so that any text can be encoded."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Final

from sigma.types import SigmaExpansion, SigmaString, SigmaType

from pipeline.rules.problems import RulesError

ENCODINGS: Final = {"wide": "utf-16-le", "utf16le": "utf-16-le", "utf16be": "utf-16-be", "utf16": "utf-16-le"}
_BASE64: Final = ("base64", "base64offset")
# A text at offset n of a whole shares its first base64 characters with what stands before it, and its last with what follows.
_START: Final = (0, 2, 3)
_END: Final = (None, -3, -2)


def split(modifiers: Sequence[str]) -> tuple[list[str], list[str]]:
    """The leading modifiers up to base64 or base64offset, and the rest; nothing leads where neither is there."""
    for index, modifier in enumerate(modifiers):
        if modifier in _BASE64:
            return list(modifiers[: index + 1]), list(modifiers[index + 1 :])
    return [], list(modifiers)


def encoded(text: SigmaString, chain: Sequence[str]) -> SigmaType:
    """The base64 text (or the three of base64offset) that `chain` makes of `text`. Raises RulesError."""
    if text.contains_special():
        raise RulesError("a text with wildcards cannot be encoded: escape them with \\ or leave the wildcards out")
    charset, mark = "utf-8", b""
    for modifier in chain[:-1]:
        if modifier not in ENCODINGS:
            raise RulesError(f"the modifier {modifier!r} cannot come before {chain[-1]!r}")
        charset = ENCODINGS[modifier]
        mark = b"\xff\xfe" if modifier == "utf16" else b""
    data = mark + "".join(part for part in text.s if isinstance(part, str)).encode(charset)
    if chain[-1] == "base64":
        return SigmaString.from_str(b64encode(data).decode("ascii"))
    return SigmaExpansion([SigmaString.from_str(_at_offset(data, offset)) for offset in range(3)])


def _at_offset(data: bytes, offset: int) -> str:
    return b64encode(bytes(offset) + data)[_START[offset] : _END[(len(data) + offset) % 3]].decode("ascii")
