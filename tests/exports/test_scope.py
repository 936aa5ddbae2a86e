"""Scopes: what makes no sense is refused before anything is written."""

from __future__ import annotations

import pytest

from exports.errors import ExportError
from exports.scope import Scope


@pytest.mark.parametrize(
    ("scope", "word"),
    [
        (Scope(5, 5), "empty"),
        (Scope(6, 5), "empty"),
        (Scope(-1, 5), "1970"),
        (Scope(0, 10**18), "9999"),
        (Scope(0, 5, known_at=11), "beyond the checkpoint"),
        (Scope(0, 5, known_at=-1), "beyond the checkpoint"),
    ],
)
def test_refused(scope: Scope, word: str) -> None:
    with pytest.raises(ExportError, match=word):
        scope.at(10)


def test_known_at_is_the_checkpoint_unless_it_is_said() -> None:
    assert Scope(0, 5).at(10) == Scope(0, 5, known_at=10)
    assert Scope(0, 5, known_at=3).at(10).known_at == 3


def test_what_fits() -> None:
    evidence = {"source": "a", "controls": ["A.5.1"]}
    window = {"source": "a"}
    assert Scope(0, 1).fits(evidence)
    assert Scope(0, 1, controls=frozenset({"A.5.1"})).fits(evidence)
    assert not Scope(0, 1, controls=frozenset({"A.5.2"})).fits(evidence)
    assert Scope(0, 1, controls=frozenset({"A.5.2"}), sources=frozenset({"a"})).fits(evidence)
    assert not Scope(0, 1, sources=frozenset({"b"})).fits(evidence)
    assert not Scope(0, 1, sources=frozenset({"b"})).fits_window(window)
    assert Scope(0, 1, controls=frozenset({"A.5.2"})).fits_window(window)
    assert Scope(0, 1, controls=frozenset({"A.5.2"}), sources=frozenset({"b"})).fits_window(window)
