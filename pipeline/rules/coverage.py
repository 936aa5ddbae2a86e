"""How many mappings speak to each control, by the kind of event they judge."""

from __future__ import annotations

from typing import Final

from pipeline.rules.ruleset import RuleSet

KINDS: Final = ("log", "snapshot", "ticket", "finding", "attestation")


def coverage(rules: RuleSet) -> dict[str, object]:
    """`{"mappings": N, "controls": {"A.5.1": {"log": n, "snapshot": n, "ticket": n, "finding": n, "attestation": n}}}`.

    N counts every usable mapping, those of others with no control among them; `attestation` is 1 where one is expected.
    """
    table = {control.id: dict.fromkeys(KINDS, 0) for control in rules.controls}
    for control in rules.controls:
        table[control.id]["attestation"] = int("attestation" in control.evidence)
    for record in rules.mappings:
        for control_id, _ in record.controls:
            row = table.get(control_id)
            if row is not None and record.kind in row:
                row[record.kind] += 1
    return {"mappings": len(rules.mappings), "controls": table}
