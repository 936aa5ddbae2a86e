"""Texts that a pattern cannot match without: many patterns are ruled out by one pass of Aho-Corasick over a value."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from ahocorasick_rs import AhoCorasick

_FEW: Final = 6
"""Needles up to which asking for each is faster."""
_STRETCH: Final = 2048
"""Characters searched at once: what one pass can find, and so its memory, is bounded whatever the event holds."""
_LITERAL: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _-/:@=,;<>%&#!~'\"")
_MIN: Final = 2
_FLAGS: Final = re.compile(r"\A\(\?[ims]+\)")
_REPEAT: Final = re.compile(r"\{[0-9]+(,[0-9]*)?\}")
_UNCLEAR: Final = re.compile(r"\\[^dDwWsSbBAzafnrtv\W_]|\\_|[^\x00-\x7f]")
"""Escapes with something after their letter (`\\p{…}`, `\\x41`, `\\Q…\\E`), and what is not ASCII."""


class Needles:
    """Which of the given texts occur in a text."""

    __slots__ = ("_automaton", "_names", "_odd", "_stretch", "_texts")

    def __init__(self, texts: Iterable[str]) -> None:
        every = sorted(set(texts))
        self._texts = tuple(every)
        self._names = [text for text in every if _encodes(text)]
        self._odd = [text for text in every if not _encodes(text)]
        longest = max(map(len, every), default=0)
        self._stretch = max(_STRETCH, 4 * longest)
        self._automaton = AhoCorasick(self._names) if len(self._names) > _FEW else None

    def among(self, text: str) -> Iterable[str]:
        """The needles that occur in `text`."""
        if self._automaton is None:
            return [needle for needle in self._texts if needle in text]
        try:
            found = self._passes(text, self._automaton)
        except UnicodeEncodeError:  # a lone surrogate: JSON text may hold one, UTF-8 may not
            return [needle for needle in self._texts if needle in text]
        found.update(needle for needle in self._odd if needle in text)
        return found

    def _passes(self, text: str, automaton: AhoCorasick) -> set[str]:
        names, step = self._names, self._stretch
        if len(text) <= step:
            return {names[hit[0]] for hit in automaton.find_matches_as_indexes(text, overlapping=True)}
        overlap = step // 4  # at least as long as the longest needle
        found: set[str] = set()
        for start in range(0, len(text), step - overlap):
            piece = text[start : start + step]
            found.update(names[hit[0]] for hit in automaton.find_matches_as_indexes(piece, overlapping=True))
        return found


def _encodes(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def needle_of(pattern: str) -> str | None:
    """A text, apart from case, without which the RE2 `pattern` cannot match, or None where none is plain to see. Never a guess:
    only characters that stand for themselves, at the top level of the pattern, with nothing after them that may leave them out.
    """
    pattern = _FLAGS.sub("", pattern)
    if "(?" in pattern.replace("(?:", "") or _UNCLEAR.search(pattern):
        return None
    runs = [""]
    index = depth = 0
    while index < len(pattern):
        character = pattern[index]
        if character == "|" and depth == 0:
            return None
        if character == "{" and not (repeat := _REPEAT.match(pattern, index)):
            return None
        index, plain = (repeat.end(), "") if character == "{" and repeat else _next(pattern, index)
        depth += (character == "(") - (character == ")")
        following = pattern[index : index + 1]
        if not plain or depth or following in ("*", "?", "{"):
            runs.append("")
        else:
            runs[-1] += plain
            if following == "+":
                runs.append("")
    best = max(runs, key=len)
    return best if depth == 0 and len(best) >= _MIN else None


def _next(pattern: str, index: int) -> tuple[int, str]:
    """Where what begins at `index` ends, and the character that it stands for ('' for anything else)."""
    character = pattern[index]
    if character == "\\":
        following = pattern[index + 1 : index + 2]
        return index + 2, following if following and not following.isalnum() and following.isascii() else ""
    if character == "[":
        return _after_class(pattern, index), ""
    return index + 1, character if character in _LITERAL else ""


def _after_class(pattern: str, index: int) -> int:
    index += 1
    if pattern[index : index + 1] == "^":
        index += 1
    if pattern[index : index + 1] == "]":
        index += 1
    while index < len(pattern) and pattern[index] != "]":
        if pattern[index : index + 2] == "[:":
            end = pattern.find(":]", index)
            index = end + 2 if end > 0 else index + 1
        else:
            index += 2 if pattern[index] == "\\" else 1
    return index + 1
