"""Events that reach an installation past its collectors, and what publishes them while a test does something else."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Sequence

from pipeline.errors import StreamError
from store.records import Event
from tests.faults.scale import Scale
from tests.faults.world import LIMIT, SOURCE

EXTRA = 3000
"""Events that are published past the collectors."""


class Feed:
    """Publishes events past the collectors while a test does something else: in any order, some of them twice.

    When all are out some are published again, until the test has what it wants. What the brokers do not take is published
    again, as a collector does.
    """

    def __init__(self, scale: Scale, events: Sequence[Event], dice: random.Random, every: float = 0.2) -> None:
        """`every`: seconds between two of some sixty packs."""
        shuffled = dice.sample(list(events), len(events))
        self._packs = [shuffled[start : start + 60] for start in range(0, len(shuffled), 60)]
        self._left = [*self._packs, *dice.sample(self._packs, len(self._packs) // 5)]
        self._dice = random.Random(dice.random())  # for the thread alone
        self._scale, self._every = scale, every
        self._hurry, self._error, self._given_up = threading.Event(), "", False
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def __enter__(self) -> Feed:
        self._thread.start()
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        self._given_up = error is not None
        self._hurry.set()
        self._thread.join(LIMIT)

    def rest(self) -> None:
        """Publish at once what is left."""
        self._hurry.set()
        self._thread.join(LIMIT)
        assert not self._thread.is_alive()
        assert not self._error

    def _run(self) -> None:
        deadline = time.monotonic() + LIMIT
        while (self._left or not self._hurry.is_set()) and not self._given_up:
            self._left = self._left or [self._dice.choice(self._packs)]
            try:
                self._scale.stream.publish(self._left[-1])
                self._left.pop()
                self._hurry.wait(self._every)
            except StreamError as error:
                if time.monotonic() > deadline:
                    self._error = str(error)
                    return
                time.sleep(self._every)


def extra(count: int, seed: int = 3) -> list[Event]:
    """Events of an account of their own: two in five speak to no mapping, the others make evidence and findings."""
    names = ("ListBuckets", "GetObject", "Decrypt", "GetBucketPolicy", "GetBucketVersioning")
    return [_extra(number, names[(number * 7 + seed) % len(names)]) for number in range(count)]


def _extra(number: int, name: str) -> Event:
    at = 1_741_500_000_000_000 + number * 6_000_000
    record = {
        "eventID": f"extra-{number}",
        "eventName": name,
        "eventSource": "s3.amazonaws.com",
        "requestParameters": {"bucketName": f"bucket-{number % 97}"},
        "userIdentity": {"arn": f"arn:aws:iam::999999999999:user/u{number % 31}"},
    }
    payload = json.dumps(record).encode()
    place = ("999999999999", "eu-west-1")
    return Event(SOURCE, f"extra-{number}", "log.aws.cloudtrail", at, payload, "extra", at + 60_000_000, None, *place)
