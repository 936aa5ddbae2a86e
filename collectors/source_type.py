"""What the registry knows of a source type: what it reads, its settings, how a collector is made, what it must be allowed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from collectors.base import Collector, Permission
from collectors.settings import SourceSettings
from store.records import Event
from store.times import Clock

Form = Literal["aws-policy", "gcp-role", "scopes"]
"""How permissions are granted: an IAM policy, a custom role, or words (scopes of a token, roles of a user, modes of a file)."""


@dataclass(frozen=True, slots=True)
class Access:
    """The least that a source's identity must be allowed. `notes`: sentences about what no permission says."""

    form: Form
    permissions: tuple[Permission, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceType:
    """One source type. `build` and `access` take an instance of `settings`; nothing is called or opened by them.

    `types`: the event types that it yields, beside `unreadable`; a last word `*` stands for words that the settings name.
    `again`: yields what the bytes of a dead letter hold, by the rules of reading, and raises Unreadable for what they do not
    (collectors/replay.py); None where the source itself is asked again.
    """

    name: str
    summary: str
    settings: type[SourceSettings]
    build: Callable[[Any, Clock], Collector]
    access: Callable[[Any], Access]
    types: tuple[str, ...]
    again: Callable[[Any, Event], Iterator[Event]] | None = None
