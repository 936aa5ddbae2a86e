"""Logsource profiles: how the fields that rules name are called in the events as delivered, and which fields there are.

logsource: {product: gcp, service: gcp.audit}
types: [log.gcp.audit]                                  # event types its rules reach beside those of the names
rename: {gcp.audit.method_name: protoPayload.methodName, data.protoPayload.*: protoPayload.*}
fields: [protoPayload.*, resource.type]                 # known fields, for lint; leave out to check nothing
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from pipeline.rules.logsource import LogSource
from pipeline.rules.problems import RulesError, nearest

_KEYS: Final = ("title", "description", "logsource", "types", "rename", "fields")


@dataclass(frozen=True, slots=True)
class Profile:
    """One logsource's names. `rename` maps whole names, or `prefix.*` to `prefix.*`; the longest that fits wins."""

    path: str
    logsource: LogSource
    types: tuple[str, ...] = ()
    rename: Mapping[str, str] = field(default_factory=dict)
    fields: tuple[str, ...] = ()

    def renamed(self, name: str) -> str:
        """The name as delivered of the field that a rule calls `name`."""
        if name in self.rename:
            return self.rename[name]
        words = name.split(".")
        for end in range(len(words) - 1, 0, -1):
            target = self.rename.get(".".join([*words[:end], "*"]))
            if target is not None:
                return ".".join([target.removesuffix(".*"), *words[end:]]) if target != "*" else ".".join(words[end:])
        return name

    def knows(self, name: str) -> bool:
        """True when `name` is a field as delivered, or nothing is said of fields."""
        if not self.fields:
            return True
        return any(name == known or _below(name, known) or known.startswith(f"{name}.") for known in self.fields)

    def holds_fields(self, name: str) -> bool:
        """True when `name` is known to hold other fields, and so is no text."""
        return name not in self.fields and any(known.startswith(f"{name}.") for known in self.fields)

    def suggestion(self, name: str) -> str:
        """A hint that names the nearest known field."""
        whole = [known for known in self.fields if not known.endswith(".*")]
        return nearest(name, whole) or nearest(name.split(".", 1)[0], {known.split(".", 1)[0] for known in self.fields})

    def fits(self, source: LogSource) -> bool:
        """True when a rule of `source` is read through this profile."""
        own = self.logsource
        return (own.product, own.service, own.category) == (source.product, source.service, source.category)


def _below(name: str, known: str) -> bool:
    return known.endswith(".*") and name.startswith(known[:-1])


def parse_profile(path: str, raw: object) -> Profile:
    """A profile from its YAML values. Raises RulesError."""
    if not isinstance(raw, dict):
        raise RulesError("a profile is a map with logsource, rename and fields")
    for key in raw:
        if key not in _KEYS:
            raise RulesError(f"unknown key {key!r} in a profile; {nearest(key, _KEYS) or 'it takes ' + ', '.join(_KEYS)}")
    rename = raw.get("rename") or {}
    if not isinstance(rename, dict) or not all(isinstance(value, str) for value in rename.values()):
        raise RulesError("rename must be a map of field names to field names")
    for old, new in rename.items():
        if old.endswith(".*") != new.endswith("*"):
            raise RulesError(f"rename {old!r}: both names end in .*, or neither does")
    return Profile(path, LogSource.of(raw.get("logsource")), _texts(raw, "types"), rename, _texts(raw, "fields"))


def _texts(raw: Mapping[str, object], key: str) -> tuple[str, ...]:
    values = raw.get(key) or []
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise RulesError(f"{key} must be a list of names")
    return tuple(str(value) for value in values)


def profile_for(source: LogSource, profiles: Iterable[Profile]) -> Profile | None:
    """The first profile that fits a rule's logsource."""
    return next((profile for profile in profiles if profile.fits(source)), None)
