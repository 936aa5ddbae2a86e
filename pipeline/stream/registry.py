"""Which stream a `stream.url` means: one line per backend."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from pipeline.errors import StreamError
from pipeline.stream.base import Stream
from pipeline.stream.kafka import KafkaStream
from pipeline.stream.kafka_cluster import Cluster
from pipeline.stream.options import StreamOptions
from pipeline.stream.sqlite import SqliteStream


def _sqlite(rest: str, folder: Path, _options: StreamOptions) -> Stream:
    """`sqlite` is stream.db in the folder; `sqlite:///relative.db` and `sqlite:////absolute.db` as everywhere."""
    if not rest:
        return SqliteStream(folder / "stream.db")
    if not rest.startswith("/") or rest == "/":
        raise StreamError("stream.url: a file is written sqlite:///relative/path.db or sqlite:////absolute/path.db")
    return SqliteStream(Path(rest[1:]))


def _kafka(rest: str, _folder: Path, options: StreamOptions) -> Stream:
    return KafkaStream(Cluster.of(rest, options))


BACKENDS: Final[Mapping[str, Callable[[str, Path, StreamOptions], Stream]]] = {
    "sqlite": _sqlite,
    "kafka": _kafka,
}
_DEFAULTS: Final = StreamOptions()


def open_stream(url: str, folder: Path, options: StreamOptions = _DEFAULTS) -> Stream:
    """Open the stream that `url` names; `folder` is where an embedded one lives by default, `options` are for the others.

    Raises StreamError; its text never repeats the address where it is not understood: it may hold a password.
    """
    scheme, _, rest = url.partition("://")
    backend = BACKENDS.get(scheme)
    if backend is None:
        raise StreamError(f"stream.url: no such kind of stream; there are: {', '.join(sorted(BACKENDS))}")
    return backend(rest, folder, options)
