from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import pytest

from attestream.demo.deliver import DeliveredFile
from attestream.demo.history import history

Records = list[dict[str, Any]]


def micros(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> int:
    return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()) * 1_000_000


# A Tuesday in working hours, off every grid the simulation uses.
NOW = micros(2026, 11, 24, 14, 43, 17) + 123_456
SEED = 7


@pytest.fixture(scope="session")
def now() -> int:
    return NOW


@pytest.fixture(scope="session")
def seed() -> int:
    return SEED


@pytest.fixture(scope="session")
def delivered() -> tuple[DeliveredFile, ...]:
    return tuple(history(SEED, NOW))


@pytest.fixture(scope="session")
def read_records() -> Callable[[Iterable[DeliveredFile]], Records]:
    def read(files: Iterable[DeliveredFile]) -> Records:
        return [record for file in files for record in json.loads(gzip.decompress(file.body))["Records"]]

    return read


@pytest.fixture(scope="session")
def records(delivered: tuple[DeliveredFile, ...], read_records: Callable[[Iterable[DeliveredFile]], Records]) -> Records:
    return read_records(delivered)
