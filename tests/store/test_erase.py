"""I15: what was erased is gone, the log and all that is derived from it still verify, and nothing else may be missing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from pipeline.posture import decide
from store.blocks import open_block
from store.checkpoint import CheckpointSigner, CheckpointStore, Refused, SignedCheckpoint
from store.engine import is_sqlite, reading, writing
from store.erase_find import Needle
from store.erasing import batches, carry_out, plan_range, plan_value
from store.errors import StoreError, VerificationError
from store.fsck import verify
from store.keep import prepare
from store.log_source import SqlLogSource, check_entry
from store.note import SigningKey
from store.records import DAY, HOUR, Batch, Erasure, Verdict
from store.reports import Moment
from tests.repository import ROOT
from tests.store import stating
from tests.store.histories import Player, histories, play
from tests.store.lab import ORIGIN, T0, Lab

NAME = "zoe.quux@example.com"
TABLES = ("handle", "drift", "delivery", "part", "attempt", "source", "evidence", "tag", "meta", "finding")


def sign(lab: Lab, place: Path) -> SignedCheckpoint:
    key = SigningKey(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"k" * 32))
    return CheckpointSigner(key, ORIGIN, CheckpointStore(place), SqlLogSource(lab.engine), check_entry).publish()


def about(lab: Lab, id_: str, subject: str, *said: str, **more: Any) -> Any:
    payload = json.dumps({"eventID": id_, "who": subject, "at": more.get("collected_at")}).encode()
    return lab.judged(lab.event(id_, T0, payload=payload, **more), *((word, Verdict.MATCHED, subject) for word in said))


def fill(lab: Lab) -> None:
    """Seven entries from index 1 on: four speak of NAME (a conflict and a finding among them), then one of another."""
    lab.append(about(lab, "e1", "111122223333/alice", "plain"), about(lab, "e2", NAME, "open", "plain"))
    lab.append(about(lab, "e2", NAME, "plain", collected_at=T0 + HOUR, region="us-east-1"), about(lab, "e3", NAME, "plain"))
    other = lab.event("e3", T0, payload=b'{"who": "zoe.quux\\u0040example.com"}')
    lab.append(lab.judged(other, "plain"), about(lab, "e4", "111122223333/alice", "open"))


def erase_value(lab: Lab, value: str = NAME, **more: Any) -> Any:
    return carry_out(lab.store, plan_value(lab.store, value, **more), "asked for, ticket 7", "carol", decide)


def everything(lab: Lab) -> bytes:
    """All that the tables hold, blocks opened."""
    found = [open_block(bytes(data), length, 0) for length, data in lab.sql("SELECT length, data FROM block")]
    for table in (*TABLES, "entry"):
        found += [repr(tuple(row)).encode() for row in lab.sql(f"SELECT * FROM {table}")]
    return b"\n".join(found)


def status(lab: Lab) -> Any:
    columns = "id, state, since, not_satisfied, satisfied, stale, last_evidence, last_idx"
    controls = lab.sql(f"SELECT {columns} FROM control ORDER BY id")
    findings = lab.sql("SELECT mapping, subject, state, since, row_idx FROM finding ORDER BY mapping, subject")
    return [tuple(row) for row in controls], [(f[0], bytes(f[1]), *f[2:]) for f in findings]


def test_i15_what_was_erased_is_gone_and_all_else_stands(lab: Lab, tmp_path: Path) -> None:
    fill(lab)
    before, stood = sign(lab, tmp_path / "place"), status(lab)
    assert NAME.encode() in everything(lab)
    plan = plan_value(lab.store, NAME)
    assert (plan.names, plan.kept, plan.elsewhere, plan.sources) == ((NAME,), (), {}, {"trail": len(plan.hits)})
    done = carry_out(lab.store, plan, "asked for, ticket 7", "carol", decide)
    assert done.entries == len(plan.hits) == 5
    assert NAME.encode() not in everything(lab)
    assert b"u0040" not in everything(lab)
    assert status(lab) == stood
    verified = verify(lab.engine, before)
    assert (verified.erased, verified.entries["erasure"]) == (5, 1)
    after = sign(lab, tmp_path / "place")
    assert after.checkpoint.size == before.checkpoint.size + 1
    assert verify(lab.engine, after).checkpoint_size == after.checkpoint.size
    sign(lab, tmp_path / "anew")
    [alice] = lab.query.evidence_by_id("e1")
    assert lab.query.entry(alice).payload is not None  # type: ignore[union-attr]


def test_nothing_of_it_is_in_any_byte_of_the_embedded_database(lab: Lab) -> None:
    fill(lab)
    noise = os.urandom(40_000).hex()  # hardly compressible, over several pages
    lab.append(lab.judged(lab.event("big", T0, payload=f'{{"who":"{NAME}","noise":"{noise}"}}'.encode()), "plain"))
    done = erase_value(lab)
    if not is_sqlite(lab.engine):
        assert "free space" in done.notes[-1]
        return
    assert done.notes == ()
    place = Path(str(lab.place))
    for path in (place, Path(f"{place}-wal")):
        data = path.read_bytes() if path.exists() else b""
        assert NAME.encode() not in data
        assert noise[:64].encode() not in data
    assert not (Path(f"{place}-wal").exists() and Path(f"{place}-wal").stat().st_size)


def test_an_entry_says_why_by_whom_and_which(lab: Lab) -> None:
    fill(lab)
    [index] = erase_value(lab).erasures
    entry = lab.query.entry(index)
    assert entry is not None
    assert entry.fields["part"] == "all"
    assert json.loads(entry.detail or b"") == {"by": "carol", "entries": 5, "names": 1, "reason": "asked for, ticket 7"}
    gone = {n for first, last in entry.fields["ranges"] for n in range(first, last + 1)}
    for n in gone:
        view = lab.query.entry(n)
        assert view is not None
        assert (view.detail, view.payload, view.detail_salt, view.payload_salt) == (None, None, None, None)
        assert view.erased is not None
        assert (view.erased.idx, view.erased.reason, view.erased.by) == (index, "asked for, ticket 7", "carol")
        assert view.erased.recorded_at == lab.now


def test_what_is_delivered_again_is_a_duplicate_and_stored_nowhere(lab: Lab) -> None:
    fill(lab)
    erase_value(lab)
    size = lab.query.log().size
    again = lab.append(about(lab, "e2", NAME, "open", "plain"), about(lab, "e3", NAME, "plain"))
    changed = lab.append(lab.judged(lab.event("e2", T0, payload=b'{"other": 1}'), "plain"))
    assert (again.counts.duplicate, again.counts.evidence, changed.counts.duplicate) == (2, 0, 1)
    assert lab.query.log().size == size
    assert NAME.encode() not in everything(lab)
    verify(lab.engine, None)


def test_an_observation_that_was_erased_is_stored_anew_when_it_is_seen_again(lab: Lab) -> None:
    def seen(hour: int) -> Any:
        more = {"type": "snapshot.aws.s3.bucket", "subject": NAME, "payload": b'{"public": true}'}
        return lab.judged(lab.event(f"o{hour}", T0 + hour * HOUR, **more), ("plain", Verdict.MATCHED, NAME))

    assert lab.append(seen(1)).counts.evidence == 1
    assert lab.append(seen(2)).counts.duplicate == 1
    erase_value(lab)
    assert lab.append(seen(1)).counts.duplicate == 1
    verify(lab.engine, None)
    assert lab.append(seen(3)).counts.evidence == 1
    assert lab.append(seen(4)).counts.duplicate == 1
    verify(lab.engine, None)


def test_a_payload_alone(lab: Lab, tmp_path: Path) -> None:
    fill(lab)
    before = sign(lab, tmp_path)
    plan = plan_value(lab.store, NAME, payload_only=True)
    assert {"payload" in hit.parts for hit in plan.hits} == {True}
    assert plan.names == ()
    assert {hit.index for hit in plan.kept} >= {2}
    carry_out(lab.store, plan, "old", "carol", decide)
    view = lab.query.entry(2)
    assert view is not None
    assert view.payload is None
    assert json.loads(view.detail or b"")["id"] == "e2"
    assert view.erased is not None
    assert view.erased.parts == ["payload"]
    assert verify(lab.engine, before).erased == len(plan.hits)
    assert lab.append(about(lab, "e2", NAME, "plain")).counts.duplicate == 1
    assert plan_value(lab.store, NAME, payload_only=True).hits == ()
    erase_value(lab)
    assert NAME.encode() not in everything(lab)
    verify(lab.engine, before)


def test_a_conflict_with_an_erased_entry_still_verifies(lab: Lab) -> None:
    lab.append(about(lab, "e1", NAME, "plain"))
    lab.append(lab.judged(lab.event("e1", T0, payload=b'{"other": 1}'), "plain"))
    carry_out(lab.store, plan_range(lab.store, 1, 1), "asked", "carol", decide)
    verify(lab.engine, None)
    lab.append(about(lab, "e1", NAME, "plain"))
    carry_out(lab.store, plan_range(lab.store, 2, 2), "asked", "carol", decide)
    verify(lab.engine, None)


def test_a_name_stays_while_another_entry_holds_it(lab: Lab) -> None:
    fill(lab)
    alice = "111122223333/alice"
    carry_out(lab.store, plan_range(lab.store, 1, 1), "asked", "carol", decide)
    verify(lab.engine, None)
    assert lab.sql("SELECT count(*) FROM handle WHERE name = ?", alice)[0][0] == 1
    with pytest.raises(StoreError, match="characters"):
        plan_value(lab.store, "x")
    erase_value(lab, alice)
    assert lab.sql("SELECT count(*) FROM handle WHERE name = ?", alice)[0][0] == 0
    verify(lab.engine, None)
    assert any(f.subject == "" for f in lab.query.findings(Moment()))


def test_what_is_never_erased(lab: Lab) -> None:
    lab.window(T0, T0 + HOUR, about(lab, "e1", NAME, "plain"), identity=NAME)
    [window] = [row[0] for row in lab.sql("SELECT idx FROM entry WHERE type = 'window'")]
    for index, text in ((0, "mapping set"), (window, "collected")):
        with pytest.raises(StoreError, match=text):
            plan_range(lab.store, index, index)
        with pytest.raises(StoreError, match=text):
            lab.append(erasures=(Erasure((index,), "asked", "carol"),))
    plan = plan_value(lab.store, NAME)
    assert window in {hit.index for hit in plan.kept}
    assert window not in {hit.index for hit in plan.hits}
    assert plan.elsewhere == {"attempt": 1}
    [erasure] = carry_out(lab.store, plan, "asked", "carol", decide).erasures
    with pytest.raises(StoreError, match="never erased"):
        plan_range(lab.store, erasure, erasure)
    with pytest.raises(StoreError, match="the log holds entries"):
        plan_range(lab.store, 3, 99)
    verify(lab.engine, None)


def test_a_reason_is_given_and_does_not_repeat_the_value(lab: Lab) -> None:
    fill(lab)
    plan, size = plan_value(lab.store, NAME), lab.query.log().size
    for reason in ("", "  ", f"{NAME} asked for it"):
        with pytest.raises(StoreError, match="reason"):
            carry_out(lab.store, plan, reason, "carol", decide)
    assert lab.query.log().size == size


def test_erasing_twice_adds_nothing(lab: Lab) -> None:
    fill(lab)
    plan = plan_value(lab.store, NAME)
    carry_out(lab.store, plan, "asked", "carol", decide)
    size = lab.query.log().size
    assert carry_out(lab.store, plan, "asked", "carol", decide).erasures == ()
    assert lab.query.log().size == size


def test_drift_that_repeats_it_is_masked(lab: Lab) -> None:
    lab.append(about(lab, "e1", NAME, "open"))
    lab.wait(DAY)
    assert any(NAME in row[0] for row in lab.sql("SELECT key FROM drift"))
    drift = lab.sql("SELECT id FROM drift ORDER BY id LIMIT 1")[0][0]
    said = f"{NAME}% did it"
    lab.sql("UPDATE drift SET text = ? WHERE id = ?", said, drift)
    row = "INSERT INTO delivery (drift_id, route, state, attempts, next_at, error) VALUES (?, 'mail', 'failed', 1, 0, ?)"
    lab.sql(row, drift, f"refused: {NAME}")
    erase_value(lab)
    assert lab.sql("SELECT text FROM drift WHERE id = ?", drift)[0][0] == "(erased)% did it"
    assert lab.sql("SELECT error FROM delivery")[0][0] == "refused: (erased)"
    assert NAME.encode() not in everything(lab)


def test_time_goes_on_for_a_finding_whose_subject_was_erased(lab: Lab) -> None:
    fill(lab)
    erase_value(lab)
    lab.wait(40 * DAY)
    lab.due()
    lab.activate()
    lab.append(about(lab, "e9", NAME, "open"))
    verify(lab.engine, None)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("UPDATE entry SET payload_salt = NULL WHERE idx = 1", "salt of its payload, and no erasure says so: tampering"),
        ("UPDATE entry SET detail_salt = NULL WHERE idx = 1", "salt of its detail, and no erasure says so: tampering"),
        ("UPDATE entry SET detail_salt = zeroblob(16) WHERE idx = 2", "an erasure names it, and its detail is still there"),
        ("UPDATE seen SET idx = -1 WHERE idx = -2", "seen"),
        ("DELETE FROM seen WHERE idx = -2", "seen as erased"),
        ("UPDATE handle SET name = 'zoe' WHERE name IS NULL", "the name of its subject is still there"),
    ],
)
def test_missing_and_left_bytes_are_named(lab: Lab, damage: str, message: str) -> None:
    fill(lab)
    erase_value(lab)
    lab.sql(damage)
    with pytest.raises(VerificationError, match=message):
        verify(lab.engine, None)


def test_the_signer_takes_no_salt_away_without_an_erasure(lab: Lab, tmp_path: Path) -> None:
    fill(lab)
    lab.sql("UPDATE entry SET payload_salt = NULL WHERE idx = 1")
    with pytest.raises(Refused, match="no erasure says so"):
        sign(lab, tmp_path)


def test_bytes_that_are_left_where_an_erasure_names_them_are_found(lab: Lab, tmp_path: Path) -> None:
    """Somebody put the block of before back in its place."""
    fill(lab)
    blocks = [tuple(row) for row in lab.sql("SELECT id, data FROM block")]
    erase_value(lab)
    for id_, data in blocks:
        lab.sql("UPDATE block SET data = ? WHERE id = ?", data, id_)
    with pytest.raises(VerificationError, match="an erasure names it, and its detail is still there") as caught:
        verify(lab.engine, None)
    assert caught.value.index == 2
    with pytest.raises(Refused, match="still there"):
        sign(lab, tmp_path)


def test_who_prepared_before_an_erasure_looks_again(lab: Lab) -> None:
    """An unchanged observation, prepared while its evidence was there, is stored anew after the evidence was erased."""
    more = {"type": "snapshot.aws.s3.bucket", "subject": NAME, "payload": b'{"public": true}'}

    def seen(hour: int) -> Any:
        return lab.judged(lab.event(f"o{hour}", T0 + hour * HOUR, **more), ("plain", Verdict.MATCHED, NAME))

    lab.append(seen(1))
    batch = Batch(mapping_set=lab.digest, items=(seen(2),))
    with reading(lab.engine) as connection:
        prepared = prepare(connection, lab.store._secret, batch)
    assert [fate.kind for fate in prepared.fates.fates] == ["duplicate"]
    erase_value(lab)
    with writing(lab.engine) as connection:
        done = lab.store._append(connection, batch, prepared, (), decide)
    assert done.counts.evidence == 1
    verify(lab.engine, None)


@pytest.mark.parametrize("depth", range(4))
def test_a_value_is_found_however_json_spells_it(depth: int) -> None:
    text = 'Zoë "Q" 🎲/x'
    data: Any = {"who": f"by {text}!"}
    for _ in range(depth):
        data = {"inner": json.dumps(data)}
    needle = Needle(text)
    assert needle.within(json.dumps(data).encode())
    assert needle.within(json.dumps(data, ensure_ascii=False).encode())
    assert needle.within(json.dumps(data).replace("/", "\\/").encode()) or depth
    assert not needle.within(json.dumps({"who": "Zoe"}).encode())
    assert not needle.within(None)


@pytest.mark.parametrize("value", ["", "   ", "ab", "x" * 513, "zo\udcff\udcff"])
def test_what_is_no_value(value: str) -> None:
    with pytest.raises(StoreError, match="value to erase"):
        Needle(value)


@given(st.text(min_size=3, max_size=30).filter(lambda text: len(text.strip()) >= 3), st.text(max_size=20), st.integers(0, 3))
def test_any_value_is_found(value: str, around: str, depth: int) -> None:
    data: Any = {"who": around + value + around}
    for _ in range(depth):
        data = [json.dumps(data)]
    assert Needle(value).within(json.dumps(data).encode())


@given(st.lists(st.integers(0, 400), unique=True, max_size=200).map(sorted), st.integers(1, 20), st.integers(1, 5))
def test_batches_hold_everything_once_and_are_bounded(indexes: list[int], entries: int, runs: int) -> None:
    found = list(batches(indexes, entries, runs))
    assert [index for some in found for index in some] == indexes
    for some in found:
        breaks = sum(b != a + 1 for a, b in pairwise(some))
        assert 0 < len(some) <= entries
        assert breaks < runs


@settings(max_examples=12)
@given(histories, st.data())
def test_any_history_verifies_after_any_erasures(new_lab: Callable[[], Lab], history: list[Any], data: st.DataObject) -> None:
    lab = new_lab()
    play(lab, history)
    for _ in range(data.draw(st.integers(1, 3))):
        size = lab.query.log().size
        kinds = dict(tuple(row) for row in lab.sql("SELECT idx, type FROM entry"))
        may = [index for index in range(size) if kinds[index] not in ("window", "mapping_set", "erasure")]
        if may:
            chosen = data.draw(st.lists(st.sampled_from(may), unique=True, min_size=1, max_size=8))
            lab.append(erasures=(Erasure(tuple(sorted(chosen)), "drawn", "carol", data.draw(st.booleans())),))
        verify(lab.engine, None)
        for action, *more in data.draw(st.lists(st.sampled_from(history), max_size=2)):
            lab.wait(1)
            getattr(Player(lab), f"do_{action}")(*more)
    verify(lab.engine, None)


# -- killed in the middle

CHILD = """
import os, signal, sys
from sqlalchemy import event
from pipeline.posture import decide
from store.erasing import carry_out, plan_value
from store.open import open_store
url, value, at = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = open_store(url)
plan, seen = plan_value(store, value), [0]
def count(*_):
    seen[0] += 1
    if seen[0] == at:
        os.kill(os.getpid(), signal.SIGKILL)
