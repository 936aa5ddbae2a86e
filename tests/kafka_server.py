"""A real Kafka for tests: one node (KRaft) for a whole test run, shared by its processes, ended when the last of them has ended.

Whoever uses it holds a shared lock on a file in its folder. A keeper process starts the broker and waits for the exclusive lock,
which it gets when no user is left, however these ended; then it ends the broker and removes the folder.
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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import IPv4Address
from pathlib import Path

JARS = Path(__file__).resolve().parents[1] / ".venv" / "kafka"  # as in tests/parts.py; this file also runs by itself
READER, STRANGER = "reader", "stranger"
"""Users: one may read every topic, the other none."""
PASSWORD = "kafka-secret-of-the-tests"
_START = 240.0


@dataclass(frozen=True)
class Kafka:
    """Where it listens. `plain` needs no user and may do anything; `proxied` is (where it listens, what it tells clients)."""

    plain: str
    sasl: str
    tls: str
    proxied: tuple[tuple[int, int], ...]
    ca_file: str


@cache
def kafka() -> Kafka:
    """The run's broker, started if it is not there yet; this process is its user until it ends."""
    folder = Path(tempfile.gettempdir()) / f"attestream-kafka-{os.environ.get('PYTEST_XDIST_TESTRUNUID') or uuid.uuid4().hex}"
    folder.mkdir(mode=0o700, exist_ok=True)
    users = os.open(folder / "users", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)  # never closed: it is the lock
    fcntl.flock(users, fcntl.LOCK_SH)
    with (folder / "start").open("a") as start:
        fcntl.flock(start, fcntl.LOCK_EX)
        if not (folder / "ready.json").exists():
            subprocess.Popen([sys.executable, __file__, str(folder)], start_new_session=True, stdin=subprocess.DEVNULL)
            until = time.monotonic() + _START
            while not (folder / "ready.json").exists():
                if (folder / "failed").exists() or time.monotonic() > until:
                    raise RuntimeError(f"Kafka did not start: {(folder / 'log').read_text()[-2000:]}")
                time.sleep(0.1)
    said = json.loads((folder / "ready.json").read_text())
    return Kafka(**{**said, "proxied": tuple(map(tuple, said["proxied"]))})


def free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def keep(folder: Path) -> None:
    """Start the broker, wait for its last user to end, end it."""
    try:
        with _broker(folder) as made:
            (folder / "ready.new").write_text(json.dumps(asdict(made)))
            (folder / "ready.new").rename(folder / "ready.json")
            with (folder / "users").open() as users:
                fcntl.flock(users, fcntl.LOCK_EX)
    except (OSError, subprocess.SubprocessError, RuntimeError) as error:
        with (folder / "log").open("a") as log:
            log.write(f"\n{error}\n")
        (folder / "failed").touch()
        time.sleep(5)  # whoever waits reads why
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _broker(folder: Path) -> Iterator[Kafka]:
    plain, sasl, tls, controller, *proxied = free_ports(8)
    pairs = tuple(zip(proxied[::2], proxied[1::2], strict=True))
    _certificate(folder)
    (folder / "server.properties").write_text(_properties(folder, plain, sasl, tls, controller, pairs))
    java = ["java", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{JARS}/*"]
    cluster = base64.urlsafe_b64encode(b"A" + uuid.uuid4().bytes[1:]).decode().rstrip("=")
    scram = f"SCRAM-SHA-512=[name={READER},password={PASSWORD}]"
    form = ["kafka.tools.StorageTool", "format", "--standalone", "-t", cluster, "-c", "server.properties", "--add-scram", scram]
    with (folder / "log").open("wb") as log:
        subprocess.run([*java, *form], cwd=folder, stdout=log, stderr=log, check=True, timeout=_START)
        process = subprocess.Popen([*java, "kafka.Kafka", "server.properties"], cwd=folder, stdout=log, stderr=log)
        try:
            until = time.monotonic() + _START
            while not all(map(_listens, (plain, sasl, tls, *(port for port, _ in pairs)))):
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError("the broker ended or never listened")
                time.sleep(0.1)
            yield Kafka(f"127.0.0.1:{plain}", f"127.0.0.1:{sasl}", f"127.0.0.1:{tls}", pairs, str(folder / "ca.pem"))
        finally:
            process.kill()  # nothing in it is wanted any more
            process.wait(60)


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
        "log.cleaner.backoff.ms": "200",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:ANONYMOUS;User:{READER}",
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
    }
    for name in ("sasl", "tls"):
        settings[f"listener.name.{name}.plain.sasl.jaas.config"] = f"{module}.plain.PlainLoginModule required {users};"
        settings[f"listener.name.{name}.scram-sha-512.sasl.jaas.config"] = f"{module}.scram.ScramLoginModule required;"
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
