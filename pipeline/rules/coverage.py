"""How many mappings speak to each control, by the kind of event they judge and how strongly."""

from __future__ import annotations

from typing import Final

from pipeline.rules.ruleset import RuleSet

KINDS: Final = ("log", "snapshot", "ticket", "finding", "attestation")
AUTOMATED: Final = KINDS[:-1]
_KIND_OF: Final = {"summary": "snapshot"}
"""A summary is the state of a whole set of subjects."""
STRENGTHS: Final = ("strong", "partial", "weak")

Strengths = dict[str, dict[str, dict[str, int]]]
"""Control -> kind -> strength -> how many mappings."""


def coverage(rules: RuleSet) -> dict[str, object]:
    """`{"mappings": N, "automated": N, "automated_without_tickets": N, "with_evidence_path": N, "controls": {"A.5.1": {"log": n,
    "snapshot": n, "ticket": n, "finding": n, "attestation": n}}}`.

    `mappings` counts every usable mapping, those of others with no control among them; `attestation` is 1 where one is expected.
    A control is automated by a mapping that is strong or partial for it.
    """
    strengths = by_strength(rules)
    table = {
        control.id: {
            **{kind: sum(strengths[control.id][kind].values()) for kind in AUTOMATED},
            "attestation": int("attestation" in control.evidence),
        }
        for control in rules.controls
    }
    return {
        "mappings": len(rules.mappings),
        "automated": sum(1 for control in strengths if automated(strengths, control)),
        "automated_without_tickets": sum(1 for control in strengths if automated(strengths, control, tickets=False)),
        "with_evidence_path": sum(1 for row in table.values() if any(row.values())),
        "controls": table,
    }


def by_strength(rules: RuleSet) -> Strengths:
    """Of every control of the catalogue, its mappings by kind and strength."""
    table: Strengths = {control.id: {kind: dict.fromkeys(STRENGTHS, 0) for kind in AUTOMATED} for control in rules.controls}
    for record in rules.mappings:
        kind = _KIND_OF.get(record.kind, record.kind)
        for control_id, strength in record.controls:
            if control_id in table and kind in AUTOMATED:
                table[control_id][kind][strength] += 1
    return table


def automated(table: Strengths, control: str, *, tickets: bool = True) -> bool:
    """True when a mapping that is strong or partial for the control judges what systems send; `tickets`: theirs count too."""
    kinds = [kind for kind in AUTOMATED if tickets or kind != "ticket"]
    return any(table[control][kind]["strong"] or table[control][kind]["partial"] for kind in kinds)
