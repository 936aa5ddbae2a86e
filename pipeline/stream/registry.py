"""Which stream a `stream.url` means: one line per backend."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from pipeline.errors import StreamError
from pipeline.stream.base import Stream
from pipeline.stream.sqlite import SqliteStream


def _sqlite(rest: str, folder: Path) -> Stream:
    """`sqlite` is stream.db in the folder; `sqlite:///relative.db` and `sqlite:////absolute.db` as everywhere."""
    if not rest:
        return SqliteStream(folder / "stream.db")
    if not rest.startswith("/") or rest == "/":
        raise StreamError("stream.url: a file is written sqlite:///relative/path.db or sqlite:////absolute/path.db")
    return SqliteStream(Path(rest[1:]))


def _kafka(_rest: str, _folder: Path) -> Stream:
    raise StreamError("stream.url: kafka:// is not in this version; use sqlite (the embedded stream)")


BACKENDS: Final[Mapping[str, Callable[[str, Path], Stream]]] = {
    "sqlite": _sqlite,
    "kafka": _kafka,
}


def open_stream(url: str, folder: Path) -> Stream:
    """Open the stream that `url` names; `folder` is where an embedded one lives by default.

    Raises StreamError; its text never repeats the address, which may hold a password.
    """
    scheme, _, rest = url.partition("://")
    backend = BACKENDS.get(scheme)
    if backend is None:
        raise StreamError(f"stream.url: no such kind of stream; there are: {', '.join(sorted(BACKENDS))}")
    return backend(rest, folder)
