"""The voice of attestations: for each control a mapping of our own, that every set holds, whose findings are attestations.

So an attestation has a history, ages and is counted as findings are; its subject is the attestation.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from store.records import MappingRecord

KIND: Final = "attestation"
PREFIX: Final = "attestation:"
SOURCE: Final = "attestream"
PART: Final = "attestations"


def voice(control: str) -> str:
    """Id of the mapping whose findings are the attestations of a control."""
    return f"{PREFIX}{control}"


def is_voice(mapping: str) -> bool:
    """Whether this is the id of such a mapping. Ids of rules are UUIDs."""
    return mapping.startswith(PREFIX)


def records_of(controls: Iterable[str]) -> dict[str, MappingRecord]:
    """The mappings, by id. `max_age` is 0: how long an attestation holds is its own to say."""
    return {voice(control): _record(control) for control in controls}


def _record(control: str) -> MappingRecord:
    return MappingRecord(
        id=voice(control),
        title=f"Attestation for {control}",
        digest="",
        kind=KIND,
        types=(),
        finding="satisfied",
        silence=False,
        controls=((control, "strong"),),
        level="medium",
        quiet_for=0,
        max_age=0,
        rationale="A person who answers for it says that the control is in order, for as long as the statement holds.",
    )
