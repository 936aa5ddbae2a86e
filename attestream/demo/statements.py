"""What people enter before the last act: attestations, the Statement of Applicability, an exception, risks; and a renewal."""

from __future__ import annotations

import secrets
from typing import Final

from attestream.demo.attested import ENDS, PENDING, SAID, Said
from attestream.demo.world import BRANDT
from attestream.stating import state
from attestream.wiring import Parts
from pipeline.rules.attestations import AttestationTemplate
from store.records import DAY, SECOND
from store.reports import Moment
from store.statements import Attached, AttestationAct, ExceptionAct, RiskAct, SoaAct, Statement

OFFICER: Final = "s.okafor"
DIRECTOR: Final = "e.fernhill"
ENDING: Final = 4 * SECOND
"""In this time one of them ends."""
_THROUGH: Final = "attestream demo"
_NO_FACTOR: Final = "User has no second factor"
_OWNERS: Final = {"A.5": OFFICER, "A.6": "h.brunner", "A.7": "r.haas", "A.8": "m.keller"}
_NOT_APPLICABLE: Final = {"A.8.30": "All code is written by our own people; nobody develops for us."}
_RISKS: Final = (
    ("R-01", "Customer data becomes public by a mistake in the cloud", ("A.5.23", "A.8.3", "A.8.9", "A.8.12")),
    ("R-02", "An account is taken over", ("A.5.17", "A.6.3", "A.8.2", "A.8.5")),
    ("R-03", "An attack goes unnoticed", ("A.5.24", "A.5.26", "A.8.15", "A.8.16")),
    ("R-04", "The shop stands still for days", ("A.5.29", "A.5.30", "A.8.13", "A.8.14")),
)


def enter(parts: Parts) -> tuple[int, int]:
    """Enter all of it; returns how many attestations were made, and when the one that is about to end does."""
    now = parts.store.clock()
    ends = now + ENDING
    made = [_attestation(parts, said, now) for said in (*SAID, PENDING)]
    template = parts.catalogues.attestations[ENDS]
    text = "Five authorities with owner, channel and when to call; numbers tried out."
    made.append(_stated(template, Said(ENDS, 0, text), ends - template.max_age, ends))
    risks = [RiskAct("set", id_, OFFICER, _THROUGH, title, "reduce", OFFICER, controls) for id_, title, controls in _RISKS]
    state(parts, *made, *_applicability(parts), *risks, *_accepted(parts, now))
    approved = [one.id for one in made if one.four_eyes and one.template != PENDING.template]
    state(parts, *(AttestationAct("review", id_, DIRECTOR, _THROUGH, approve=True) for id_ in approved))
    return len(made), ends


def renew(parts: Parts) -> None:
    """The one that has ended is stated again."""
    now = parts.store.clock()
    view = next(v for v in parts.query.attestations(now, Moment()) if v.template == ENDS)
    template = parts.catalogues.attestations[ENDS]
    text = "Looked through again: five authorities, one new number."
    act = AttestationAct(
        "renew", view.id, OFFICER, _THROUGH, made=now, until=now + template.max_age, statement=text, owner=template.owner
    )
    state(parts, act)


def _attestation(parts: Parts, said: Said, now: int) -> AttestationAct:
    template = parts.catalogues.attestations[said.template]
    made = now - said.ago * DAY
    return _stated(template, said, made, made + template.max_age)


def _stated(template: AttestationTemplate, said: Said, made: int, until: int) -> AttestationAct:
    record = f"{template.title}\n\n{said.text}\n"
    return AttestationAct(
        act="add",
        id=secrets.token_hex(16),
        by=OFFICER,
        account=_THROUGH,
        controls=(template.control,),
        says="not-satisfied" if said.against else "satisfied",
        made=made,
        until=until,
        four_eyes=template.four_eyes,
        title=template.title,
        statement=said.text,
        owner=template.owner,
        template=template.id,
        files=(Attached(f"{template.id}.txt", record.encode()),) if template.kind == "record" else (),
    )


def _applicability(parts: Parts) -> list[SoaAct]:
    """The Statement of Applicability: a row for each control."""
    titles = {id_: title for id_, title, _ in _RISKS}
    treats = {c.id: tuple(id_ for id_, _, controls in _RISKS if c.id in controls) for c in parts.catalogue}
    rows = []
    for control in parts.catalogue:
        why = _NOT_APPLICABLE.get(control.id)
        reason = "; ".join(titles[id_] for id_ in treats[control.id]) or "Expected by customers and by our baseline"
        done = "" if why else "In force; see the handbook, chapter " + control.id.removeprefix("A.")
        owner = _OWNERS[control.id[:3]]
        rows.append(SoaAct(control.id, why is None, why or reason, OFFICER, _THROUGH, done, owner, treats[control.id]))
    return rows


def _accepted(parts: Parts, now: int) -> list[Statement]:
    """k.brandt's missing second factor is accepted for a while."""
    found = parts.query.findings(Moment(), silence=False, limit=10_000)
    return [
        ExceptionAct(
            act="add",
            id=secrets.token_hex(16),
            reason="A hardware key is on its way; the account may see invoices only.",
            by=OFFICER,
            account=_THROUGH,
            approver=DIRECTOR,
            until=now + 21 * DAY,
            mapping=finding.mapping,
            subject=finding.subject,
        )
        for finding in found
        if finding.title == _NO_FACTOR and finding.state == "not-satisfied" and finding.subject == BRANDT.arn
    ]
