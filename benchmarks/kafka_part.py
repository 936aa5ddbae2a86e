"""Kafka: one node (KRaft), the broker's defaults, one copy of everything."""

from __future__ import annotations

import base64
import shutil
import subprocess
import uuid
from pathlib import Path
from typing import Final

from benchmarks.server import PartMissing, Server, free_port, launch, listens

JARS: Final = Path(__file__).resolve().parents[1] / ".venv" / "kafka"
GET: Final = "apt-get install -y default-jre-headless maven && make kafka"
HEAP: Final = "-Xmx512m"


def start(folder: Path) -> Server:
    """Start it in an empty folder. Raises PartMissing."""
    java = shutil.which("java")
    if java is None or not any(JARS.glob("kafka_*.jar")):
        raise PartMissing(f"{'no java on PATH' if java is None else 'no jars in .venv/kafka'}; get it by: {GET}")
    port = free_port()
    config = folder / "server.properties"
    config.write_text(_properties(folder / "data", port, free_port()), encoding="ascii")
    run = [java, HEAP, "-cp", f"{JARS}/*"]
    cluster = base64.urlsafe_b64encode(b"A" + uuid.uuid4().bytes[1:]).decode().rstrip("=")
    form = [*run, "kafka.tools.StorageTool", "format", "--standalone", "-t", cluster, "-c", str(config)]
    done = subprocess.run(form, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PartMissing(f"its storage cannot be formatted: {done.stderr.strip()[-500:]}")
    return launch([*run, "kafka.Kafka", str(config)], port, folder, lambda: listens(port))


def _properties(data: Path, port: int, controller: int) -> str:
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "listeners": f"PLAIN://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
        "listener.security.protocol.map": "PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAIN",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.bootstrap.servers": f"127.0.0.1:{controller}",
        "log.dirs": str(data),
        "auto.create.topics.enable": "false",
        "message.max.bytes": str(24 * 1024 * 1024),
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "group.initial.rebalance.delay.ms": "2000",  # workers that start together share the work from the beginning
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())
