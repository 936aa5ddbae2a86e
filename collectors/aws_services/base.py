"""Contract of a resource kind that aws-account reads. Each service's file declares its kinds; registry.py lists them.

`read(look)` yields a Subject per resource, as it reads (bounded memory), and raises AwsError where the list itself broke off.
It calls AWS by `look` and `Subject` alone (collectors/aws_services/look.py), never by a client of its own:

- `look.list(CALL, "Member", **arguments)` pages through a list; a fault there means that the kind was not wholly read;
- `look.ask(CALL, absent=(code, ...))` asks once;
- `subject.ask("Path", CALL, pick="Member", absent=(code, ...), gone=(code, ...))` asks about one subject and puts the answer at
  that path: absent is null, a fault leaves the path in `_unread`, gone leaves the subject out.

Values keep AWS's names and nesting. Times that move by themselves are cut to their day (`subject.days`) or left out
(`subject.drop`). A kind that does not exist for the account or Region raises NotHere.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from collectors.aws_services.look import AccountLook, Call, Look, NotHere, Subject
from collectors.aws_services.values import DOCUMENTS

__all__ = ["AccountLook", "Call", "Look", "NotHere", "Resource", "Scope", "Subject"]

Scope = Literal["global", "regional"]
"""Looked at once per account, or in each Region."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource kind. `service` and `name` make the event type; `what` says in a few words what is read of it.

    `calls`: every operation that `read` uses, the list first; another is refused. `controls`: Annex A controls whose evidence
    rests on it. `marks`: words that subjects may bear; the summary counts each. `ordered`: names of lists whose order has a
    meaning. `documents`: names under which a policy stands as text.
    """

    service: str
    name: str
    scope: Scope
    what: str
    calls: tuple[Call, ...]
    read: Callable[[Look], Iterator[Subject]]
    controls: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    ordered: Collection[str] = ()
    documents: Collection[str] = DOCUMENTS

    @property
    def key(self) -> str:
        """How settings name it: iam.user."""
        return f"{self.service}.{self.name}"

    @property
    def type(self) -> str:
        """Type of its observations."""
        return f"snapshot.aws.{self.key}"

    @property
    def summary_type(self) -> str:
        """Type of its summaries."""
        return f"summary.aws.{self.key}"
