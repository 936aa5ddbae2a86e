"""How much of the long run FAULTS asks for."""

from __future__ import annotations

import pytest

from tests.faults.counts import share, times


@pytest.mark.parametrize(("asked", "count"), [("", 14), ("long", 1000), ("5%", 50), ("1%", 14), ("0%", 14), ("99%", 990)])
def test_a_part_of_the_long_run_is_never_less_than_what_is_always_done(asked, count):
    assert times(14, 1000, asked) == count


@pytest.mark.parametrize("asked", ["short", "5", "100%", "-5%", "5.5%", "LONG"])
def test_what_is_no_part_of_it_is_refused_rather_than_ignored(asked):
    with pytest.raises(ValueError, match="FAULTS="):
        share(asked)
