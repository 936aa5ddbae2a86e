"""All that any rule asks of one field, asked of a value at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from pipeline.rules.networks import Network as AnyNetwork
from pipeline.rules.networks import NetworkIndex
from pipeline.rules.nodes import Test
from pipeline.rules.specs import Compare, Network, Null, Number, Pattern, Spec, Text, Texts, There, TimePart
from pipeline.rules.texts import TextIndex
from pipeline.rules.values import instant_of, is_number, number_of, text_of
from pipeline.rules.view import MISSING

NONE: Final[frozenset[int]] = frozenset()


class Questions:
    """Questions by their place in a sequence; each is several specs, and is true when any of them fits.

    `answer(value)` gives the places of those that are true of one value (a scalar, None, an object, MISSING or EMPTY).
    """

    __slots__ = ("_cased", "_compares", "_digits", "_folded", "_missing", "_networks", "_null", "_numbers", "_there", "_times")

    def __init__(self, questions: Sequence[frozenset[Spec]], test_of: Mapping[Spec, Test]) -> None:
        asked: dict[Spec, list[int]] = {}
        for place, specs in enumerate(questions):
            for spec in specs:
                asked.setdefault(spec, []).append(place)
        self._folded, self._cased = TextIndex(cased=False), TextIndex(cased=True)
        self._numbers: dict[int | Decimal, list[int]] = {}
        self._digits: dict[int | Decimal, list[int]] = {}
        self._compares: list[tuple[Test, Sequence[int]]] = []
        self._times: list[tuple[Test, Sequence[int]]] = []
        there, null = asked.get(There(), ()), asked.get(Null(), ())
        self._there = frozenset(there)
        self._null = frozenset([*there, *null])
        self._missing = frozenset(null)
        networks: list[tuple[AnyNetwork, Sequence[int]]] = []
        for spec, ids in asked.items():
            self._sort(spec, test_of[spec], ids, networks)
        self._networks = NetworkIndex(networks)
        self._folded.close()
        self._cased.close()

    def _sort(self, spec: Spec, test: Test, ids: list[int], networks: list[tuple[AnyNetwork, Sequence[int]]]) -> None:
        match spec:
            case Text(parts, cased, number):
                (self._cased if cased else self._folded).text(parts, test, ids)
                if number is not None:
                    self._digits.setdefault(number, []).extend(ids)
            case Texts(folded):
                for text in folded:
                    self._folded.exact(text, ids)
            case Pattern(pattern):
                self._folded.pattern(pattern, test, ids)
            case Number(number):
                self._numbers.setdefault(number, []).extend(ids)
            case Compare():
                self._compares.append((test, ids))
            case TimePart():
                self._times.append((test, ids))
            case Network(network):
                networks.append((network, ids))
            case Null() | There():
                pass  # asked of what is no text, above

    def answer(self, value: object) -> frozenset[int]:
        """The places of the questions that are true of `value`."""
        text = text_of(value)
        if text is None:
            return self._missing if value is MISSING else self._null if value is None else self._there
        found: set[int] = set(self._there)
        if not self._folded.empty:
            self._folded.find(text, value, found)
        if not self._cased.empty:
            self._cased.find(text, value, found)
        if self._numbers or self._digits or self._compares:
            self._answer_number(value, found)
        if self._times and instant_of(value) is not None:
            _ask(self._times, value, found)
        if self._networks:
            self._networks.find(value, found)
        return frozenset(found) if found else NONE

    def _answer_number(self, value: object, found: set[int]) -> None:
        number = number_of(value)
        if number is None:
            return
        found.update(self._numbers.get(number, ()))
        if self._digits and is_number(value):
            found.update(self._digits.get(number, ()))
        _ask(self._compares, value, found)


def _ask(tests: Sequence[tuple[Test, Sequence[int]]], value: object, found: set[int]) -> None:
    for test, ids in tests:
        if test(value):
            found.update(ids)
