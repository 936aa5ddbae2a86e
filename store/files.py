"""Small files that must be there whole or not at all, and errors of the system as ours."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from store.errors import StoreError

MAX_SMALL: Final = 1 << 18


def read_small(path: Path) -> bytes | None:
    """Content of a small file, None where there is none."""
    with os_errors(f"read {path}"):
        try:
            with path.open("rb") as file:
                return file.read(MAX_SMALL + 1)
        except FileNotFoundError:
            return None


def write_whole(path: Path, data: bytes, mode: int, *, replace: bool = True) -> None:
    """Write a file so that it is there whole or not at all, also after a power cut. FileExistsError when not to be replaced."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        if replace:
            Path(temporary).replace(path)
        else:
            os.link(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make a folder's list of names durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def try_lock(descriptor: int) -> bool:
    """Take the lock on an open file, if it is free."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # flock, not lockf: it also excludes threads of this process
    except BlockingIOError:
        return False
    return True


@contextmanager
def os_errors(what: str) -> Iterator[None]:
    """Raise the system's errors as StoreError: cannot `what`."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"cannot {what}: {error.strerror or error}") from error
