"""Sigma logsources -> the event types they reach. A type is KIND.PRODUCT.SERVICE[.RESOURCE]; in a pattern `*` is one word, at the
end one or more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pipeline.rules.problems import RulesError
from pipeline.rules.report import Report
from store.records import OBSERVED

LATER_KINDS: Final = frozenset({"window", "unreadable"})
"""Kinds that no mapping can judge yet."""
KINDS: Final = OBSERVED | LATER_KINDS
_KEYS: Final = ("category", "product", "service")


@dataclass(frozen=True, slots=True)
class LogSource:
    """What a rule says it reads. Empty text: not said."""

    category: str = ""
    product: str = ""
    service: str = ""
    resource: str = ""

    @classmethod
    def of(cls, raw: object) -> LogSource:
        """From a rule's `logsource` map. Raises RulesError."""
        if not isinstance(raw, dict):
            raise RulesError("logsource must be a map with product and service")
        words: dict[str, str] = {}
        for key in (*_KEYS, "resource"):
            value = raw.get(key)
            if value is None:
                continue
            if not isinstance(value, str) or not value.strip() or "*" in value:
                raise RulesError(f"logsource.{key} must be a word")
            words[key] = value.strip().lower()
        if not any(words.get(key) for key in _KEYS):
            raise RulesError("logsource names no product, service or category")
        return cls(**words)

    @property
    def kind(self) -> str:
        """`log`, or the kind of observation that the category names."""
        return self.category if self.category in KINDS else "log"

    def types(self) -> tuple[str, ...]:
        """Patterns of the event types that this logsource reaches. A category of others stands where a service would."""
        product = self.product or "*"
        last = self.service or (self.category if self.category not in (*KINDS, "log") else "") or "*"
        pattern = ".".join([self.kind, product, last, *([self.resource] if self.resource else [])])
        if self.kind == "log" or self.resource or last == "*":
            return (pattern,)
        return (pattern, f"{pattern}.*")  # without a resource every resource of the service


def reaches(types: Iterable[str], event_type: str) -> bool:
    """True when an event of `event_type` is judged by a mapping with these `types`."""
    words = event_type.split(".")
    return any(_fits(pattern.split("."), words) for pattern in types)


def _fits(pattern: list[str], words: list[str]) -> bool:
    if pattern[-1] == "*":
        if len(words) < len(pattern):
            return False
    elif len(words) != len(pattern):
        return False
    return all(part in ("*", word) for part, word in zip(pattern, words, strict=False))


def source_of(raw: object, report: Report, later: str) -> LogSource | None:
    """What a document reads, or None (reported): `later` says so of a kind that cannot be read yet, with {kind} in it."""
    try:
        source = LogSource.of(raw)
    except RulesError as error:
        report.error(("logsource",), str(error))
        return None
    if source.kind in LATER_KINDS:
        report.error(("logsource",), later.format(kind=source.kind))
        return None
    return source
