"""What a consumer group gives a member and takes away, noted by the library's thread and read by ours."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any


class Members:
    """The member's view of its group. A partition that came is paused, at offset 0, until it is claimed."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        self._lock = threading.Lock()
        self._mine: set[int] = set()
        self._gone: set[int] = set()
        self._come: set[int] = set()
        self._joined = False

    @property
    def joined(self) -> bool:
        """Whether the group has told us what is ours (which may be nothing), and has not begun to divide anew."""
        return self._joined

    def has(self, partition: int) -> bool:
        """Whether a partition is ours."""
        return partition in self._mine

    def changes(self) -> tuple[set[int], set[int]]:
        """Return (gone, come) since the last call. What went and came again is in both."""
        with self._lock:
            gone, come = self._gone, self._come
            self._gone, self._come = set(), set()
            return gone, come

    def listener(self) -> Any:
        """The listener that the library calls."""
        from kafka import ConsumerRebalanceListener

        members = self

        class Listener(ConsumerRebalanceListener):  # type: ignore[misc]
            """Notes."""

            def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
                members._went({tp.partition for tp in revoked})

            def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
                members._came(list(assigned))

        return Listener()

    def _went(self, partitions: set[int]) -> None:
        with self._lock:
            self._joined = False
            self._mine -= partitions
            self._come -= partitions
            self._gone |= partitions

    def _came(self, tps: list[Any]) -> None:
        for tp in tps:
            self._consumer.seek(tp, 0)  # so that it is not asked what was committed to Kafka
        if tps:
            self._consumer.pause(*tps)
        with self._lock:
            self._mine |= {tp.partition for tp in tps}
            self._come |= {tp.partition for tp in tps}
            self._joined = True
