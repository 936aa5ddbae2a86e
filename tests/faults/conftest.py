"""What the fault tests share: the delivered files, the mappings, the fork server, and what an undisturbed run comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults import kit, rules, scale, scale_feed
from tests.faults.observe import Observed, observe
from tests.faults.scale_alone import Alone
from tests.faults.whole import check_whole
from tests.faults.world import Installation, Run, Server, copy_mappings, deliver
from tests.kafka_server import kafka
from tests.postgres_server import postgres

HOURS = 96


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with Server() as started:
        yield started


@pytest.fixture(scope="session")
def mappings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copy_mappings(tmp_path_factory.mktemp("rules") / "rules", rules.BUILTIN)
    rules.write(folder)
    return folder


@pytest.fixture(scope="session")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four days of two Regions: some 3,000 records in 600 files, twenty of them spoilt."""
    folder = tmp_path_factory.mktemp("delivered")
    deliver(folder, HOURS)
    return folder


@pytest.fixture(scope="session")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four hours only, for runs that are traced system call by system call."""
    folder = tmp_path_factory.mktemp("few")
    deliver(folder, 7)
    return folder


Install = Callable[..., Installation]


@pytest.fixture
def install(server: Server, delivered: Path, mappings: Path, tmp_path: Path) -> Install:
    made: list[Installation] = []

    def make(files: Path = delivered, **more: Any) -> Installation:
        made.append(Installation(server, tmp_path / f"installation-{len(made)}", files, mappings, **more))
        return made[-1]

    return make


class Undisturbed:
    """A run that nothing disturbs: what came of it, and how often it began each operation."""

    def __init__(self, installation: Installation) -> None:
        self.run: Run = installation.run()
        check_whole(installation.store, installation.checkpoints)
        self.outcome: Observed = observe(installation.store)
        self.begun = self.run.probe.begun()


@pytest.fixture(scope="session")
def undisturbed(server: Server, delivered: Path, mappings: Path, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return Undisturbed(Installation(server, tmp_path_factory.mktemp("undisturbed") / "a", delivered, mappings))


@pytest.fixture(scope="session")
def undisturbed_few(server: Server, few: Path, mappings: Path, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return Undisturbed(Installation(server, tmp_path_factory.mktemp("undisturbed") / "b", few, mappings))


@pytest.fixture(scope="session")
def template(mappings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kit.begin(tmp_path_factory.mktemp("template"), mappings)


@pytest.fixture
def make_kit(template: Path, tmp_path: Path) -> Iterator[Callable[..., kit.Kit]]:
    made: list[kit.Kit] = []

    def make(**more: Any) -> kit.Kit:
        made.append(kit.Kit(tmp_path / f"kit-{len(made)}", template, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="session")
def forks() -> Iterator[Server]:
    """A fork server that has imported what the roles at scale need."""
    with Server(scale.MODULES) as started:
        yield started


@pytest.fixture(scope="session")
def less(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half of that time: some 1,500 records, for what runs as four processes and more."""
    folder = tmp_path_factory.mktemp("less")
    deliver(folder, HOURS // 2)
    return folder


@pytest.fixture(scope="session")
def alone(server: Server, less: Path, mappings: Path, tmp_path_factory: pytest.TempPathFactory) -> Alone:
    return Alone(server, tmp_path_factory.mktemp("alone") / "a", less, mappings, scale_feed.extra(scale_feed.EXTRA))


@pytest.fixture
def scaled(forks: Server, less: Path, mappings: Path, tmp_path: Path) -> Iterator[Callable[..., scale.Scale]]:
    """Makes installations on the run's broker and server, or on others that are named."""
    made: list[scale.Scale] = []
    databases: list[str] = []

    def make(**more: Any) -> scale.Scale:
        folder = tmp_path / f"scale-{len(made)}"
        if "url" not in more:
            databases.append(postgres().create())
            more["url"] = postgres().url(databases[-1])
        broker = more.pop("kafka", "") or kafka().plain
        made.append(scale.Scale(forks, folder, more.pop("files", less), mappings, broker, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()
    for name in databases:
        postgres().drop(name)
