"""Answers that are put with what a list said: one list about many subjects, and one answer about one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collectors.aws import AwsError
from collectors.aws_services.look import Call, Look, Subject


@dataclass(frozen=True, slots=True)
class Joined:
    """The rows of a list by what they name. `fault`: why it was not wholly read, which leaves the path of each subject unread."""

    rows: Mapping[str, list[Any]]
    fault: str = ""

    def put(self, subject: Subject, path: str, name: str) -> list[Any] | None:
        """Put the rows that name `name` at `path`, [] where none does; returns them, None where they are not known."""
        if self.fault:
            subject.miss(path, self.fault)
            return None
        found = self.rows.get(name, [])
        subject.put(path, found)
        return found


def joined(look: Look, call: Call, member: str, key: str, **arguments: Any) -> Joined:
    """Read a list by its member `key`. Raises AwsError only where nothing more is asked of this account."""
    rows: dict[str, list[Any]] = {}
    try:
        for item in look.list(call, member, **arguments):
            rows.setdefault(str(item.get(key)), []).append(item)
    except AwsError as error:
        if error.code == "broken":
            raise
        return Joined({}, str(error))
    return Joined(rows)


def merged(subject: Subject, call: Call, members: Sequence[str], *, gone: Sequence[str] = (), **arguments: Any) -> bool:
    """Put `members` of an answer beside what the list said of a subject; each is unread where it is not answered."""
    try:
        answer = subject.look.ask(call, **arguments) or {}
    except AwsError as error:
        if error.code == "broken":
            raise
        if error.code in gone:
            subject.gone = True
        else:
            for member in members:
                subject.miss(member, str(error))
        return False
    for member in members:
        subject.put(member, answer.get(member))
    return True
