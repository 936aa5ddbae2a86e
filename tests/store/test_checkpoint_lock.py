"""Signers at the same time: the lock on the place, between processes and within one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from store.checkpoint import Checkpoint, CheckpointStore, open_checkpoint
from store.errors import StoreError
from store.note import VerifierKey
from store.tiles import CompactRange, leaf_hash


@pytest.fixture
def place(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path / "data" / "checkpoints")


HOLD = """
import sys
from pathlib import Path
from store.checkpoint import CheckpointStore
with CheckpointStore(Path(sys.argv[1])).lock():
    print("held", flush=True)
    sys.stdin.read()
"""

PUBLISH = """
import sys, time
from pathlib import Path
from store.checkpoint import CheckpointSigner, CheckpointStore, Refused
from store.signing_key import load_or_create_key
from store.tiles import append_leaves, leaf_hash

folder, word = Path(sys.argv[1]), sys.argv[2]

class Entry:
    def __init__(self, index):
        self.index = index

class Log:
    def __init__(self):
        self.made = append_leaves(0, self, [leaf_hash(f"{word} {index}".encode()) for index in range(40)])
    def head(self):
        return self.made.size, self.made.root
    def tile(self, level, index):
        return self.made.tiles[level, index]
    def entries(self, start, stop):
        return map(Entry, range(start, stop))

def check(entry):
    if entry.index == 39:
        time.sleep(0.3)  # between reading the last checkpoint and writing the next
    return leaf_hash(f"{word} {entry.index}".encode())

print("ready", flush=True)
sys.stdin.read(1)
key = load_or_create_key(folder / "key.pem", "example.com/log")
try:
    CheckpointSigner(key, "example.com/log", CheckpointStore(folder / "place"), Log(), check).publish()
except Refused as refused:
    print("refused", refused)
else:
    print("signed", word)
"""


def start(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_the_lock_holds_against_another_process_until_it_ends(place: CheckpointStore) -> None:
    holder = start(HOLD, str(place.directory))
    try:
        assert first_line(holder) == "held"
        with pytest.raises(StoreError, match="another process is signing"), place.lock(timeout=0.1):
            pass
    finally:
        holder.kill()  # as SIGKILL would: nothing cleans up
        holder.communicate()
    with place.lock(timeout=0):
        assert place.highest() is None


def test_the_lock_holds_against_another_object_of_this_process(place: CheckpointStore) -> None:
    other = CheckpointStore(place.directory)
    with place.lock(), pytest.raises(StoreError, match="another process is signing"), other.lock(timeout=0):
        pass
    with CheckpointStore(place.directory).lock(timeout=0):
        assert (place.directory / "lock").exists()


def test_of_two_signers_of_forked_logs_at_the_same_time_one_signs(tmp_path: Path) -> None:
    """They also create the key at the same time: both must use the one that stays."""
    both = [start(PUBLISH, str(tmp_path), word) for word in ("left", "right")]
    assert [first_line(process) for process in both] == ["ready", "ready"]
    for process in both:
        assert process.stdin is not None
        process.stdin.write("go")
        process.stdin.flush()
    said = sorted(process.communicate()[0].strip() for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert "refused the log's first 40 entries are not those that were signed" in said[0]
    winner = said[1].removeprefix("signed ")
    tree = CompactRange()
    for index in range(40):
        tree.append(leaf_hash(f"{winner} {index}".encode()))
    public = VerifierKey.parse((tmp_path / "key.pem.pub").read_text().strip())
    latest = CheckpointStore(tmp_path / "place").latest()
    assert latest is not None
    assert open_checkpoint(latest, "example.com/log", [public]).checkpoint == Checkpoint("example.com/log", 40, tree.root())
