"""One field's memory stays within its bounds, whatever comes, and never changes what is said."""

from __future__ import annotations

import pytest

from pipeline.rules import field_bits
from pipeline.rules.clauses import Literal
from pipeline.rules.field_bits import FieldBits
from pipeline.rules.specs import Null, Text
from pipeline.rules.values import Real, text_of
from pipeline.rules.view import MISSING, FieldPath

PATH = FieldPath.of("a")
X, Y, GONE = Text(("x",), cased=False), Text(("1",), cased=False, number=1), Null()


def bits() -> FieldBits:
    """Clause 0 wants x, 1 wants 1, 2 wants nothing there, 3 denies x, 4 wants x and 1 (of two values), 5 asks another field."""

    def wants(spec: Text | Null, holds: bool = True) -> Literal:
        return Literal(PATH, frozenset([spec]), holds)

    clauses = [[wants(X)], [wants(Y)], [wants(GONE)], [wants(X, False)], [wants(X), wants(Y)]]
    tests = {
        X: lambda value: text_of(value) in ("x", "X"),
        Y: lambda value: text_of(value) == "1",
        GONE: lambda value: value in (None, MISSING),
    }
    return FieldBits(PATH, {number: frozenset(clause) for number, clause in enumerate(clauses)}, 6, tests)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "alive"),
    [
        (["x"], {0, 5}),
        (["X"], {0, 5}),
        (["y"], {3, 5}),
        ([1], {1, 3, 5}),
        (["1"], {1, 3, 5}),
        ([True], {3, 5}),
        ([Real("1.0")], {1, 3, 5}),
        ([None], {2, 3, 5}),
        ([MISSING], {2, 3, 5}),
        ([{}], {3, 5}),
        (["x", "1"], {0, 1, 4, 5}),
        (["y", None], {2, 3, 5}),
    ],
)
def test_what_values_leave_alive(values: list[object], alive: set[int]) -> None:
    made = bits()
    for _ in range(2):
        mask = made.mask(values)
        assert {number for number in range(6) if mask >> number & 1} == alive
    assert made.missing == made.mask_of(MISSING)
    assert made.touched == 0b11111


def test_memory_is_bounded_by_number_and_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(field_bits, "MAX_REMEMBERED", 50)
    monkeypatch.setattr(field_bits, "MAX_BYTES", 3000)
    made = bits()
    memo = made.memo
    for number in range(2000):
        for value in (f"value {number}", "ü" * (number % 40), number, Real(f"{number}.5"), "z" * 600):
            assert made.mask_of(value) == made.mask([value])
        made.mask([f"one {number}", "x"])
        assert len(memo) <= 50
        assert sum(len(key) for key in memo if isinstance(key, str)) <= 3000
    assert "z" * 600 not in memo
    assert made.memo is memo  # others hold it
