"""A mapping set: everything that decides a judgement, as one deterministic byte string."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec
import rfc8785

from pipeline.rules.problems import RulesError

FORMAT: Final = 1

Texts = Mapping[str, str]


class _Stored(msgspec.Struct, forbid_unknown_fields=True):
    format: int
    annex: str
    files: dict[str, str]
    overlays: dict[str, str]
    overlay_rules: dict[str, dict[str, str]]
    profiles: dict[str, str]
    lists: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class MappingSet:
    """The texts of a set by their relative paths, and the organisation's lists. Nothing else is read to judge an event.

    `annex` is the catalogue of controls ("" when there is none). `overlay_rules` are the rule files that each overlay names,
    keyed by the overlay's path, then by the path below the overlay's folder of rules.
    """

    annex: str = ""
    files: Texts = field(default_factory=dict)
    overlays: Texts = field(default_factory=dict)
    overlay_rules: Mapping[str, Texts] = field(default_factory=dict)
    profiles: Texts = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Canonical JSON (RFC 8785): the same set is always the same bytes."""
        return rfc8785.dumps(
            {
                "format": FORMAT,
                "annex": self.annex,
                "files": dict(self.files),
                "overlays": dict(self.overlays),
                "overlay_rules": {path: dict(texts) for path, texts in self.overlay_rules.items()},
                "profiles": dict(self.profiles),
                "lists": {name: list(members) for name, members in self.lists.items()},
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> MappingSet:
        """The inverse of `to_bytes`. Raises RulesError for anything that `to_bytes` would not have written."""
        try:
            stored = msgspec.json.decode(data, type=_Stored)
        except (msgspec.MsgspecError, ValueError) as error:
            raise RulesError(f"not a mapping set: {error}") from error
        if stored.format != FORMAT:
            raise RulesError(f"a mapping set of format {stored.format}; this release reads format {FORMAT}")
        found = cls(
            annex=stored.annex,
            files=stored.files,
            overlays=stored.overlays,
            overlay_rules=dict(stored.overlay_rules),
            profiles=stored.profiles,
            lists={name: tuple(members) for name, members in stored.lists.items()},
        )
        if found.to_bytes() != data:
            raise RulesError("not a mapping set: its bytes are not canonical")
        return found

    @property
    def digest(self) -> str:
        """SHA-256 of `to_bytes()`, lower-case hex."""
        return hashlib.sha256(self.to_bytes()).hexdigest()
