"""What people state, written in an append: each statement's entries and rows, and what `decide` must look at because of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from store.active import ActiveSet
from store.applicability import state_applicability
from store.attest import state_attestation
from store.changes import FindingKey
from store.exceptions import state_exception
from store.keep import Kept
from store.names import Names
from store.records import DriftRow
from store.reminders import set_reminder
from store.risks import state_risk
from store.statements import AttestationAct, ExceptionAct, SoaAct, Statement
from store.view import Wanted
from store.writer import EntryWriter


@dataclass(slots=True)
class Said:
    """What statements touch: findings to fold again from now on, controls whose applicability is stated, drift."""

    findings: list[FindingKey] = field(default_factory=list)
    applicable: dict[str, bool] = field(default_factory=dict)
    drifts: list[DriftRow] = field(default_factory=list)

    def want(self, wanted: Wanted, now: int) -> None:
        """Want what was touched."""
        for key in self.findings:
            wanted.fold_from(key, now)
        wanted.applicable.update(self.applicable)


def state(writer: EntryWriter, names: Names, active: ActiveSet, statements: Sequence[Statement], kept: Kept) -> Said:
    """Write them in order. Raises StoreError for one that cannot be; then nothing of the append is written."""
    said = Said()
    for act in statements:
        if isinstance(act, ExceptionAct):
            found, until = state_exception(writer, names, active, act)
            said.findings += found
            ends = None if act.act == "revoke" else until
            said.drifts += set_reminder(writer, "exception", act.id, ends, writer.now)
        elif isinstance(act, AttestationAct):
            done = state_attestation(writer, names, act)
            for key, given in done.inputs.items():
                kept.inputs[key].append(given)
            if done.touches:
                said.drifts += set_reminder(writer, "attestation", act.id, done.until, act.made or writer.now)
        elif isinstance(act, SoaAct):
            state_applicability(writer, act)
            said.applicable[act.control] = act.applicable
        else:
            state_risk(writer, act)
    return said
