"""What PostgreSQL's errors say of the storage, in the store's own words. No text holds the password.

Codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from __future__ import annotations

from typing import Final, NoReturn

from sqlalchemy import Engine, exc

from store.errors import CommitUnknown, StorageBusy, StorageFull, StorageUnreachable, StorageUnusable, StoreError

LOCK_TIMEOUT: Final = "55P03"
_BUSY: Final = frozenset({LOCK_TIMEOUT, "57014", "40001", "40P01", "53300"})
"""A lock or a statement took too long, a deadlock or a conflict was broken up, too many connections."""
_FULL: Final = frozenset({"53100"})
_GONE: Final = frozenset({"57P01", "57P02", "57P03", "57P04", "57P05", "25P03", "25P04"})
"""The server or an operator ended the session, or it was silent inside a transaction for too long."""
_DENIED: Final = frozenset({"28000", "28P01", "3D000", "42501"})
_LATER: Final = ("starting up", "shutting down", "recovery", "too many", "connection slots", "terminating")
_NEVER: Final = ("FATAL", "password", "certificate", "does not support SSL")
"""What a connection is refused with has no code. `_LATER` passes by itself; of the rest, what has a word of `_NEVER` does not."""


def place_of(engine: Engine) -> str:
    """The database as errors name it: host, port and name, never the password."""
    url = engine.url
    return f"PostgreSQL {url.host or 'local'}:{url.port or 5432}/{url.database}"


def reason_of(engine: Engine, error: BaseException | None) -> str:
    """The first line of the server's or the driver's own words."""
    reason = (str(error).strip().splitlines() or ["no reason given"])[0]
    password = engine.url.password
    return reason.replace(str(password), "***") if password else reason


def storage_error(engine: Engine, error: exc.DBAPIError) -> StoreError | None:
    """What a driver's error says of the storage; None where it speaks of the statement or of its data instead."""
    place, reason = place_of(engine), reason_of(engine, error.orig)
    code = getattr(error.orig, "sqlstate", None) or ""
    if code in _BUSY:
        return StorageBusy(f"{place}: another session has held it up for too long; nothing was written ({reason})")
    if code in _FULL:
        return StorageFull(f"{place}: the disk is full; nothing was written. Free some space and try again ({reason})")
    if code in _DENIED:
        return StorageUnusable(f"{place}: access is refused; check user, password, database and grants ({reason})")
    if error.connection_invalidated or code in _GONE or code.startswith("08"):
        return StorageUnreachable(f"{place}: the connection is lost; nothing was written ({reason})")
    if code.startswith(("53", "58", "XX")):
        return StorageUnusable(f"{place}: the server reports trouble; nothing was written ({reason})")
    if not code and isinstance(error, exc.OperationalError):
        kind = StorageUnreachable if _passes(str(error.orig)) else StorageUnusable
        return kind(f"{place}: it gives no connection; nothing was written ({reason})")
    return None


def _passes(words: str) -> bool:
    """Whether who was refused a connection with these words may be given one later, with nothing changed on this side."""
    return any(word in words for word in _LATER) or not any(word in words for word in _NEVER)


def after_commit(engine: Engine, error: exc.DBAPIError) -> NoReturn:
    """Raise what an error at COMMIT means: where the connection was lost, nobody knows whether it was done."""
    translated = storage_error(engine, error)
    if translated is None:
        raise error
    if isinstance(translated, StorageUnusable) and not isinstance(translated, StorageFull):
        raise CommitUnknown(
            f"{place_of(engine)}: the connection was lost during COMMIT: it may or may not be done; the same again is safe"
            f" ({reason_of(engine, error.orig)})"
        ) from error
    raise translated from error
