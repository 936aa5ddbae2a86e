"""A real Kafka for tests: one node (KRaft) for a whole test run, shared by its processes, ended when the last of them has ended.

Whoever uses it holds a shared lock on a file in its folder. A keeper process starts the broker and waits for the exclusive lock,
which it gets when no user is left, however these ended; then it ends the broker and removes the folder.

Limits are for what hangs, and much longer than anything takes: a slow machine does not meet them.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

JARS = Path(__file__).resolve().parents[1] / ".venv" / "kafka"  # as in tests/parts.py; this file also runs by itself
READER, STRANGER = "reader", "stranger"
"""Users: one may read every topic, the other none."""
PASSWORD = "kafka-secret-of-the-tests"
LONG = 240.0
"""Seconds that something which is meant to happen is waited for."""
_JAVA = ("java", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{JARS}/*")
_TRIES = 3
"""Sets of ports with which the broker is started, where one of them was taken before it listened."""


@dataclass(frozen=True)
class Kafka:
    """Where it listens. `plain` needs no user and may do anything; `proxied` is (where it listens, what it tells clients), three
    times: a user of each."""

    plain: str
    sasl: str
    tls: str
    proxied: tuple[tuple[int, int], ...]
    ca_file: str


@cache
def kafka() -> Kafka:
    """The run's broker, started if it is not there yet; this process is its user until it ends."""
    folder = Path(tempfile.gettempdir()) / f"attestream-kafka-{os.environ.get('PYTEST_XDIST_TESTRUNUID') or uuid.uuid4().hex}"
    while not _joined(folder):
        pass
    with (folder / "start").open("a") as start:
        fcntl.flock(start, fcntl.LOCK_EX)
        if not (folder / "ready.json").exists() and not (folder / "failed").exists():
            own = [sys.executable, __file__, str(folder)]
            keeper = subprocess.Popen(own, start_new_session=True, stdin=subprocess.DEVNULL)
            while not any((folder / name).exists() for name in ("ready.json", "failed")) and keeper.poll() is None:
                time.sleep(0.1)  # its keeper says so where it does not start
        if not (folder / "ready.json").exists():
            raise RuntimeError(f"Kafka did not start: {_tail(folder)}")
    said = json.loads((folder / "ready.json").read_text())
    return Kafka(**{**said, "proxied": tuple(map(tuple, said["proxied"]))})


def producer(made: Kafka, **config: Any) -> Any:
    """A KafkaProducer that waits long."""
    from kafka import KafkaProducer

    wait = int(LONG * 1000)
    limits = {"max_block_ms": wait, "bootstrap_timeout_ms": wait, "request_timeout_ms": wait, "delivery_timeout_ms": 2 * wait}
    return KafkaProducer(bootstrap_servers=made.plain, max_request_size=24 * 1024 * 1024, **limits, **config)


def admin(made: Kafka) -> Any:
    """A KafkaAdminClient that waits long."""
    from kafka.admin import KafkaAdminClient

    wait = int(LONG * 1000)
    return KafkaAdminClient(bootstrap_servers=made.plain, bootstrap_timeout_ms=wait, request_timeout_ms=wait)


def make_topic(admin: Any, name: str, partitions: int, **config: str) -> None:
    """Make a topic; return when the broker tells everybody of it."""
    from kafka.admin import NewTopic

    admin.create_topics([NewTopic(name, partitions, 1, topic_configs=config)])
    admin.wait_for_topics([name], timeout_ms=int(LONG * 1000))


def wait(until: Callable[[], Any], what: str) -> None:
    """Wait until something is so. What never comes is an AssertionError."""
    end = time.monotonic() + LONG
    while not until():
        assert time.monotonic() < end, f"not after {LONG:g} s: {what}"
        time.sleep(0.05)


def _joined(folder: Path) -> bool:
    """Become a user of the folder; False where it was removed meanwhile, by the keeper of users who had all ended."""
    folder.mkdir(mode=0o700, exist_ok=True)
    try:
        users = os.open(folder / "users", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)  # stays open: it is the lock
        fcntl.flock(users, fcntl.LOCK_SH)
        if os.path.samestat(os.fstat(users), (folder / "users").stat()):
            return True
    except FileNotFoundError:
        return False
    os.close(users)
    return False


def _tail(folder: Path) -> str:
    log = folder / "log"
    return log.read_text("utf-8", "replace")[-2000:] if log.exists() else "it has no log"


