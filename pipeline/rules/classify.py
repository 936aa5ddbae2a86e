"""Bit-vector classification (Lakshman and Stiliadis, SIGCOMM 1998): one bit per clause; each field leaves some alive, and what
all fields leave alive is the answer. Only fields that a live clause still asks are visited, and nothing is once none is left.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pipeline.rules.choice import first_fields
from pipeline.rules.clauses import Clause, Form
from pipeline.rules.field_bits import FieldBits
from pipeline.rules.nodes import All, AnyOf, Atom, Node, Not, Test
from pipeline.rules.peek import UNSURE, Peek, Read
from pipeline.rules.specs import Spec
from pipeline.rules.values import decode_payload
from pipeline.rules.view import MISSING, FieldPath, View, elements

FEW: Final = 4
"""Clauses that are cheaper to evaluate than to rule out field by field."""
Visit = tuple[Read, FieldBits, int, dict[object, int], int]
"""How to read a field; its bits, and of these, beside them because they are asked of every event: which clauses they touch, what
they remember, and what they say of a field that is not there."""


class Classifier:
    """Forms by their place. An event fits a form only if one of its clauses stays alive."""

    __slots__ = ("_all", "_fields", "_later", "_owners", "_peek", "_visits")

    def __init__(self, forms: Sequence[Form], nodes: Sequence[Node]) -> None:
        """`nodes` are those that the forms were made of: they hold the tests."""
        clauses: list[Clause] = []
        self._owners: list[int] = []
        for owner, form in enumerate(forms):
            clauses += form.clauses
            self._owners += [owner] * len(form.clauses)
        self._all = (1 << len(clauses)) - 1
        asking: dict[FieldPath | None, dict[int, Clause]] = {}
        for index, clause in enumerate(clauses):
            for literal in clause:
                asking.setdefault(literal.path, {})[index] = clause
        tests: dict[Spec, Test] = {}
        for node in nodes:
            gather(node, tests)
        by_path = {path: FieldBits(path, some, len(clauses), tests) for path, some in asking.items()}
        first = first_fields(clauses)
        self._peek = Peek(first) if first else None
        read = self._peek.read if self._peek else None
        bits = [by_path[path] for path in first]
        self._visits: list[Visit] = []
        if read:
            self._visits = [(read(p), b, b.touched, b.memo, b.missing) for p, b in zip(first, bits, strict=True)]
        # Anywhere in the event (no path) comes last: it reads everything.
        others = sorted((path for path in by_path if path not in first), key=lambda p: (p is None, p.name if p else ""))
        self._later = [by_path[path] for path in others]
        self._fields = bits + self._later

    def alive(self, payload: bytes) -> tuple[int, View | None]:
        """The clauses that `payload` leaves alive; with any, its view too. May leave a few more than all fields would.

        Raises PayloadError.
        """
        live = self._all
        opened = self._peek.open(payload) if self._peek is not None else None
        if opened is None:
            view = View(decode_payload(payload))
            return self._narrowed(live, self._fields, view), view
        unsure: list[FieldBits] = []
        for read, bits, touched, memo, missing in self._visits:
            if live & touched:
                value = read(opened)
                if type(value) is str:
                    mask = memo.get(value)
                    live &= bits.mask_of(value) if mask is None else mask
                elif value is MISSING:
                    live &= missing
                elif value is UNSURE:
                    unsure.append(bits)
                    continue
                else:
                    live &= bits.mask(elements(value)) if type(value) is list else bits.mask_of(value)
                if not live:
                    return 0, None
        view = View(decode_payload(payload))
        return self._narrowed(live, unsure + self._later, view), view

    def alive_in(self, view: View) -> int:
        """The clauses that all fields leave alive."""
        return _visited(self._all, self._fields, view)

    def _narrowed(self, live: int, fields: Sequence[FieldBits], view: View) -> int:
        return live if live.bit_count() <= FEW else _visited(live, fields, view)

    def owners(self, live: int) -> Iterator[int]:
        """The places of the forms that live clauses belong to, in order, each once."""
        last = -1
        while live:
            lowest = live & -live
            live ^= lowest
            owner = self._owners[lowest.bit_length() - 1]
            if owner != last:
                last = owner
                yield owner


def _visited(live: int, fields: Sequence[FieldBits], view: View) -> int:
    for bits in fields:
        if live & bits.touched:
            live &= bits.mask(view.leaves() if bits.path is None else view.values(bits.path))
            if not live:
                return 0
    return live


def gather(node: Node, tests: dict[Spec, Test]) -> bool:
    """Add the test of every spec in `node`; False when there is an atom that only its test knows."""
    match node:
        case Atom(spec=None):
            return False
        case Atom(spec=spec, test=test) if spec is not None:
            tests.setdefault(spec, test)
        case All(children) | AnyOf(children):
            return all(gather(child, tests) for child in children)
        case Not(child):
            return gather(child, tests)
    return True
