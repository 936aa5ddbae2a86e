"""Many text patterns at once: exact texts, beginnings and ends by dict, parts by Aho-Corasick; what is left one by one."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.rules.needles import Needles, needle_of
from pipeline.rules.nodes import Test
from pipeline.rules.values import fold
from pipeline.rules.wildcards import ANY, Part, plain_text

Ids = Sequence[int]


class TextIndex:
    """Patterns over texts folded (or, `cased`, as they are), each with the ids it stands for.

    Fill by `text`, `exact` and `pattern`, `close`, then `find`. A test that only some texts can pass stands behind a needle.
    """

    __slots__ = ("_cased", "_ends", "_exact", "_guarded", "_inner", "_loose", "_needles", "_starts", "any", "empty")

    def __init__(self, *, cased: bool) -> None:
        self._cased = cased
        self.any: list[int] = []
        """Ids of patterns that any text fits."""
        self._exact: dict[str, list[int]] = {}
        self._starts: dict[int, dict[str, list[int]]] = {}
        self._ends: dict[int, dict[str, list[int]]] = {}
        self._inner: dict[str, list[int]] = {}
        self._guarded: dict[str, list[tuple[Test, Ids]]] = {}
        self._loose: list[tuple[Test, Ids]] = []
        self._needles: Needles | None = None
        self.empty = True

    def text(self, parts: tuple[Part, ...], test: Test, ids: Ids) -> None:
        """A pattern with wildcards. `test` is asked of the value itself where no look-up can say."""
        self.empty = False
        own = tuple(part if self._cased or not isinstance(part, str) else fold(part) for part in parts if part != "")
        plain = plain_text(own)
        if plain is not None:
            self.exact(plain, ids)
            return
        match own:
            case (one,) if one is ANY:
                self.any.extend(ids)
            case (str() as head, last) if last is ANY:
                self._starts.setdefault(len(head), {}).setdefault(head, []).extend(ids)
            case (first, str() as tail) if first is ANY:
                self._ends.setdefault(len(tail), {}).setdefault(tail, []).extend(ids)
            case (first, str() as inner, last) if first is ANY and last is ANY:
                self._inner.setdefault(inner, []).extend(ids)
            case _:
                self._behind(max((part for part in own if isinstance(part, str)), key=len, default=None), test, ids)

    def exact(self, text: str, ids: Ids) -> None:
        """A whole text, folded unless `cased`."""
        self.empty = False
        self._exact.setdefault(text, []).extend(ids)

    def pattern(self, pattern: str, test: Test, ids: Ids) -> None:
        """A regular expression."""
        self.empty = False
        needle = needle_of(pattern)
        self._behind(needle if needle is None or self._cased else fold(needle), test, ids)

    def _behind(self, needle: str | None, test: Test, ids: Ids) -> None:
        if needle is None:
            self._loose.append((test, ids))
        else:
            self._guarded.setdefault(needle, []).append((test, ids))

    def close(self) -> None:
        """No more patterns: build what searches."""
        texts = {*self._inner, *self._guarded}
        self._needles = Needles(texts) if texts else None

    def find(self, text: str, value: object, found: set[int]) -> None:
        """Add the ids of all patterns that `value`, whose text is `text`, fits."""
        own = text if self._cased else fold(text)
        found.update(self.any)
        if ids := self._exact.get(own):
            found.update(ids)
        for length, heads in self._starts.items():
            if ids := heads.get(own[:length]):
                found.update(ids)
        for length, tails in self._ends.items():
            if ids := tails.get(own[-length:]):
                found.update(ids)
        if self._needles is not None:
            for needle in self._needles.among(own):
                if ids := self._inner.get(needle):
                    found.update(ids)
                _ask(self._guarded.get(needle, ()), value, found)
        _ask(self._loose, value, found)


def _ask(tests: Sequence[tuple[Test, Ids]], value: object, found: set[int]) -> None:
    for test, ids in tests:
        if test(value):
            found.update(ids)
