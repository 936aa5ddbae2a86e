"""What can go wrong in the store. Everything that this package raises on purpose is a StoreError."""

from __future__ import annotations


class StoreError(Exception):
    """Base of all errors of the store. Its text is for people: it names the place and what to do, and holds no secret."""


class VerificationError(StoreError):
    """Bytes, a proof, a note or a checkpoint are not what they must be.

    `index` is the first index of the log that differs, where the check can tell.
    """

    def __init__(self, message: str, *, index: int | None = None) -> None:
        super().__init__(message)
        self.index = index


class Fenced(StoreError):
    """A partition's position moved under another epoch: this consumer is no longer its owner, and nothing was written."""


class StaleMappingSet(StoreError):
    """A batch was judged by a mapping set that is no longer the active one: load the active set, judge again, and retry."""


class InvalidTime(StoreError, ValueError):
    """Text that is no RFC 3339 time, or a time outside the years 1970 to 9999."""


class StorageUnusable(StoreError):
    """The file or its folder cannot be used: missing, not writable, not a database, damaged, or the disk reports errors."""


class StorageUnreachable(StorageUnusable):
    """The database's server does not answer, or cannot do it now: it may be waited for. Nothing was written."""


class StorageFull(StorageUnusable):
    """No space is left: the transaction was rolled back and nothing of it was written."""


class StorageBusy(StoreError):
    """Another process held the write lock for longer than the time allowed to wait; nothing was written."""


class CommitUnknown(StorageUnusable):
    """The database was lost in the middle of a COMMIT: it is done or it is not. To try the same again is safe: positions and
    what was seen say which."""