event.listen(store.engine, "before_cursor_execute", count)
carry_out(store, plan, "asked", "carol", decide)
print(seen[0])
"""


def test_i15_killed_between_any_two_statements_all_or_nothing_is_erased(new_lab: Callable[..., Lab], backend: str) -> None:
    whole = new_lab()
    whole.activate()
    fill(whole)

    def child(lab: Lab, at: int) -> subprocess.CompletedProcess[str]:
        url = lab.place if isinstance(lab.place, str) else f"sqlite:///{lab.place}"
        command = [sys.executable, "-c", CHILD, url, NAME, str(at)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)

    done = child(new_lab(whole), 0)
    assert done.returncode == 0, done.stderr
    steps = range(1, int(done.stdout) + 1, 5 if backend == "sqlite" else 11)
    outcomes = set()
    for at in steps:
        lab = new_lab(whole)
        before = lab.query.log().size
        assert child(lab, at).returncode == -signal.SIGKILL
        verified = verify(lab.engine, None)
        outcomes.add(verified.size - before)
        assert verified.erased == (5 if verified.size > before else 0)
        erase_value(lab)
        assert verify(lab.engine, None).erased == 5
        assert NAME.encode() not in everything(lab)
    assert 0 in outcomes
    assert outcomes <= {0, 1}


def test_the_statements_of_an_erasure_are_heard(lab: Lab) -> None:
    """The test before this one counts statements: none goes past the listener."""
    fill(lab)
    heard: list[str] = []
    event.listen(lab.engine, "before_cursor_execute", lambda *args: heard.append(args[2]))
    erase_value(lab)
    assert any(statement.startswith("UPDATE block") for statement in heard) or not is_sqlite(lab.engine)


def test_a_name_that_only_people_said_goes_with_the_last_that_said_it(lab: Lab) -> None:
    """An exception of a subject that was never seen, and an attestation that nobody approved: no tag holds their names."""
    stating.accept(lab, 1, subject=f"111122223333/{NAME}")
    stating.attest(lab, 1, title=f"What {NAME} keeps", four_eyes=True)
    erase_value(lab)
    assert NAME.encode() not in everything(lab)
    verify(lab.engine, None)
    [view] = lab.query.attestations(lab.now, Moment())
    assert view.erased
    with pytest.raises(StoreError, match="was erased"):
        stating.act_on(lab, "renew", 1)


def test_a_name_stays_while_anybody_still_says_it(lab: Lab) -> None:
    stating.attest(lab, 1)
    first = lab.query.log().size - 2
    lab.append(erasures=(Erasure((first,), "drawn", "carol"),))
    verify(lab.engine, None)
    assert lab.rows("attestation:A.5.2", "Roles (00000000)")
