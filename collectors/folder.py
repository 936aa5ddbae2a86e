"""Delivered files in a directory and everything below it: listing, and opening without being led astray.

A file's place on the cursor's axis is its mtime, as long as that can be true (not before 2013, not after the file came to
lie here); its ctime says when it arrived, so that files copied with an old mtime are not lost.
"""

from __future__ import annotations

import errno
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from collectors.base import SourceUnreadable
from collectors.delivered import Delivered, Refused
from collectors.file_name import Namer
from collectors.listing import Listed, Refusal
from collectors.unreadable import shown
from store.times import parse_time

_BEGINNING: Final = parse_time("2013-11-01T00:00:00Z")  # before cloud logs were delivered as files
_NOT_OURS: Final = "lost+found"  # the file system's own, closed to everybody
_STEP: Final = 256 * 1024
_LEADS_OUT: Final = "is a link that leads out of the source's directory: remove it, or set follow_links: true if it is meant"
_SHARED: Final = "has another name elsewhere (a hard link): copy it instead, or set follow_links: true if it is meant"
_REASONS: Final = {
    errno.EACCES: "permission denied: the service's user needs to read it (chmod, chown or an ACL)",
    errno.EPERM: "permission denied: the service's user needs to read it (chmod, chown or an ACL)",
    errno.ENOENT: "is not there (any more)",
    errno.ENOTDIR: "is not a directory",
    errno.ELOOP: "is a link that leads back to itself: remove the link",
    errno.EIO: "the disk reports an error: check the file system",
    errno.ESTALE: "the network file system lost it: mount it again",
}


@dataclass(frozen=True, slots=True)
class _OpenFile(Delivered):
    descriptor: int
    version: str

    def chunks(self, start: int = 0) -> Iterator[bytes]:
        """Read from there."""
        at = start
        while True:
            try:
                chunk = os.pread(self.descriptor, _STEP, at)
            except OSError as error:
                raise Refused(reason(error)) from error
            if not chunk:
                return
            at += len(chunk)
            yield chunk

    def changed(self) -> bool:
        """Was it written to since it was listed?"""
        return _version(os.fstat(self.descriptor)) != self.version


@contextmanager
def opened(listed: Listed, inside: Path | None = None) -> Iterator[Delivered]:
    """Open a listed file for reading; `inside`: only if it lies there, whatever links led to it. Raises Refused."""
    try:
        # without O_NONBLOCK a pipe in a file's place would hold us for ever
        descriptor = os.open(listed.key, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise Refused(reason(error)) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Refused("is not a regular file: move it away")
        if inside is not None and status.st_nlink > 1:  # its other name may lie where whoever made the link cannot read
            raise Refused(_SHARED)
        if inside is not None and not _lies_in(f"/proc/self/fd/{descriptor}", listed.key, inside):
            raise Refused(_LEADS_OUT)
        yield _OpenFile(descriptor, listed.version)
    finally:
        os.close(descriptor)


def _lies_in(opened_as: str, path: str, root: Path) -> bool:
    """Whether what was opened, or where there is no /proc what the path leads to, lies below the root."""
    real = os.path.realpath(opened_as if os.path.exists(opened_as) else path)  # noqa: PTH110  names that are no text must survive
    top = os.path.realpath(root)
    return real == top or real.startswith(top.rstrip(os.sep) + os.sep)


def scan(root: Path, namer: Namer, follow_links: bool = False) -> Iterator[Listed | Refusal]:
    """List everything below `root`, each directory once. Raises SourceUnreadable if `root` cannot be listed.

    Whoever can write into a log folder must not choose what the service reads: links that lead out of it are refused, unless
    they are said to be meant.
    """
    seen: set[tuple[int, int]] = set()
    waiting = [os.fspath(root)]
    while waiting:
        folder = waiting.pop()
        try:
            status = os.stat(folder)  # noqa: PTH116  names that are no text must survive
            if (status.st_dev, status.st_ino) in seen:  # reached by a link before
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as entries:
                for entry in entries:
                    if not follow_links and entry.is_symlink() and not _lies_in("", entry.path, root):
                        if namer(entry.name) is not None or entry.is_dir():
                            yield Refusal(shown(entry.path), _LEADS_OUT)
                        continue
                    found = _entry(entry, namer)
                    if isinstance(found, str):
                        waiting.append(found)
                    elif found is not None:
                        yield found
        except OSError as error:
            if folder == os.fspath(root):
                raise SourceUnreadable(_unlistable(root, error)) from error
            yield Refusal(shown(folder), reason(error))


def scan_file(path: Path, namer: Namer, follow_links: bool = False) -> Iterator[Listed | Refusal]:
    """List this one file of a directory, if it is there. Raises SourceUnreadable if the directory cannot be listed."""
    try:
        with os.scandir(path.parent) as entries:
            for entry in entries:
                if entry.name != path.name:
                    continue
                if not follow_links and entry.is_symlink() and not _lies_in("", entry.path, path.parent):
                    yield Refusal(shown(entry.path), _LEADS_OUT)
                elif isinstance(found := _entry(entry, namer), Listed | Refusal):
                    yield found
    except OSError as error:
        raise SourceUnreadable(_unlistable(path.parent, error)) from error


def _entry(entry: os.DirEntry[str], namer: Namer) -> Listed | Refusal | str | None:
    """One entry: a file, a refusal, a directory still to be listed, or nothing of ours (a dangling link, a socket)."""
    name = namer(entry.name)
    try:
        status = entry.stat()
    except OSError as error:
        return None if name is None and error.errno == errno.ENOENT else Refusal(shown(entry.path), reason(error))
    if stat.S_ISDIR(status.st_mode):
        return None if entry.name == _NOT_OURS else entry.path
    if name is None and not stat.S_ISREG(status.st_mode):
        return None
    arrived = status.st_ctime_ns // 1000
    if entry.is_symlink():  # the link may be younger than what it leads to
        arrived = max(arrived, entry.stat(follow_symlinks=False).st_ctime_ns // 1000)
    modified = status.st_mtime_ns // 1000
    if not _BEGINNING <= modified <= arrived:
        modified = arrived
    return Listed(entry.path, shown(entry.path), modified, arrived, status.st_size, _version(status), name)


def _version(status: os.stat_result) -> str:
    return f"{status.st_ino}-{status.st_size}-{status.st_mtime_ns}"


def reason(error: OSError) -> str:
    """Why the system refused, and what to do, without the path."""
    return _REASONS.get(error.errno or 0) or f"cannot be read ({os.strerror(error.errno or 0)})"


def _unlistable(root: Path, error: OSError) -> str:
    place = shown(str(root))
    if error.errno == errno.ENOENT:
        return f"directory {place} does not exist: create it, mount it, or correct the source's path"
    return f"directory {place}: {reason(error)}"


def owner(path: Path) -> str:
    """As whom the directory is read, and whose it is; empty if it cannot be said (then listing will say why)."""
    try:
        uid = path.stat().st_uid
    except OSError:
        return ""
    return f"user {_user(os.geteuid())}; directory owned by {_user(uid)}"


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
