"""Source type kafka-topic: any log that an organisation has in a Kafka topic, as JSON values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from collectors.base import Cursor, Permission, Probe, Reads, Report, SourceUnreadable, Window
from collectors.fields import WORD, FieldReader, Fields
from collectors.kafka import Cluster, KafkaDenied, KafkaFailed, Mechanism
from collectors.kafka_window import AHEAD_OF_US, MAX_VALUE, TIMELESS, KafkaWindow
from collectors.secret import secret
from collectors.settings import SourceSettings
from collectors.source_type import Access, SourceType
from collectors.unreadable import Unreadable
from store.records import SECOND, Event
from store.times import Clock

_TYPES: Final = ("log.*",)
_LOCAL: Final = ("localhost", "127.0.0.1", "[::1]")


class KafkaTopicSettings(SourceSettings):
    """kafka-topic: the values of `topic`; `fields` says where in a value the attributes stand."""

    type: Literal["kafka-topic"]
    bootstrap_servers: tuple[str, ...] = Field(min_length=1, max_length=100)
    topic: str = Field(pattern=r"^[A-Za-z0-9._-]{1,249}$")
    product: str = Field(pattern=WORD)
    service: str = Field(pattern=WORD)
    account: str = Field(default="", max_length=128)
    fields: Fields = Fields()
    tls: bool = False
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    mechanism: Mechanism | None = None
    username: str | None = Field(default=None, min_length=1, max_length=256)
    password: SecretStr | None = None
    password_file: Path | None = None
    timeout: float = Field(default=30.0, ge=0.1, le=300)

    @field_validator("bootstrap_servers")
    @classmethod
    def _hosts_and_ports(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for server in value:
            host, _, port = server.rpartition(":")
            if not host or "/" in server or "@" in server or not port.isdecimal() or not 0 < int(port) < 65536:
                raise ValueError("a server is written host:port, e.g. broker-1.example.org:9093")
        return value

    @model_validator(mode="after")
    def _identity(self) -> Self:
        given = (self.username, self.password or self.password_file)
        if self.mechanism is None:
            if any(given):
                raise ValueError("username and password belong to a mechanism: set mechanism to PLAIN or SCRAM-SHA-512, say")
        elif self.username is None:
            raise ValueError(f"username is missing: mechanism {self.mechanism} needs one")
        else:
            secret("password", self.password, self.password_file)
        return self

    @model_validator(mode="after")
    def _in_secret(self) -> Self:
        hosts = {server.rpartition(":")[0] for server in self.bootstrap_servers}
        if self.mechanism == "PLAIN" and not self.tls and not hosts <= set(_LOCAL):
            raise ValueError("mechanism PLAIN would send the password in the clear: set tls: true")
        if not self.tls and (self.ca_file or self.cert_file or self.key_file):
            raise ValueError("ca_file, cert_file and key_file belong to TLS: set tls: true")
        if self.key_file and not self.cert_file:
            raise ValueError("key_file belongs to cert_file: set both")
        return self


@dataclass(frozen=True, slots=True)
class KafkaTopic:
    """A topic, set up. See collectors/base.py for what the methods promise."""

    source: str
    cluster: Cluster
    topic: str
    fields: FieldReader
    since: int | None
    clock: Callable[[], int]
    type: str = "kafka-topic"
    reads: Reads = "deliveries"

    def oldest(self, cursor: Cursor, now: int) -> int | None:  # noqa: ARG002  the contract has it
        """Just before the oldest record's time, not before `since`; None in an empty topic."""
        try:
            with self.cluster.opened(self.topic) as topic:
                first = topic.since(topic.partitions(), 0)
        except KafkaFailed as error:
            raise SourceUnreadable(str(error)) from error
        if not first:
            return None
        oldest = min(time for _, time in first.values()) * 1000 - 1
        return min(max(0, oldest, self.since or 0), now - SECOND)

    def collect(self, window: Window, report: Report) -> Iterator[Event]:
        """Yield the records from where the last window ended to where the topic ended when this one began."""
        report.identity(self._who())
        try:
            with self.cluster.opened(self.topic) as topic:
                yield from KafkaWindow(window, report, topic, self.fields, self.clock).read()
        except KafkaFailed as error:
            raise SourceUnreadable(str(error)) from error

    def check(self) -> Sequence[Probe]:
        """See the topic, and read its newest records."""
        try:
            with self.cluster.opened(self.topic) as topic:
                partitions = topic.partitions()
                beginnings, ends = topic.beginnings(partitions), topic.ends(partitions)
                starts = {partition: max(beginnings[partition], ends[partition] - 1) for partition in partitions}
                for _ in topic.read(starts, ends):
                    pass
                if topic.error is not None:
                    raise topic.error
        except KafkaDenied as error:
            return (Probe(str(error), _permissions(self.topic)[0]),)
        except KafkaFailed as error:
            raise SourceUnreadable(str(error)) from error
        count = sum(ends[partition] - beginnings[partition] for partition in partitions)
        said = f"{self.cluster.text}: topic {self.topic} has {len(partitions)} partitions and holds offsets for {count} records"
        return (Probe(f"{said}; it can be read as {self._who()}"),)

    def _who(self) -> str:
        who = f"user {self.cluster.username}" if self.cluster.username else "nobody in particular"
        return f"{who} at {self.cluster.text}"


def _permissions(topic: str) -> tuple[Permission, ...]:
    resource = f"topic {topic}"
    return (
        Permission("READ", "read its records", resource, _TYPES),
        Permission("DESCRIBE", "see its partitions and offsets", resource, _TYPES),
    )


def _build(settings: KafkaTopicSettings, clock: Clock) -> KafkaTopic:
    cluster = Cluster(
        settings.bootstrap_servers,
        settings.timeout,
        tls=settings.tls,
        ca_file=str(settings.ca_file) if settings.ca_file else None,
        cert_file=str(settings.cert_file) if settings.cert_file else None,
        key_file=str(settings.key_file) if settings.key_file else None,
        mechanism=settings.mechanism,
        username=settings.username,
        password=secret("password", settings.password, settings.password_file) if settings.mechanism else None,
    )
    return KafkaTopic(settings.name, cluster, settings.topic, _fields(settings), settings.since, clock)


def _fields(settings: KafkaTopicSettings) -> FieldReader:
    return FieldReader(settings.fields, f"log.{settings.product}.{settings.service}", settings.account)


def _again(settings: KafkaTopicSettings, letter: Event) -> Iterator[Event]:
    """A value. Its offset is not known any more: without an id of its own it gets one from its letter. See SourceType."""
    now = letter.collected_at
    found = _fields(settings).parse(letter.payload, now, MAX_VALUE)
    if found.time is None:  # the letter's is the record's timestamp, where that was one
        wrong = next((reason for reason in (AHEAD_OF_US, TIMELESS) if (letter.subject or "").endswith(reason)), "")
        if wrong:
            raise Unreadable(wrong)
    id_, time = found.id or f"letter/{letter.id}", letter.time if found.time is None else found.time
    yield Event(letter.source, id_, found.type, time, letter.payload, "", now, found.subject, found.account, found.region)


TYPE: Final = SourceType(
    "kafka-topic",
    "any log as JSON values of a Kafka topic",
    KafkaTopicSettings,
    _build,
    lambda settings: Access("scopes", _permissions(settings.topic), ("No consumer group is joined and nothing is committed.",)),
    _TYPES,
    _again,
)
