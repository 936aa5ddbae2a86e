"""A small GitHub for tests of its parts, and an installation that reads it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from attestream.demo.servers.github import GithubServer
from store.records import Event
from store.times import format_time
from tests.contract.rig import Rig

TOKEN = "github_pat_canary_of_the_tests"
Begin = Callable[..., Rig]


@dataclass
class Found:
    """What a rig published, by kind."""

    rig: Rig

    def events(self, kind: str) -> list[Event]:
        return [event for event in self.rig.stream.events if event.type == kind]

    def last(self, kind: str) -> dict[str, dict[str, Any]]:
        """The newest payload of each subject."""
        return {str(event.subject): json.loads(event.payload) for event in self.events(kind)}

    def only(self, kind: str) -> dict[str, Any]:
        [payload] = self.last(kind).values()
        return payload


@pytest.fixture
def server() -> Iterator[GithubServer]:
    with GithubServer(token=TOKEN) as made:
        yield made


@pytest.fixture
def begin(server: GithubServer, tmp_path: Path) -> Begin:
    """A new installation; settings by keyword."""
    (tmp_path / "token").write_text(TOKEN)

    def make(**more: Any) -> Rig:
        own = {"name": "github", "type": "github", "url": server.url, "organisation": "acme", "sbom": False}
        own |= {"token_file": str(tmp_path / "token"), "max_attempts": 1, "requests_per_second": 1000}
        own |= {"since": format_time(int((time.time() - 20 * 3600) * 1e6))}
        secrets = (TOKEN, "CLONE-TOKEN-CANARY")
        return Rig(SimpleNamespace(settings={**own, **more}, secrets=secrets))  # type: ignore[arg-type]

    return make


@pytest.fixture
def found() -> type[Found]:
    return Found
