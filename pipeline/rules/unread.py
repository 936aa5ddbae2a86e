"""What a collector could not read of a subject: an observation names it under `_unread`, and no mapping may guess what it was."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pipeline.rules.nodes import Node, fields_of, has_keyword
from pipeline.rules.values import printable
from pipeline.rules.view import View

UNREAD: Final = "_unread"


@dataclass(frozen=True, slots=True)
class Reads:
    """The fields that a part of a rule reads; `anything`: a keyword in it looks everywhere."""

    fields: tuple[str, ...]
    anything: bool

    @classmethod
    def of(cls, nodes: Iterable[Node], more: Iterable[str] = ()) -> Reads:
        """What these nodes read, and some fields more."""
        found = list(nodes)
        names = {name for node in found for name in fields_of(node)} | set(more)
        return cls(tuple(sorted(names)), any(map(has_keyword, found)))

    def unread(self, view: View) -> str:
        """Of these, what was not read of the subject, for people; "" when all was."""
        given = view.payload.get(UNREAD)
        if not given:
            return ""
        paths = [path for path in given if isinstance(path, str)] if isinstance(given, list) else []
        if len(paths) != len(given if isinstance(given, list) else [given]):
            return "what was not read is not said clearly"
        if self.anything:
            return f"{printable(paths[0])} was not read"
        for name in self.fields:
            for path in paths:
                if name == path or name.startswith(f"{path}."):
                    return f"{printable(name)} was not read"
        return ""