@contextmanager
def reserved(count: int) -> Iterator[list[int]]:
    """Ports that this machine hands to nobody until the block ends; who names one can listen on it.

    They are bound and not listened on, which SO_REUSEADDR (Java and Python's create_server set it) lets others do.
    """
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", 0))
        yield [int(probe.getsockname()[1]) for probe in probes]


def keep(folder: Path) -> None:
    """Start the broker, wait for its last user to end, end it, remove the folder before anybody else uses it."""
    with (folder / "users").open() as users:
        for attempt in range(1, _TRIES + 1):
            try:
                _serve(folder, lambda: fcntl.flock(users, fcntl.LOCK_EX))
                break
            except (OSError, subprocess.SubprocessError, RuntimeError) as error:
                with (folder / "log").open("a") as log:
                    log.write(f"\n{error}\n")
                if attempt == _TRIES or "Address already in use" not in _tail(folder):
                    (folder / "failed").touch()
                    time.sleep(30)  # whoever waits reads why
                    break
        shutil.rmtree(folder, ignore_errors=True)


def _serve(folder: Path, until: Callable[[], None]) -> None:
    shutil.rmtree(folder / "data", ignore_errors=True)  # it knows the ports of the try before
    with reserved(10) as ports, _broker(folder, ports) as made:
        (folder / "ready.new").write_text(json.dumps(asdict(made)))
        (folder / "ready.new").rename(folder / "ready.json")
        until()


@contextmanager
def _broker(folder: Path, ports: list[int]) -> Iterator[Kafka]:
    plain, sasl, tls, controller, *proxied = ports
    pairs = tuple(zip(proxied[::2], proxied[1::2], strict=True))
    _certificate(folder)
    (folder / "server.properties").write_text(_properties(folder, plain, sasl, tls, controller, pairs))
    cluster = base64.urlsafe_b64encode(b"A" + uuid.uuid4().bytes[1:]).decode().rstrip("=")
    scram = f"SCRAM-SHA-512=[name={READER},password={PASSWORD}]"
    form = ["kafka.tools.StorageTool", "format", "--standalone", "-t", cluster, "-c", "server.properties", "--add-scram", scram]
    with (folder / "log").open("wb") as log:
        subprocess.run([*_JAVA, *form], cwd=folder, stdout=log, stderr=log, check=True, timeout=LONG)
        process = subprocess.Popen([*_JAVA, "kafka.Kafka", "server.properties"], cwd=folder, stdout=log, stderr=log)
        try:
            until = time.monotonic() + LONG
            while not all(map(_listens, (plain, sasl, tls, *(port for port, _ in pairs)))):
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError("the broker ended or never listened")
                time.sleep(0.1)
            yield Kafka(f"127.0.0.1:{plain}", f"127.0.0.1:{sasl}", f"127.0.0.1:{tls}", pairs, str(folder / "ca.pem"))
        finally:
            process.kill()  # nothing in it is wanted any more
            process.wait(60)


@dataclass
class Nodes:
    """Three brokers of one cluster; what is written is on all of them, and two are enough to go on."""

    folder: Path
    ports: tuple[int, ...]
    running: dict[int, subprocess.Popen[bytes]]

    @property
    def servers(self) -> str:
        """For clients: host:port,host:port,host:port."""
        return ",".join(f"127.0.0.1:{port}" for port in self.ports)

    def start(self, node: int) -> None:
        """Start a node (0 to 2) that is not running; return when it listens."""
        with (self.folder / f"log{node}").open("ab") as log:
            command = [*_JAVA, "kafka.Kafka", f"{node}.properties"]
            self.running[node] = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)
        wait(lambda: _listens(self.ports[node]) or self.running[node].poll() is not None, f"node {node} listens")
        assert self.running[node].poll() is None, (self.folder / f"log{node}").read_text("utf-8", "replace")[-2000:]

    def kill(self, node: int) -> None:
        """End a node by SIGKILL."""
        process = self.running.pop(node)
        process.kill()
        process.wait(60)


