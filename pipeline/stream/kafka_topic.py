"""The topic of a stream: made where it is missing, taken as it is where it is there, told apart from another of its name."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from pipeline.errors import StreamError, StreamUnreachable
from pipeline.stream.kafka_client import open_client
from pipeline.stream.kafka_cluster import ANSWER, MAX_MESSAGE, Cluster

_HUGE: Final = 64 * 1024 * 1024
"""Bytes of a record that a consumer of ours may not have the room for."""
log = structlog.get_logger("attestream.stream")


@dataclass(frozen=True, slots=True)
class TopicInfo:
    """`identity`: of the cluster and the topic in it. Another topic of the same name has another one."""

    identity: str
    topic_id: str
    partitions: int


def ensure_topic(cluster: Cluster) -> TopicInfo:
    """Return the topic, made if it is missing. Raises StreamError."""
    from kafka.admin import KafkaAdminClient

    admin, _ = open_client(cluster, KafkaAdminClient, "admin")
    with cluster.explained():
        try:
            found = _described(admin, cluster)
            made = found is None
            if found is None:
                _create(admin, cluster)
                found = _described(admin, cluster)
            if found is None:
                raise StreamUnreachable(
                    f"{cluster.text}: topic {cluster.topic} was made, and is not there yet; nothing is lost, it is tried again"
                )
            if not made:
                _warn(cluster, _settings(admin, cluster))
            place, topic_id = admin.describe_cluster()["cluster_id"], str(found.get("topic_id") or "")
            return TopicInfo(f"kafka:{place}/{cluster.topic}/{topic_id}", topic_id, len(found["partitions"]))
        finally:
            admin.close()


def _described(admin: Any, cluster: Cluster) -> Mapping[str, Any] | None:
    """The topic's description, None where there is none. Raises StreamError for one that cannot be used."""
    from kafka.errors import for_code

    until = time.monotonic() + ANSWER
    while True:
        found: Mapping[str, Any] = admin.describe_topics([cluster.topic])[0]
        name = "" if not found["error_code"] else for_code(found["error_code"]).__name__
        if name == "UnknownTopicOrPartitionError":
            return None
        if not name and found["partitions"] and all(part["leader_id"] >= 0 for part in found["partitions"]):
            return found
        if name == "TopicAuthorizationFailedError":
            raise for_code(found["error_code"])
        if time.monotonic() > until:
            missing = name or "a partition has no leader"
            raise StreamUnreachable(f"{cluster.text}: topic {cluster.topic} cannot be used now ({missing}); it is tried again")
        time.sleep(0.1)


def _create(admin: Any, cluster: Cluster) -> None:
    """Make the topic. That another role makes it at the same time is no matter: whoever is second finds it."""
    from kafka.errors import KafkaError

    options = cluster.options
    configs = {
        "cleanup.policy": "delete",
        "retention.ms": str(options.retention * 1000),
        "retention.bytes": "-1",
        "max.message.bytes": str(MAX_MESSAGE),
        "message.timestamp.type": "LogAppendTime",  # retention by our clock, whatever a writer says
        "compression.type": "producer",
    }
    if options.replication is not None and options.replication >= 3:
        configs["min.insync.replicas"] = "2"
    asked = {"num_partitions": options.partitions, "replication_factor": options.replication or -1, "configs": configs}
    try:
        admin.create_topics({cluster.topic: asked}, timeout_ms=int(ANSWER * 1000))
        log.info("topic made", topic=cluster.topic, partitions=options.partitions, replication=options.replication)
    except KafkaError as error:
        name = type(error).__name__
        if name in ("InvalidReplicationFactorError", "InvalidPartitionsError", "PolicyViolationError", "InvalidConfigError"):
            what = "correct stream.replication and stream.partitions"
            raise StreamError(
                f"{cluster.text} does not make topic {cluster.topic} as it is asked for ({name}): {what}"
            ) from error
        if name in ("TopicAuthorizationFailedError", "ClusterAuthorizationFailedError"):
            wants = f"{options.partitions} partitions, max.message.bytes={MAX_MESSAGE}, cleanup.policy=delete"
            raise StreamError(
                f"{cluster.text}: there is no topic {cluster.topic}, and this user may not make it: make it ({wants}), or allow "
                "CREATE"
            ) from error
        if name != "TopicAlreadyExistsError":
            raise
    admin.wait_for_topics([cluster.topic], timeout_ms=int(ANSWER * 1000))


def _settings(admin: Any, cluster: Cluster) -> Mapping[str, str]:
    """The topic's settings; none where we may not read them."""
    from kafka.admin import ConfigResource
    from kafka.errors import KafkaError

    try:
        found = admin.describe_configs([ConfigResource("topic", cluster.topic)], config_filter="all")
        values = found["topic"][cluster.topic]
        return {name: str(value["value"]) for name, value in values.items()}
    except (KafkaError, KeyError):
        return {}


def _warn(cluster: Cluster, settings: Mapping[str, str]) -> None:
    """Say what of a topic that we did not make is less than is needed. It is used all the same."""
    options, wrong = cluster.options, []
    size, kept = int(settings.get("max.message.bytes", MAX_MESSAGE)), int(settings.get("retention.ms", -1))
    if size < MAX_MESSAGE:
        wrong.append(f"max.message.bytes is {size}: larger records cannot be published, set {MAX_MESSAGE}")
    if size > _HUGE:
        wrong.append(f"max.message.bytes is {size}: a record over 64 MiB may not fit into memory")
    if 0 <= kept < options.retention * 1000:
        wrong.append(f"retention.ms is {kept}: less than stream.retention ({options.retention} s), what waits longer is lost")
    if int(settings.get("retention.bytes", -1)) >= 0:
        wrong.append("retention.bytes is set: what waits may be lost before its time")
    if "compact" in settings.get("cleanup.policy", "delete"):
        wrong.append("cleanup.policy compacts: records are lost, set delete")
    for reason in wrong:
        log.warning("the topic is not as it is asked for", topic=cluster.topic, reason=reason)
