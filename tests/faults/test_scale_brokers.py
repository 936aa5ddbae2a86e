"""I1 at scale when Kafka goes: nobody answers, at the start and in the middle; a broker of three is lost; workers come and go.

FAULTS=long loses more brokers and has more come and go.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.faults.counts import times
from tests.faults.scale import PARTITIONS, ROLES, Scale, check_covered
from tests.faults.scale_feed import Feed
from tests.kafka_server import Nodes, cluster, wait
from tests.pipeline.stream.conftest import Proxy, proxied

pytestmark = [pytest.mark.timeout(0), pytest.mark.parts("kafka"), pytest.mark.parts("postgres")]

LOSSES, STORM = times(2, 20), times(10, 200)
DAY = 86_400.0
NEEDS = ("collect", "map-1", "map-2")
"""What needs the stream."""


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """Between the roles and the broker; down."""
    with proxied(0) as made:
        made.down()
        yield made


def said_after(scale: Scale, at: dict[str, int], words: str) -> bool:
    return all(words in scale.runs[name].said()[at[name] :] for name in NEEDS)


def test_roles_wait_for_a_stream_that_does_not_answer_at_the_start_and_in_the_middle(proxy, scaled, alone):
    scale: Scale = scaled(at={name: {"kafka": f"127.0.0.1:{proxy.listens}"} for name in ROLES})
    scale.start(*ROLES)
    scale.until(lambda: said_after(scale, dict.fromkeys(NEEDS, 0), "waiting for the stream"), "each says that it waits")
    proxy.up()
    scale.until(lambda: said_after(scale, dict.fromkeys(NEEDS, 0), "the stream answers"), "each goes on")
    with Feed(scale, alone.extra, random.Random(1)) as feed:
        scale.until(lambda: min(scale.appends("map-1"), scale.appends("map-2")) > 2, "they work")
        at = {name: len(scale.runs[name].said()) for name in NEEDS}
        proxy.down()
        scale.until(lambda: said_after(scale, at, "nothing is lost, it is tried again"), "each says that nobody answers")
        proxy.up()
        feed.rest()
    assert scale.finish() == alone.outcome
    check_covered(scale)


def in_sync(nodes: Nodes, topic: str) -> bool:
    """Whether every broker has everything."""
    from kafka.admin import KafkaAdminClient
    from kafka.errors import KafkaError

    with suppress(KafkaError):
        client = KafkaAdminClient(bootstrap_servers=nodes.servers, bootstrap_timeout_ms=10_000, request_timeout_ms=10_000)
        try:
            parts = client.describe_topics([topic])[0]["partitions"]
        finally:
            client.close()
        return len(parts) == PARTITIONS and all(len(part["isr_nodes"]) == 3 for part in parts)
    return False


def test_i1_the_loss_of_a_broker_while_publishing_and_mapping_loses_and_doubles_nothing(scaled, alone, tmp_path, capsys):
    dice = random.Random(20250314)
    folder = tmp_path / "cluster"
    folder.mkdir()
    with cluster(folder) as nodes:
        scale: Scale = scaled(kafka=nodes.servers, more={"replication": 3})
        scale.start(*ROLES)
        scale.until(scale.up, "all have begun")
        with Feed(scale, alone.extra, dice, every=0.2) as feed:
            for number in range(LOSSES):
                wait(lambda: in_sync(nodes, scale.topic), "every broker has everything")
                lost = dice.choice(sorted(nodes.running))
                took = scale.tables.one("select appends from head")
                nodes.kill(lost)
                if number < LOSSES // 2:
                    scale.until(lambda n=took: scale.tables.one("select appends from head") > n + 3, "two go on without it")
                else:
                    scale.pause(dice.uniform(0.0, 2.0))
                nodes.start(lost)
            feed.rest()
        assert scale.finish() == alone.outcome
        check_covered(scale)
        scale.close()
    with capsys.disabled():
        print(f"\n{LOSSES} of three brokers lost, one after the other")


def test_i12_workers_that_come_and_go_with_clocks_a_day_apart_lose_and_double_nothing(scaled, alone, capsys):
    """Partitions change hands all the time; one machine's clock is a day ahead, another's a day behind."""
    dice = random.Random(20250315)
    scale: Scale = scaled(ahead={"map-1": DAY, "map-2": -DAY, "map-3": DAY, "seal": DAY})
    scale.start(*ROLES)
    scale.until(scale.made, "the store is made")
    guests = ("map-3", "map-4")
    with Feed(scale, alone.extra, dice, every=STORM / 60) as feed:
        for _ in range(STORM):
            guest = dice.choice(guests)
            if guest not in scale.runs:
                scale.start(guest)
                if dice.random() < 0.8:  # it gets as far as into the group
                    scale.until(lambda name=guest: scale.busy(name), f"{guest} works")
            elif dice.random() < 0.5:
                scale.kill(guest)
            else:
                scale.stop(guest)
            scale.pause(dice.uniform(0.0, 1.0))
        feed.rest()
    claims = sum(scale.epochs().values())
    assert claims > max(STORM, 2 * PARTITIONS)
    assert scale.finish() == alone.outcome
    check_covered(scale)
    with capsys.disabled():
        print(f"\n{STORM} comings and goings, {claims} claims of {PARTITIONS} partitions")
