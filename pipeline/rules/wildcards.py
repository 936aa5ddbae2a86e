"""Sigma's text patterns: `*` any characters, `?` one, compared without case unless told otherwise."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sigma.types import Placeholder, SigmaString, SpecialChars

from pipeline.rules.problems import RulesError
from pipeline.rules.regex import quoted, searcher
from pipeline.rules.values import fold

Part = str | SpecialChars
ANY = SpecialChars.WILDCARD_MULTI
ONE = SpecialChars.WILDCARD_SINGLE


def parts_of(text: SigmaString) -> tuple[Part, ...]:
    """The pieces of a parsed Sigma text, neighbours of one kind joined. Raises RulesError for a placeholder left over."""
    parts: list[Part] = []
    for part in text.s:
        if isinstance(part, Placeholder):
            raise RulesError(f"the placeholder %{part.name}% was not filled in")
        if part is ANY and parts and parts[-1] is ANY:
            continue
        previous = parts[-1] if parts else None
        if isinstance(part, str) and isinstance(previous, str):
            parts[-1] = previous + part
        else:
            parts.append(part)
    return tuple(parts)


def plain_text(parts: Sequence[Part]) -> str | None:
    """The text that a pattern without wildcards stands for, else None."""
    return "".join(p for p in parts if isinstance(p, str)) if all(isinstance(p, str) for p in parts) else None


def matcher(parts: Sequence[Part], cased: bool) -> Callable[[str], bool]:
    """A function that says whether a whole text fits the pattern."""
    if cased:
        return _matcher(tuple(parts))
    fits = _matcher(tuple(fold(p) if isinstance(p, str) else p for p in parts))
    return lambda text: fits(fold(text))


def _matcher(parts: tuple[Part, ...]) -> Callable[[str], bool]:
    match parts:
        case ():
            return lambda text: not text
        case (str() as whole,):
            return lambda text: text == whole
        case (SpecialChars.WILDCARD_MULTI,):
            return lambda text: True  # noqa: ARG005
        case (str() as head, SpecialChars.WILDCARD_MULTI):
            return lambda text: text.startswith(head)
        case (SpecialChars.WILDCARD_MULTI, str() as tail):
            return lambda text: text.endswith(tail)
        case (SpecialChars.WILDCARD_MULTI, str() as inner, SpecialChars.WILDCARD_MULTI):
            return lambda text: inner in text
        case _:
            body = "".join(".*" if p is ANY else "." if p is ONE else quoted(str(p)) for p in parts)
            return searcher(rf"(?s)\A{body}\z")


def shown(parts: Sequence[Part]) -> str:
    """The pattern as an author would write it."""
    return "".join("*" if p is ANY else "?" if p is ONE else str(p) for p in parts)
