"""The last act, before the onlooker's eyes: eight things go wrong, each is told once, and each is put right again.

| what | where it is seen | what ends it |
|---|---|---|
| root signs in | the trail | the ticket that asks about it is done |
| a bucket is opened to everyone | the trail | its policy is deleted |
| a user's second factor is taken away | the trail | it is registered again |
| the trail is stopped | the trail | it is started |
| nobody has taken an incident | its ticket | somebody takes it |
| an attestation ends | the clock | it is renewed |
| the token of GitHub's collector loses a right | three looks at GitHub | the right is back |
| PagerDuty knows its collector's token no more | three looks at PagerDuty | the token is known again |
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Final

from attestream.demo.organisation import Organisation
from attestream.demo.statements import DIRECTOR, OFFICER, renew
from attestream.demo.tickets import LATE
from attestream.wiring import Parts
from pipeline.posture import decide
from store.records import SECOND, Batch
from store.reports import Moment
from store.statements import TicketLink

ROOT_USED: Final = "4f86880f-4a6b-42d7-bfa2-c2bca740c951"
"""The mapping "Root account used"."""
BROKEN: Final = ("github", "pagerduty")
"""The sources whose collectors cannot do their work in the last act."""
LOOKS: Final = 3
"""So many looks in a row have to fail before a collector counts as failing."""
_RIGHT: Final = "dependabot"


@dataclass(slots=True)
class LastAct:
    """What happens beside the trail. `ends`: when the attestation does."""

    parts: Parts
    systems: Organisation
    ends: int
    _question: str = ""
    _token: str = ""

    def go_wrong(self) -> list[str]:
        """Four things; returns what they are. The attestation's end is waited for."""
        jira, github, pagerduty = self.systems.jira, self.systems.github, self.systems.pagerduty
        jira.change(self._late(), labels=["incident"], by="l.moreau")
        github.refused.add(_RIGHT)
        self._token, pagerduty.token = pagerduty.token, secrets.token_hex(16)
        while (left := self.ends - self.parts.store.clock()) > 0:
            time.sleep(min(1.0, left / SECOND))
        return [
            f'l.moreau finds that "{LATE}" is an incident; it is five hours old and nobody has taken it',
            "the attestation of the contacts with authorities ends",
            "the token of GitHub's collector may not see Dependabot's alerts any more",
            "the token of PagerDuty's collector is revoked",
        ]

    def ask(self) -> str:
        """A ticket asks who used root, and is linked to the finding; returns its key."""
        jira = self.systems.jira
        self._question = jira.create("SEC", "Who signed in as root, and why?", reporter=OFFICER, assignee="m.keller")
        ticket = f"{jira.url.removeprefix('http://')}/browse/{self._question}"
        found = self.parts.query.findings(Moment(), mapping=ROOT_USED, state="not-satisfied", silence=False)
        links = tuple(TicketLink(ROOT_USED, finding.subject, ticket, OFFICER) for finding in found)
        self.parts.store.append(Batch(links=links), (), decide)
        return self._question

    def put_right(self) -> list[str]:
        """What went wrong, one by one; returns what is done."""
        jira = self.systems.jira
        jira.change(self._late(), assignee=OFFICER, status="In Progress", priority="High", by=OFFICER)
        jira.comment(self._question, "A support case that only root may open; agreed with the security officer.", by="m.keller")
        jira.change(self._question, status="Done", by=OFFICER)
        renew(self.parts)
        self.systems.github.refused.discard(_RIGHT)
        self.systems.pagerduty.token = self._token
        return [
            f"{OFFICER} takes the incident",
            f"m.keller says what root was used for, and {OFFICER} closes {self._question}",
            f"{OFFICER} renews the attestation ({DIRECTOR} need not approve this one)",
            "GitHub's and PagerDuty's collectors have their rights again",
        ]

    def _late(self) -> str:
        return next(key for key, ticket in self.systems.jira.tickets.items() if ticket.summary == LATE)
