"""How a Kafka cluster is reached, and its errors as sentences that name it and say what to do.

kafka-python (3.0) is imported when a stream is opened: most commands need none of it. It retries by itself whatever can be
retried and says nothing of it, so everything that is asked of it has a limit of time. What the other side said is never repeated.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pipeline.errors import StreamError, StreamUnreachable
from pipeline.event import MAX_RECORD
from pipeline.stream.options import Secret, StreamOptions

ANSWER: Final = 10.0
"""Seconds within which a cluster must answer."""
MAX_MESSAGE: Final = MAX_RECORD + 256 * 1024
"""Bytes of a record with its headers and framing (the topic's max.message.bytes)."""
METADATA_AGE: Final = 30.0
"""Seconds after which the library asks again which partitions there are."""
_ADDRESS: Final = re.compile(r"\[?[A-Za-z0-9._:-]+\]?:[0-9]{1,5}")
_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")
_DENIED: Final = ("TopicAuthorizationFailedError", "ClusterAuthorizationFailedError", "GroupAuthorizationFailedError")
_UNKNOWN_USER: Final = (
    "SaslAuthenticationFailedError",
    "UnsupportedSaslMechanismError",
    "IllegalSaslStateError",
    "AuthorizationError",
)


@dataclass(frozen=True, slots=True)
class Cluster:
    """The cluster of a `stream.url`, and the topic there."""

    servers: tuple[str, ...]
    topic: str
    options: StreamOptions = field(default_factory=StreamOptions)

    @classmethod
    def of(cls, rest: str, options: StreamOptions) -> Cluster:
        """Read what follows `kafka://`: host:port,host:port/topic. Raises StreamError, not repeating it."""
        addresses, _, topic = rest.partition("/")
        if "@" in addresses:
            raise StreamError("stream.url: no user or password in the address; set stream.username and stream.password_file")
        servers = tuple(addresses.split(","))
        if not all(map(_ADDRESS.fullmatch, servers)) or not _TOPIC.fullmatch(topic) or topic in (".", ".."):
            raise StreamError("stream.url: Kafka is written kafka://host:port,host:port/topic")
        return cls(servers, topic, options)

    @property
    def text(self) -> str:
        """The servers, for people."""
        return f"Kafka at {','.join(self.servers)}"

    def config(self, client: str) -> dict[str, Any]:
        """What every client of the library is given. Raises StreamError for a file that cannot be read."""
        _quiet()
        security, wait = self.options.security, int(ANSWER * 1000)
        files = {"ca_file": security.ca_file, "cert_file": security.cert_file, "key_file": security.key_file}
        for key, path in files.items():
            _readable(key, path)
        config: dict[str, Any] = {
            "bootstrap_servers": list(self.servers),
            "client_id": f"attestream-{client}",
            "bootstrap_timeout_ms": wait,
            "request_timeout_ms": wait,
            "reconnect_backoff_max_ms": 1000,
            "metadata_max_age_ms": int(METADATA_AGE * 1000),
            "security_protocol": ("SASL_" if security.mechanism else "") + ("SSL" if security.tls else "PLAINTEXT"),
        }
        if security.tls:
            config |= {f"ssl_{key.replace('_', '')}": str(path) for key, path in files.items() if path is not None}
        if security.mechanism:
            config["sasl_mechanism"] = security.mechanism
        if security.mechanism == "OAUTHBEARER":
            config["sasl_oauth_token_provider"] = _token_provider(security.token)
        elif security.mechanism:
            config["sasl_plain_username"] = security.username
            config["sasl_plain_password"] = security.password.read() if security.password else ""
        return config

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Make the library's errors StreamErrors."""
        from kafka.errors import KafkaError

        try:
            yield
        except (KafkaError, OSError, ValueError, RuntimeError, AssertionError) as error:
            raise self.explain(error) from error

    def explain(self, error: BaseException) -> StreamError:
        """Return the error as a sentence."""
        name = type(error).__name__
        if name in _DENIED:
            what = f"allow READ, WRITE and DESCRIBE on the topic, READ on the group {self.options.group}"
            return StreamError(
                f"{self.text} denies access to topic {self.topic} ({name}): {what}, to the user of stream.username"
            )
        if name in _UNKNOWN_USER:
            what = "correct stream.username, the password or token, or stream.sasl"
            return StreamError(f"{self.text} does not accept the credentials ({name}): {what}")
        if name in ("KafkaTimeoutError", "NodeNotReadyError", "KafkaConnectionError"):
            return self.silent()
        if name in ("MessageSizeTooLargeError", "RecordListTooLargeError", "RecordTooLargeError"):
            what = f"set its max.message.bytes to {MAX_MESSAGE}"
            return StreamError(f"{self.text}: topic {self.topic} does not take records as large as this: {what}")
        if name == "UnsupportedCodecError":
            what = "have its writers use gzip, lz4, zstd or none"
            return StreamError(f"{self.text}: topic {self.topic} holds records compressed with what cannot be read here: {what}")
        if isinstance(error, OSError):
            return StreamError(f"{self.text} cannot be called: {error.strerror or name}; correct ca_file, cert_file and key_file")
        return StreamUnreachable(f"{self.text} broke off or answered with an error ({name}); nothing is lost, it is tried again")

    def silent(self) -> StreamUnreachable:
        """Nobody answered; a broker may also hang up without a word on a wrong protocol or password."""
        secure = self.options.security
        speaks = "whether stream.tls and stream.sasl are what that port speaks"
        if secure.mechanism:
            speaks += ", whether the credentials are right"
        return StreamUnreachable(
            f"{self.text} did not answer within {ANSWER:g} s: check that it runs, stream.url, the network, {speaks}; nothing is "
            "lost, it is tried again"
        )


def _readable(key: str, path: Path | None) -> None:
    """The library would only say that the handshake failed. Raises StreamError."""
    try:
        if path is not None:
            path.open("rb").close()
    except OSError as error:
        raise StreamError(f"stream.{key} {str(path)!r} cannot be read: {error.strerror}") from error


def _token_provider(token: Secret | None) -> Any:
    from kafka.net.sasl.oauth import AbstractTokenProvider

    if token is None:
        raise StreamError("stream.token_file: OAUTHBEARER needs a file that holds the token")
    secret = token
    secret.read()

    class Provider(AbstractTokenProvider):  # type: ignore[misc]
        """Reads the file at every connection, so that it may be replaced."""

        def token(self) -> str:
            return secret.read()

    return Provider()


def _quiet() -> None:
    """What the library logs is not for people: whatever matters comes back as an error."""
    logger = logging.getLogger("kafka")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