@contextmanager
def cluster(folder: Path) -> Iterator[Nodes]:
    """A cluster of three in an empty folder, until the block ends."""
    with reserved(6) as ports:
        brokers, controllers = ports[:3], ports[3:]
        name = base64.urlsafe_b64encode(b"A" + uuid.uuid4().bytes[1:]).decode().rstrip("=")
        nodes = Nodes(folder, tuple(brokers), {})
        try:
            with (folder / "format").open("wb") as log:
                for node in range(3):
                    (folder / f"{node}.properties").write_text(_node(folder, node, brokers, controllers))
                    form = [*_JAVA, "kafka.tools.StorageTool", "format", "-t", name, "-c", f"{node}.properties"]
                    subprocess.run(form, cwd=folder, stdout=log, stderr=log, check=True, timeout=LONG)
            for node in range(3):  # each waits for the others: none listens before two are there
                with (folder / f"log{node}").open("wb") as log:
                    command = [*_JAVA, "kafka.Kafka", f"{node}.properties"]
                    nodes.running[node] = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
            wait(lambda: all(map(_listens, brokers)), "three brokers listen")
            yield nodes
        finally:
            for node in list(nodes.running):
                nodes.kill(node)


def _node(folder: Path, node: int, brokers: list[int], controllers: list[int]) -> str:
    settings = {
        "process.roles": "broker,controller",
        "node.id": str(node),
        "listeners": f"PLAIN://127.0.0.1:{brokers[node]},CONTROLLER://127.0.0.1:{controllers[node]}",
        "listener.security.protocol.map": "PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAIN",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": ",".join(f"{number}@127.0.0.1:{port}" for number, port in enumerate(controllers)),
        "log.dirs": str(folder / f"data{node}"),
        "auto.create.topics.enable": "false",
        "default.replication.factor": "3",
        "min.insync.replicas": "2",
        "offsets.topic.replication.factor": "3",
        "offsets.topic.num.partitions": "3",
        "transaction.state.log.replication.factor": "3",
        "transaction.state.log.min.isr": "2",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "500",
        "broker.heartbeat.interval.ms": "500",
        "broker.session.timeout.ms": "3000",
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _properties(folder: Path, plain: int, sasl: int, tls: int, controller: int, pairs: tuple[tuple[int, int], ...]) -> str:
    listens = {"PLAIN": plain, "SASL": sasl, "TLS": tls, **{f"PROXY{n}": port for n, (port, _) in enumerate(pairs)}}
    tells = {**listens, **{f"PROXY{n}": port for n, (_, port) in enumerate(pairs)}}
    protocols = dict.fromkeys(listens, "PLAINTEXT") | {"SASL": "SASL_PLAINTEXT", "TLS": "SASL_SSL", "CONTROLLER": "PLAINTEXT"}
    module = "org.apache.kafka.common.security"
    users = f'user_{READER}="{PASSWORD}" user_{STRANGER}="{PASSWORD}"'
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "listeners": ",".join(f"{name}://127.0.0.1:{port}" for name, port in {**listens, "CONTROLLER": controller}.items()),
        "advertised.listeners": ",".join(f"{name}://127.0.0.1:{port}" for name, port in tells.items()),
        "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in protocols.items()),
        "inter.broker.listener.name": "PLAIN",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.bootstrap.servers": f"127.0.0.1:{controller}",
        "log.dirs": str(folder / "data"),
        "auto.create.topics.enable": "false",
        "message.max.bytes": str(24 * 1024 * 1024),
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "500",
        "log.cleaner.backoff.ms": "200",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:ANONYMOUS;User:{READER}",
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512,OAUTHBEARER",
    }
    for name in ("sasl", "tls"):
        settings[f"listener.name.{name}.plain.sasl.jaas.config"] = f"{module}.plain.PlainLoginModule required {users};"
        settings[f"listener.name.{name}.scram-sha-512.sasl.jaas.config"] = f"{module}.scram.ScramLoginModule required;"
        oauth = f'{module}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="{READER}";'
        settings[f"listener.name.{name}.oauthbearer.sasl.jaas.config"] = oauth  # tokens without a signature, by READER
    settings["listener.name.tls.ssl.keystore.type"] = "PEM"
    settings["listener.name.tls.ssl.keystore.location"] = str(folder / "server.pem")
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _certificate(folder: Path) -> None:
    """A key and a certificate that vouches for itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=7))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    certificate = made.public_bytes(serialization.Encoding.PEM)
    (folder / "ca.pem").write_bytes(certificate)
    (folder / "server.pem").write_bytes(key.private_bytes(*form) + certificate)


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
