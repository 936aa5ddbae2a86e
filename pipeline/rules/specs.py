"""What an atom's test asks of a value, as plain data: equal data is the same question, whoever asks it. The fast matcher sorts
questions by these; the test itself stays the truth of what they mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network

from sigma.types import TimestampPart

from pipeline.rules.wildcards import Part


@dataclass(frozen=True, slots=True)
class Text:
    """The whole text fits the pattern. `number`: a JSON number equal to it fits too, however it is written."""

    parts: tuple[Part, ...]
    cased: bool
    number: int | Decimal | None = None


@dataclass(frozen=True, slots=True)
class Texts:
    """The folded text is one of these."""

    folded: frozenset[str]


@dataclass(frozen=True, slots=True)
class Number:
    """A number, or a text that is one, equal to this one."""

    number: int | Decimal


@dataclass(frozen=True, slots=True)
class Pattern:
    """RE2 finds the pattern anywhere in the text."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Network:
    """The text is an address in the network."""

    network: IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Compare:
    """A number that stands so to the limit."""

    sign: str
    limit: int | Decimal


@dataclass(frozen=True, slots=True)
class TimePart:
    """A time of which one part stands so to the number."""

    part: TimestampPart
    sign: str
    number: int


@dataclass(frozen=True, slots=True)
class Null:
    """Null, or nothing at all."""


@dataclass(frozen=True, slots=True)
class There:
    """Anything at all, null too."""


Spec = Text | Texts | Number | Pattern | Network | Compare | TimePart | Null | There
