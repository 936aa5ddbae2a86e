"""One value of a detection item, after pySigma's modifiers, as a test of one value in an event."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from sigma.types import (
    CompareOperators,
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SigmaTimestampPart,
    SigmaType,
    TimestampPart,
)

from pipeline.rules.detection import ExactNumber, MemberOf
from pipeline.rules.networks import inside
from pipeline.rules.nodes import Atom, Member, Node, Not, Pair, Test
from pipeline.rules.problems import RulesError
from pipeline.rules.regex import searcher
from pipeline.rules.specs import Compare, Network, Null, Number, Pattern, Text, Texts, There, TimePart
from pipeline.rules.values import fold, instant_of, is_number, number_of, same, text_of
from pipeline.rules.view import MISSING, FieldPath
from pipeline.rules.wildcards import ANY, Part, matcher, parts_of, plain_text, shown

Exact = int | Decimal

_COMPARE: Final[dict[CompareOperators, tuple[Callable[[Exact, Exact], bool], str]]] = {
    CompareOperators.LT: (operator.lt, "<"),
    CompareOperators.LTE: (operator.le, "<="),
    CompareOperators.GT: (operator.gt, ">"),
    CompareOperators.GTE: (operator.ge, ">="),
}
_TIME_PARTS: Final[dict[TimestampPart, Callable[[datetime], int]]] = {
    TimestampPart.MINUTE: lambda time: time.minute,
    TimestampPart.HOUR: lambda time: time.hour,
    TimestampPart.DAY: lambda time: time.day,
    TimestampPart.WEEK: lambda time: time.isocalendar().week,
    TimestampPart.MONTH: lambda time: time.month,
    TimestampPart.YEAR: lambda time: time.year,
}
_POSITIONS: Final = frozenset({"contains", "startswith", "endswith"})


@dataclass(frozen=True, slots=True)
class Target:
    """What an item's values are compared with: a field, or (None) anything in the event; and the item's modifiers by name."""

    path: FieldPath | None
    modifiers: frozenset[str]

    @property
    def cased(self) -> bool:
        """True when the item compares with case."""
        return "cased" in self.modifiers


def node_of(value: SigmaType, target: Target) -> Node:
    """The node for one value. Raises RulesError for what has no meaning here."""
    match value:
        case MemberOf():
            return _member(value, target)
        case SigmaString():
            return _text(value, target)
        case SigmaTimestampPart():
            return _time_part(value, target, operator.eq, "")
        case SigmaNumber():
            return _number(value, target)
        case SigmaBool():
            word = "true" if value.boolean else "false"
            spec = Texts(frozenset({word}))
            return Atom(target.path, lambda v: (t := text_of(v)) is not None and fold(t) == word, word, spec)
        case SigmaNull():
            return Atom(target.path, lambda v: v is None or v is MISSING, "null", Null())
        case SigmaExists():
            there = Atom(target.path, lambda v: v is not MISSING, "there", There())
            return there if value.exists else Not(there)
        case SigmaRegularExpression():
            return _regex(value, target)
        case SigmaCIDRExpression():
            return _network(value, target)
        case SigmaCompareExpression():
            return _compare(value, target)
        case SigmaFieldReference():
            return _field(value, target)
    raise RulesError(f"{type(value).__name__} has no meaning here")


def _member(value: MemberOf, target: Target) -> Node:
    if target.path is None:
        raise RulesError(f"a keyword cannot be a member of the set {value.set_name!r}: name a field")
    return Member(target.path, value.set_name)


def _text(value: SigmaString, target: Target) -> Node:
    parts = parts_of(value)
    cased = target.cased or isinstance(value, SigmaCasedString)
    if target.path is None and not target.modifiers & _POSITIONS:
        parts = _around(parts)  # a keyword is found as part of any value
    plain = plain_text(parts)
    number = number_of(plain) if plain is not None else None
    fits = matcher(parts, cased)

    def test(found: object) -> bool:
        text = text_of(found)
        if text is None:
            return False
        return fits(text) or (number is not None and is_number(found) and number_of(found) == number)

    if plain is not None and number is None and not cased:
        return Atom(target.path, test, shown(parts), Texts(frozenset({fold(plain)})))
    return Atom(target.path, test, shown(parts), Text(parts, cased, number))


def _around(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    head = () if parts[:1] == (ANY,) else (ANY,)
    tail = () if parts[-1:] == (ANY,) else (ANY,)
    return (*head, *parts, *tail) if parts else (ANY,)


def _number(value: SigmaNumber, target: Target) -> Node:
    exact: Exact = value.exact if isinstance(value, ExactNumber) else Decimal(str(value.number))
    word = str(exact)
    if target.path is None:
        digits = Text((ANY, word, ANY), cased=True)
        return Atom(None, lambda v: (t := text_of(v)) is not None and word in t, f"*{word}*", digits)
    return Atom(target.path, lambda v: number_of(v) == exact, word, Number(exact))


def _regex(value: SigmaRegularExpression, target: Target) -> Node:
    pattern = str(value.regexp)
    flags = "".join(sorted(value.sigma_to_re_flag[flag] for flag in value.flags))
    body = f"(?:{pattern})" if target.modifiers & _POSITIONS else pattern
    if "startswith" in target.modifiers:
        body = rf"\A{body}"
    if "endswith" in target.modifiers:
        body = rf"{body}\z"
    whole = f"(?{flags}){body}" if flags else body
    found = searcher(whole)
    return Atom(target.path, lambda v: (t := text_of(v)) is not None and found(t), f"/{pattern}/{flags}", Pattern(whole))


def _network(value: SigmaCIDRExpression, target: Target) -> Node:
    network = value.network
    return Atom(target.path, lambda v: inside(v, network), f"in {network}", Network(network))


def _compare(value: SigmaCompareExpression, target: Target) -> Node:
    if value.op not in _COMPARE:
        raise RulesError(f"the comparison {value.op.name.lower()} has no meaning here")
    holds, sign = _COMPARE[value.op]
    if isinstance(value.number, SigmaTimestampPart):
        return _time_part(value.number, target, holds, f"{sign} ")
    limit: Exact = value.number.exact if isinstance(value.number, ExactNumber) else Decimal(str(value.number.number))
    spec = Compare(sign, limit)
    return Atom(target.path, lambda v: (n := number_of(v)) is not None and holds(n, limit), f"{sign} {limit}", spec)


def _time_part(value: SigmaTimestampPart, target: Target, holds: Callable[[Exact, Exact], bool], sign: str) -> Node:
    part, number = _TIME_PARTS[value.timestamp_part], int(value.number)
    want = f"{value.timestamp_part.name.lower()} {sign}{number}"
    spec = TimePart(value.timestamp_part, sign, number)
    return Atom(target.path, lambda v: (time := instant_of(v)) is not None and holds(part(time), number), want, spec)


def _field(value: SigmaFieldReference, target: Target) -> Node:
    if target.path is None:
        raise RulesError("fieldref needs a field to compare")
    cased = target.cased

    def part_of(found: object, other: object) -> bool:
        text, inner = text_of(found), text_of(other)
        if text is None or inner is None:
            return False
        if not cased:
            text, inner = fold(text), fold(inner)
        if value.starts_with and value.ends_with:
            return inner in text
        return text.startswith(inner) if value.starts_with else text.endswith(inner)

    whole = not (value.starts_with or value.ends_with)
    test = (lambda a, b: same(a, b, cased)) if whole else part_of
    return Pair(target.path, FieldPath.of(value.field), test, f"the value of {value.field}")


def exact_of(node: Node) -> frozenset[str] | None:
    """Of an atom over a field that asks for exact texts and nothing else: these, folded."""
    return node.spec.folded if isinstance(node, Atom) and node.path is not None and isinstance(node.spec, Texts) else None


def one_of(atoms: list[Atom]) -> Atom:
    """One atom for several exact ones over the same field: a set look-up instead of a comparison each."""
    wanted = frozenset().union(*(exact_of(atom) or () for atom in atoms))
    test: Test = lambda v: (t := text_of(v)) is not None and fold(t) in wanted  # noqa: E731
    return Atom(atoms[0].path, test, " or ".join(atom.want for atom in atoms), Texts(wanted))
