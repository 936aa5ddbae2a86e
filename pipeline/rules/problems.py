"""What can be wrong with a mapping set: the package's base error, and the problems that lint lists."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]


class RulesError(Exception):
    """A mapping set, or a part of it, cannot be used. The text names the place and what to do."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that lint has to say about a file. `line` counts from 1; `hint` is empty or says what to do."""

    path: str
    line: int
    severity: Severity
    message: str
    hint: str = ""

    def __str__(self) -> str:
        tail = f" ({self.hint})" if self.hint else ""
        return f"{self.path}:{self.line}: {self.severity}: {self.message}{tail}"


def nearest(word: str, names: Iterable[str], cutoff: float = 0.6) -> str:
    """A hint that names the valid name nearest to `word`, or an empty text when none is near."""
    by_lower = {name.lower(): name for name in names}
    found = difflib.get_close_matches(word.lower(), list(by_lower), n=1, cutoff=cutoff)
    return f"did you mean {by_lower[found[0]]!r}?" if found else ""
