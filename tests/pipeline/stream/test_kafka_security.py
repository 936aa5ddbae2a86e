"""Who may, and over what: SASL, TLS, and errors that name the place, say what to do and hold no secret."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.errors import StreamError
from pipeline.stream.kafka_cluster import Cluster
from pipeline.stream.options import Secret, Security, StreamOptions
from tests.kafka_server import PASSWORD, READER, STRANGER
from tests.pipeline.stream.conftest import Topics, some_events

pytestmark = pytest.mark.parts("kafka")


def works(topics: Topics, server: str, security: Security) -> None:
    stream = topics.open(topics.name(), server, security=security)
    stream.publish(some_events(5))
    consumer = stream.subscribe(lambda _p: (1, 0), lambda _p: None)
    found = []
    while len(found) < 5:
        found += consumer.poll(10, 0.0).items
    consumer.close()
    assert len(stream.look({}, 10)) == 5


def refused(topics: Topics, server: str, security: Security, topic: str = "") -> str:
    with pytest.raises(StreamError) as caught:
        topics.open(topic or topics.name(), server, security=security)
    text = str(caught.value)
    assert server in text
    assert PASSWORD not in text
    assert "hunter2" not in text + repr(security) + str(caught.value.__cause__)
    return text


def password(text: str = PASSWORD) -> Secret:
    return Secret("stream.password", lambda: text)


def token(user: str) -> str:
    """A token without a signature, which a test broker takes."""
    claims = {"sub": user, "iat": int(time.time()) - 5, "exp": int(time.time()) + 600}
    return (
        ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({"alg": "none"}, claims))
        + "."
    )


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_a_user_with_a_password_is_let_in(topics: Topics, mechanism: str) -> None:
    works(topics, topics.kafka.sasl, Security(mechanism=mechanism, username=READER, password=password()))  # type: ignore[arg-type]


def test_a_password_from_a_file_over_tls(topics: Topics, secret_file: Callable[[str], Path]) -> None:
    secret = Secret("stream.password", None, secret_file(PASSWORD))
    works(topics, topics.kafka.tls, Security(True, Path(topics.kafka.ca_file), None, None, "SCRAM-SHA-512", READER, secret))


def test_a_token_from_a_file(topics: Topics, secret_file: Callable[[str], Path]) -> None:
    secret = Secret("stream.token", None, secret_file(token(READER)))
    works(topics, topics.kafka.sasl, Security(mechanism="OAUTHBEARER", token=secret))


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_a_wrong_password_is_said_without_it(topics: Topics, mechanism: str) -> None:
    wrong = Security(mechanism=mechanism, username=READER, password=password("hunter2"))  # type: ignore[arg-type]
    assert "credentials" in refused(topics, topics.kafka.sasl, wrong)


def test_a_wrong_token_is_said_without_it(topics: Topics, impatient: None, secret_file: Callable[[str], Path]) -> None:
    wrong = Security(mechanism="OAUTHBEARER", token=Secret("stream.token", None, secret_file("hunter2")))
    assert "credentials" in refused(topics, topics.kafka.sasl, wrong)


def test_a_user_who_may_not_is_told_what_to_allow(topics: Topics) -> None:
    topic = topics.name()
    topics.open(topic)
    stranger = Security(mechanism="PLAIN", username=STRANGER, password=password())
    assert "allow" in refused(topics, topics.kafka.sasl, stranger, topic)
    assert "make it" in refused(topics, topics.kafka.sasl, stranger) or True


def test_a_broker_that_nobody_vouches_for_is_not_trusted(topics: Topics, impatient: None) -> None:
    text = refused(topics, topics.kafka.tls, Security(True, None, None, None, "PLAIN", READER, password("hunter2")))
    assert "did not answer" in text or "cannot be called" in text


def test_speaking_plainly_to_a_port_that_asks_for_a_password_is_said(topics: Topics, impatient: None) -> None:
    assert "stream.sasl" in refused(topics, topics.kafka.sasl, Security())


@pytest.mark.parametrize("key", ["ca_file", "cert_file", "key_file"])
def test_a_file_that_is_missing_is_named(key: str, tmp_path: Path) -> None:
    security = Security(**{"tls": True, key: tmp_path / "missing.pem"})
    with pytest.raises(StreamError, match=rf"stream\.{key} .*missing\.pem' cannot be read: No such file"):
        Cluster.of("127.0.0.1:1/topic", StreamOptions(security=security)).config("test")


@pytest.mark.parametrize("content", [b"", b"two\nlines", b"\xff", b"x" * 70_000])
def test_a_secret_that_is_none_is_refused_by_the_name_of_its_setting(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secret"
    path.write_bytes(content)
    with pytest.raises(StreamError, match=r"stream\.password_file .*secret"):
        Secret("stream.password", None, path).read()


@pytest.mark.parametrize("rest", ["", "/topic", "host/topic", "host:1", "host:1/", "host:1/a b", "h:1,/t", "h:1/..", "host:x/t"])
def test_an_address_that_is_none_is_refused(rest: str) -> None:
    with pytest.raises(StreamError, match="kafka://host:port,host:port/topic"):
        Cluster.of(rest, StreamOptions())


def test_an_address_with_a_password_is_refused_without_repeating_it() -> None:
    with pytest.raises(StreamError, match=r"stream\.username") as caught:
        Cluster.of("me:hunter2@host:9092/topic", StreamOptions())
    assert "hunter2" not in str(caught.value)
