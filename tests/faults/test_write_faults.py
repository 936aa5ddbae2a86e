"""I10: a full disk, an I/O error or a kill inside any write: a visible failure, nothing half written, and the next run resumes.

The calls are sampled over the whole run, with a seed; FAULTS=long fails more of them, and kills in every single one.
"""

from __future__ import annotations

import random
import signal

import pytest

from tests.faults.counts import LONG, times
from tests.faults.cursor import check_cursor
from tests.faults.observe import observe
from tests.faults.traced import NAMES, SYNCS, WRITES, Fault, count_calls, run_with
from tests.faults.whole import check_whole
from tests.faults.world import Installation

EACH = times(2, 10)
STORE = ("store.db", "store.db-wal")
STREAM = ("stream.db", "stream.db-wal")
CASES = {
    "store write ENOSPC": (WRITES, "error=ENOSPC", STORE, False),
    "store write EIO": (WRITES, "error=EIO", STORE, False),
    "store write ENOSPC from then on": (WRITES, "error=ENOSPC", STORE, True),
    "store sync EIO": (SYNCS, "error=EIO", STORE, False),
    "store write killed": (WRITES, "signal=KILL", STORE, False),
    "store sync killed": (SYNCS, "signal=KILL", STORE, False),
    "stream write ENOSPC": (WRITES, "error=ENOSPC", STREAM, False),
    "stream write EIO from then on": (WRITES, "error=EIO", STREAM, True),
    "stream sync EIO": (SYNCS, "error=EIO", STREAM, False),
    "stream write killed": (WRITES, "signal=KILL", STREAM, False),
    "stream sync killed": (SYNCS, "signal=KILL", STREAM, False),
    "checkpoint name EIO": (NAMES, "error=EIO", (), False),
    "checkpoint name killed": (NAMES, "signal=KILL", (), False),
}


@pytest.fixture(scope="module")
def counts(server, few, mappings, tmp_path_factory):
    """How many calls of each kind a run makes: counted once, where a case first asks."""
    known = {}

    def count(calls, on):
        if (calls, on) not in known:
            folder = tmp_path_factory.mktemp("counted")
            known[calls, on] = count_calls(Installation(server, folder / "a", few, mappings), calls, on)
        return known[calls, on]

    return count


def struck_at(nth, make_fault, make_installation):
    """An installation and its run in which the fault struck at the nth call.

    How many calls one thread makes depends on how fast the others are: an nth that does not come is halved.
    """
    while True:
        installation = make_installation()
        run, struck = run_with(installation, make_fault(nth))
        if struck:
            return installation, run
        assert nth > 1, "nothing struck at the first call"
        nth //= 2


@pytest.mark.parts("strace")
@pytest.mark.parametrize("case", CASES)
def test_i10_a_fault_in_any_write_is_seen_and_resumed_from(case, install, few, undisturbed_few, counts):
    calls, what, on, lasting = CASES[case]
    most = counts(calls, on)
    assert most > 0
    dice = random.Random(case)
    sample = {dice.randint(1, max(1, most * 2 // 3)) for _ in range(EACH)}
    for nth in range(1, most + 1) if LONG and "signal" in what else sorted(sample):
        installation, run = struck_at(nth, lambda nth: Fault(calls, what, nth, on, lasting), lambda: install(few))
        said = run.said()
        assert "Traceback" not in said, said
        if "signal" in what:
            assert run.status == -signal.SIGKILL
        elif "checkpoint" in case:
            assert run.status == 1, said
            assert "sealed: log of" not in said
        assert run.status == -signal.SIGKILL or any(word in said for word in ("disk", "cannot", "Input/output")), said
        # A lasting fault lasts for the thread that it struck: another may still finish the work.
        if installation.store.exists() and installation.store.stat().st_size:
            check_cursor(installation)
        installation.run()
        check_whole(installation.store, installation.checkpoints)
        assert observe(installation.store) == undisturbed_few.outcome


@pytest.mark.parametrize("kilobytes", [300, 700, 1100])
def test_i10_a_file_that_may_grow_no_further(kilobytes, install, undisturbed):
    """What a full disk is to a database file: the run fails and says so; with room again, the next one finishes."""
    installation = install()
    run = installation.start(fsize=kilobytes * 1024)
    assert run.end() == 1, run.said()
    assert "nothing was written" in run.said() or "disk" in run.said()
    assert "Traceback" not in run.said()
    check_cursor(installation)
    installation.run()
    check_whole(installation.store, installation.checkpoints)
    assert observe(installation.store) == undisturbed.outcome
