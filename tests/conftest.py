"""What holds for the whole suite: real parts that a machine may lack, slow tests that are asked for, and no timed examples."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

from tests.parts import PARTS, missing

REQUIRED = os.environ.get("ATTESTREAM_REQUIRE_PARTS") == "1"
SOAK = os.environ.get("SOAK") == "1"

# A busy machine makes an example slow, and says nothing of the code. Loaded before any test module decorates anything.
settings.register_profile("untimed", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
# A run that gates a change tries the same examples each time; everywhere else, and in long runs, new ones are looked for.
settings.register_profile("gate", settings.get_profile("untimed"), derandomize=True)
if REQUIRED and os.environ.get("FAULTS") != "long":
    settings.load_profile("gate")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A typing error in a part's name is found on every machine, whatever is installed there."""
    for item in items:
        for name in parts_of(item):
            if name not in PARTS:
                raise pytest.UsageError(f"{item.nodeid}: no part {name!r} in tests/parts.py (known: {', '.join(sorted(PARTS))})")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, or fail, before any fixture is made."""
    if item.get_closest_marker("soak") is not None and not SOAK:
        pytest.skip("slow; SOAK=1 asks for it")
    faults = [fault for name in parts_of(item) if (fault := missing(name))]
    if faults and REQUIRED:
        pytest.fail("; ".join(faults), pytrace=False)
    if faults:
        pytest.skip("; ".join(faults))


def parts_of(item: pytest.Item) -> list[str]:
    """The parts that a test names, itself or by its module."""
    return [str(name) for marker in item.iter_markers("parts") for name in marker.args]
