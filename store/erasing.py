"""Carrying an erasure out: in transactions of bounded size, each with an entry of its own, so that it may be stopped anywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from store.changes import Decide
from store.erase import check_erasable
from store.erase_find import Hit, Needle, Progress, elsewhere, in_range, log_size, names_with, search
from store.errors import StoreError
from store.evidence import EvidenceStore
from store.records import Batch, Erasure
from store.scrub import scrub

MAX_ENTRIES: Final = 500
MAX_RUNS: Final = 40
"""Runs of neighbouring entries in one transaction. A run is a block or two, which are written anew while the log is locked."""
PASSES: Final = 100
_OVERLONG: Final = "new entries with this value keep coming: stop what brings them, then erase again"


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be erased (`hits`), what holds the value and stays (`kept`), names that go, other places that stay.

    `size`: how many entries of the log were looked at.
    """

    hits: tuple[Hit, ...]
    kept: tuple[Hit, ...] = ()
    names: tuple[str, ...] = ()
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    value: str = ""
    payload_only: bool = False
    size: int = 0

    @property
    def sources(self) -> dict[str, int]:
        """Entries to erase by source."""
        return dict(sorted(Counter(hit.source for hit in self.hits).items()))


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased: how many entries, the indexes of the erasures that say so, and what could not be cleaned on the disk."""

    entries: int
    erasures: tuple[int, ...]
    notes: tuple[str, ...]


def plan_value(store: EvidenceStore, value: str, payload_only: bool = False, progress: Progress | None = None) -> Plan:
    """Find everything that holds the value. Raises StoreError for a value that is none."""
    needle = Needle(value)
    size = log_size(store.engine)
    found = list(search(store.engine, needle, 0, size, progress))
    hits = tuple(hit for hit in found if hit.erasable(payload_only))
    kept = tuple(hit for hit in found if hit.clear or not hit.erasable(payload_only) or (payload_only and "detail" in hit.parts))
    names = () if payload_only else tuple(names_with(store.engine, needle))
    return Plan(hits, kept, names, elsewhere(store.engine, needle), value, payload_only, size)


def plan_range(store: EvidenceStore, first: int, last: int, payload_only: bool = False) -> Plan:
    """The entries of an index range. Raises StoreError where one is not there, or is never erased."""
    hits = in_range(store.engine, first, last)
    for hit in hits:
        check_erasable(hit.index, hit.type)
    return Plan(tuple(hit for hit in hits if hit.erasable(payload_only)), payload_only=payload_only)


def carry_out(store: EvidenceStore, plan: Plan, reason: str, by: str, decide: Decide, progress: Progress | None = None) -> Erased:
    """Erase what was planned and, of a value, what came since; then clean the disk. May be done again after any interruption.

    Raises StoreError for a reason that is none, or that repeats the value: it stays in the log.
    """
    if not reason.strip():
        raise StoreError("an erasure needs a reason: it stays in the log for whoever audits it")
    if plan.value and plan.value in reason:
        raise StoreError("the reason repeats the value, and it would stay in the log: say it in other words")
    done: list[int] = []
    entries, indexes, size = 0, [hit.index for hit in plan.hits], plan.size
    for _ in range(PASSES):
        for some in batches(indexes):
            erasure = Erasure(tuple(some), reason.strip(), by, plan.payload_only, plan.value)
            appended = store.append(Batch(erasures=(erasure,)), (), decide)
            done += range(appended.before, appended.after)
            entries += len(some) if appended.after > appended.before else 0
            if progress is not None:
                progress(entries, max(len(plan.hits), entries))
        if not plan.value:
            break
        # What was appended since may hold it too.
        start, size = size, log_size(store.engine)
        found = search(store.engine, Needle(plan.value), start, size)
        indexes = [hit.index for hit in found if hit.erasable(plan.payload_only)]
        if not indexes:
            break
    else:
        raise StoreError(_OVERLONG)
    return Erased(entries, tuple(done), tuple(scrub(store.engine)))


def batches(indexes: Sequence[int], entries: int = MAX_ENTRIES, runs: int = MAX_RUNS) -> Iterator[list[int]]:
    """Cut ascending indexes into what one transaction erases."""
    some: list[int] = []
    count = 0
    for index in indexes:
        new = not some or index != some[-1] + 1
        if some and (len(some) >= entries or (new and count >= runs)):
            yield some
            some, count, new = [], 0, True
        some.append(index)
        count += new
    if some:
        yield some
