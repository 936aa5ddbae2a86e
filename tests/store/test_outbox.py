"""store/outbox.py on every database: what is claimed, held, woken, told of, and what waits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from store import outbox
from store.engine import reading
from store.outbox import ACKNOWLEDGEMENT, DIGEST, Assigned, Drifted
from store.outbox_told import open_lanes, routes_of, standing, told_of
from store.records import HOUR, MINUTE, DriftRow
from tests.store.lab import Lab

LEASE = MINUTE


def drift(lab: Lab, key: str, after: str = "gap", kind: str = "source", **more: Any) -> None:
    row = DriftRow(kind, key, "complete", after, (), "high", lab.now, "alert", f"{key} is {after}", **more)
    lab.append(drifts=(row,))


def both(_: Drifted) -> Mapping[str, Assigned]:
    return {"a": Assigned(), "b": Assigned()}


def test_lanes_are_claimed_one_by_one_and_in_order(lab: Lab) -> None:
    drift(lab, "source/x//gap")
    drift(lab, "source/x//gap", "complete")
    drift(lab, "source/y//gap")
    assert outbox.take_in(lab.engine, both) == 3
    assert outbox.take_in(lab.engine, both) == 0
    assert set(outbox.due(lab.engine, "a", lab.now)) == {"source/x//gap", "source/y//gap"}
    claimed = outbox.claim(lab.engine, "a", "source/x//gap", lab.now, LEASE)
    assert claimed is not None
    assert [d.after for d in claimed.drifts] == ["gap", "complete"]
    assert outbox.claim(lab.engine, "a", "source/x//gap", lab.now, LEASE) is None
    outbox.delivered(lab.engine, claimed, lab.now, stands=True, receipt="SEC-1")
    with reading(lab.engine) as connection:
        told = told_of(connection, "a", "source/x//gap")
        assert told is not None
        assert (told.receipt, told.drift_id) == ("SEC-1", claimed.drifts[-1].id)
        assert told_of(connection, "b", "source/x//gap") is None
    assert (list(routes_of(lab.engine, "source/x//gap")), open_lanes(lab.engine)) == (["a"], [("source/x//gap", lab.now)])
    assert [t.lane for t in standing(lab.engine, "a")] == ["source/x//gap"]
    again = outbox.claim(lab.engine, "b", "source/x//gap", lab.now, LEASE)
    assert again is not None
    outbox.delivered(lab.engine, claimed, lab.now, stands=False)
    assert open_lanes(lab.engine) == []


def test_what_is_held_is_looked_at_again_when_its_lane_has_news(lab: Lab) -> None:
    drift(lab, "source/x//gap")
    drift(lab, "source/y//gap")
    outbox.take_in(lab.engine, both)
    for lane in ("source/x//gap", "source/y//gap"):
        claimed = outbox.claim(lab.engine, "a", lane, lab.now, LEASE)
        assert claimed is not None
        outbox.held(lab.engine, claimed, lab.now + HOUR, "held")
    assert outbox.due(lab.engine, "a", lab.now) == []
    drift(lab, "source/x//gap", "complete")
    outbox.take_in(lab.engine, both)
    assert outbox.due(lab.engine, "a", lab.now) == ["source/x//gap"]
    outbox.wake(lab.engine)
    assert set(outbox.due(lab.engine, "a", lab.now)) == {"source/x//gap", "source/y//gap"}
    waits = {(w.key, w.route): (w.state, w.error) for w in outbox.waiting(lab.engine)}
    assert waits["source/y//gap", "a"] == ("pending", "held")
    assert len(waits) == 4


def test_an_acknowledgement_is_a_delivery_of_its_own(lab: Lab) -> None:
    for kind, after in (("source", "gap"), (ACKNOWLEDGEMENT, "acknowledged"), ("source", "complete")):
        drift(lab, "source/x//gap", after, kind)
    outbox.take_in(lab.engine, both)
    said = []
    while (claimed := outbox.claim(lab.engine, "a", "source/x//gap", lab.now, LEASE)) is not None:
        said.append([d.after for d in claimed.drifts])
        outbox.delivered(lab.engine, claimed, lab.now)
    assert said == [["gap"], ["acknowledged"], ["complete"]]


def test_a_digest_takes_what_was_recorded_before_its_time(lab: Lab) -> None:
    drift(lab, "source/x//gap")
    lab.wait(HOUR)
    slot = lab.now
    drift(lab, "source/y//gap")
    outbox.take_in(lab.engine, both)
    claimed = outbox.claim_digest(lab.engine, "a", slot, lab.now, LEASE)
    assert claimed is not None
    assert (claimed.lane, [d.key for d in claimed.drifts]) == (DIGEST, ["source/x//gap"])
    assert outbox.claim_digest(lab.engine, "a", slot, lab.now, LEASE) is None
    outbox.delivered(lab.engine, claimed, lab.now)
    assert outbox.claim_digest(lab.engine, "a", slot, lab.now, LEASE) is None
    assert outbox.claim_digest(lab.engine, "a", lab.now + 1, lab.now, LEASE) is not None


def test_routes_that_do_not_deliver(lab: Lab) -> None:
    drift(lab, "route/a", "undeliverable", "route")
    drift(lab, "route/b", "undeliverable", "route")
    drift(lab, "route/b", "delivering", "route")
    assert outbox.failing_routes(lab.engine) == ["a"]
    drift(lab, "source/x//gap")
    outbox.take_in(lab.engine, both)
    claimed = outbox.claim(lab.engine, "a", "source/x//gap", lab.now, LEASE)
    assert claimed is not None
    assert not outbox.failing(lab.engine, "a")
    outbox.postponed(lab.engine, claimed, lab.now + HOUR, "down", failing=True)
    assert outbox.failing(lab.engine, "a")
    assert not outbox.failing(lab.engine, "b")
