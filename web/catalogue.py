"""What the pages know of the 93 controls. The composition root fills it; nothing here reads a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

ATTESTATION: Final = "attestation"
"""The one need of a control that is no source: a person's statement."""

THEMES: Final = (
    ("organizational", "Organisational"),
    ("people", "People"),
    ("physical", "Physical"),
    ("technological", "Technological"),
)
"""Themes of Annex A in its order: name in the catalogue, word on the page."""

ATTRIBUTES: Final = (
    ("control_type", "Control type"),
    ("properties", "Property"),
    ("concepts", "Concept"),
    ("capabilities", "Capability"),
    ("domains", "Domain"),
)
"""The five attributes of ISO/IEC 27002:2022: name in the catalogue and in addresses, word on the page."""

_IN_ORDER: Final = (
    *("Preventive", "Detective", "Corrective"),
    *("Confidentiality", "Integrity", "Availability"),
    *("Identify", "Protect", "Detect", "Respond", "Recover"),
    *("Governance_and_Ecosystem", "Protection", "Defence", "Resilience"),
)
_PLACE: Final = {value: place for place, value in enumerate(_IN_ORDER)}


@dataclass(frozen=True, slots=True)
class ControlInfo:
    """One control. `attributes`: the five by name, each with its values. `needs`: sources that would speak to it, best first."""

    id: str
    title: str
    theme: str
    attributes: Mapping[str, Sequence[str]]
    about: str
    needs: Sequence[str]

    @property
    def short(self) -> str:
        """The number as people say it: 8.15 for A.8.15."""
        return self.id.removeprefix("A.")


Catalogue = Mapping[str, ControlInfo]


def order(control_id: str) -> tuple[int, ...]:
    """Sort key of a control's id: A.5.9 before A.5.10."""
    return tuple(int(word) if word.isdigit() else -1 for word in control_id.split("."))


def values_of(catalogue: Catalogue, attribute: str) -> list[tuple[str, int]]:
    """The values of an attribute with how many controls have them, in the order of the standard, else by name."""
    counts: dict[str, int] = {}
    for info in catalogue.values():
        for value in info.attributes.get(attribute, ()):
            counts[value] = counts.get(value, 0) + 1
    return sorted(counts.items(), key=lambda item: (_PLACE.get(item[0], len(_PLACE)), item[0]))


def spoken(value: str) -> str:
    """An attribute's value in words: Governance_and_Ecosystem reads "Governance and Ecosystem"."""
    return value.replace("_", " ")
