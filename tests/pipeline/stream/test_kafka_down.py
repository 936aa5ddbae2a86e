"""A cluster that does not answer: at the start, in the middle, for a moment. Whoever asks is told; nothing is lost."""

from __future__ import annotations

import itertools
import logging
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import StreamError, StreamUnreachable
from tests.kafka_server import cluster, reserved, wait
from tests.pipeline.stream.conftest import Proxy, Topics, gather, ids, some_events

pytestmark = [pytest.mark.parts("kafka"), pytest.mark.usefixtures("impatient")]


@pytest.fixture(autouse=True)
def quiet(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No thread of the library's dies with a traceback, and nothing it logs reaches people."""
    died: list[object] = []
    monkeypatch.setattr(threading, "excepthook", died.append)
    monkeypatch.setattr(logging, "raiseExceptions", True)
    yield
    assert died == []
    said = capfd.readouterr()
    assert "Traceback" not in said.err + said.out
    assert "kafka." not in said.err


def at(proxy: Proxy) -> str:
    return f"127.0.0.1:{proxy.listens}"


def test_nobody_there_at_the_start_is_said_within_a_bounded_time(topics: Topics) -> None:
    with reserved(1) as ports, pytest.raises(StreamUnreachable) as caught:
        topics.open(topics.name(), f"127.0.0.1:{ports[0]}")
    text = str(caught.value)
    assert f"Kafka at 127.0.0.1:{ports[0]} did not answer" in text
    assert "check that it runs, stream.url" in text


def test_a_port_that_speaks_something_else_is_said(topics: Topics) -> None:
    import http.server

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(StreamUnreachable, match="did not answer"):
            topics.open(topics.name(), f"127.0.0.1:{server.server_address[1]}")
        server.shutdown()


def test_a_topic_that_was_made_and_is_not_seen_yet_may_be_waited_for(topics: Topics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.stream.kafka_topic._described", lambda *_: None)
    with pytest.raises(StreamUnreachable, match="was made, and is not there yet"):
        topics.open(topics.name())


def test_publishing_and_reading_stop_with_an_error_while_it_is_down_and_go_on_when_it_is_back(
    topics: Topics, proxy: Proxy
) -> None:
    stream = topics.open(topics.name(), at(proxy))
    stream.publish(some_events(20, "before"))
    consumer = stream.subscribe(lambda _p: (1, 0), lambda _p: None)
    before = gather(lambda: consumer.poll(100, 0.5), lambda found: len(ids(found)) == 20)
    proxy.down()
    with pytest.raises(StreamUnreachable, match=f"Kafka at {at(proxy)}"):
        stream.publish(some_events(20, "down"))

    def poll_fails() -> bool:
        try:
            return bool(consumer.poll(100, 0.2).items)
        except StreamUnreachable as error:
            return at(proxy) in str(error)

    wait(poll_fails, "poll says that nobody answers")
    proxy.up()
    stream.publish(some_events(20, "after"))

    def poll() -> object:
        try:
            return consumer.poll(100, 0.5)
        except StreamUnreachable:
            return consumer.poll.__self__._take(1)  # nothing, as yet

    after = gather(poll, lambda found: {f"after-{n}" for n in range(20)} <= set(ids(found)))  # type: ignore[arg-type]
    consumer.close()
    extra = set(ids(after)) - {f"after-{n}" for n in range(20)}
    assert extra <= {f"down-{n}" for n in range(20)}, "what failed may be there all the same"
    assert not set(ids(before)) & set(ids(after))


@pytest.mark.parametrize("locked_out", [0.5, 1000.0])
def test_a_worker_that_has_lost_its_partitions_says_too_that_nobody_answers(
    topics: Topics, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, locked_out: float
) -> None:
    """The group takes them back when it begins to divide them anew, and may then be gone itself."""
    stream = topics.open(topics.name(), at(proxy))
    released: list[int] = []
    consumer = stream.subscribe(lambda _p: (1, 0), released.append)
    proxy.down()
    consumer._members._went(set(range(4)))  # as the library tells it
    monkeypatch.setattr("pipeline.stream.kafka_consumer.LOCKED_OUT", locked_out)
    with pytest.raises(StreamUnreachable, match="did not answer"):
        wait(lambda: consumer.poll(100, 0.2).advances, "it does not wait for ever")
    assert sorted(released) == [0, 1, 2, 3]
    consumer.close()


def test_what_was_published_while_answers_were_lost_is_there_at_least_once(topics: Topics, proxy: Proxy) -> None:
    stream = topics.open(topics.name(), at(proxy))
    stream.publish(some_events(1, "warm"))
    proxy.drop(3)
    acknowledged: list[str] = []
    tried: list[str] = []
    for number in range(40):
        events = some_events(30, f"r{number}")
        tried += [event.id for event in events]
        try:
            published = stream.publish(events)
        except StreamError:
            continue
        assert sum(published.counts.values()) == 30
        acknowledged += [event.id for event in events]
    proxy.drop(0)
    assert proxy.dropped > 3
    direct = topics.open(stream._cluster.topic)
    found = Counter(item.event.id for item in direct.look({}, 100_000))
    assert set(acknowledged) <= found.keys() <= {*tried, "warm-0"}
    assert len(acknowledged) >= 30, "a lost answer is asked for again"
    assert max(found.values()) == 1, "an idempotent producer writes nothing twice"


def test_a_cluster_of_three_goes_on_without_one_of_its_brokers(
    topics: Topics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # a broker's end takes its time to be noticed
    with cluster(tmp_path) as nodes:
        topic = topics.name()
        wait(lambda: nodes.ports and opened(topics, topic, nodes.servers), "the cluster answers")
        stream = topics.opened[-1]
        stream.publish(some_events(100, "before"))
        consumer = stream.subscribe(lambda _p: (1, 0), lambda _p: None)
        found = gather(lambda: consumer.poll(1000, 0.5), lambda found: len(ids(found)) >= 100)
        nodes.kill(1)
        tries, told = itertools.count(), set()

        def published() -> bool:
            events = some_events(100, f"try{next(tries)}")
            try:
                stream.publish(events)
            except StreamError:
                return False
            told.update(event.id for event in events)
            return True

        wait(published, "two are enough to publish")

        def poll() -> object:
            try:
                return consumer.poll(1000, 0.5)
            except StreamError:
                return type(found[0])()

        gather(poll, lambda more: told <= set(ids(more)))  # type: ignore[arg-type]
        consumer.close()
        stream.close()


def opened(topics: Topics, topic: str, servers: str) -> bool:
    try:
        topics.open(topic, servers, partitions=4, replication=3)
    except StreamError:
        return False
    return True
