"""Waiting for servers that do not answer yet."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, TypeVar

import structlog

from pipeline.errors import StreamError, StreamUnreachable
from store.errors import CommitUnknown, StorageBusy, StorageUnreachable

FIRST: Final = 1.0
LONGEST: Final = 30.0
"""Seconds between tries: at first, and at most."""
PASSING: Final = (StreamUnreachable, StorageUnreachable, StorageBusy, CommitUnknown)
"""What passes without anybody's doing on this side."""
T = TypeVar("T")
log = structlog.get_logger("attestream.service")


def when_it_answers(act: Callable[[], T], stop: threading.Event, met: Exception | None = None) -> T | None:
    """What `act` returns, tried with back-off while the stream or the store does not answer; None when told to stop before.

    `act` may be begun any number of times. `met`: an error of `PASSING` that it ended with just now. Raises what else it raises.
    """
    error, what, delay = met, "", FIRST
    while not stop.is_set():
        if error is None:
            try:
                result = act()
            except PASSING as caught:
                error = caught
            else:
                if what:
                    log.info(f"the {what} answers")
                return result
        what = "stream" if isinstance(error, StreamError) else "store"
        log.warning(f"waiting for the {what}", error=str(error), wait_seconds=delay)
        stop.wait(delay)
        error, delay = None, min(delay * 2, LONGEST)
    return None
