"""Is a store whole? What is stored twice, derived or hashed is computed again from the stored bytes, by code of the tests.

Nothing here uses the product's tiles, entries or queries. Each check names the invariant that it belongs to.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from tests.faults.observe import Entry, Place, Tables

HOUR = 3_600_000_000
SPEAKS = ("not-satisfied", "satisfied", "stale")


def check_whole(store: Place, checkpoints: Path | None = None) -> list[bytes]:
    """Raise AssertionError for the first thing that does not hold; return the leaves."""
    tables = Tables(store)
    entries = list(tables.entries())
    leaves = _check_log(tables, entries)
    _check_evidence(tables, entries)
    _check_seen(tables, entries)
    _check_counts(tables, entries)
    _check_findings(tables, entries)
    _check_rollup(tables, entries)
    if checkpoints is not None:
        check_checkpoints(leaves, checkpoints)
    return leaves


def _check_log(tables: Tables, entries: list[Entry]) -> list[bytes]:
    """I3: contiguous indexes, leaves and commitments from the stored bytes, tiles and root from the leaves."""
    head = tables.one("select size, root, recorded_at from head")
    assert [entry.idx for entry in entries] == list(range(head["size"]))
    for entry in entries:
        assert hashlib.sha256(b"\0" + entry.metadata).digest() == entry.leaf, f"I3: leaf {entry.idx}"
        fields = entry.fields
        assert fields["type"] == entry.type
        assert json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() == entry.metadata
        assert {"detail", "payload"} & fields.keys() == entry.parts.keys(), f"I3: parts of {entry.idx}"
        for name, (salt, data) in entry.parts.items():
            assert len(salt) == 16
            commit = hashlib.sha256(salt + data).hexdigest()
            assert (fields[name]["commit"], fields[name]["size"]) == (commit, len(data)), f"I3: {name} of {entry.idx}"
    times = [entry.recorded_at for entry in entries]
    assert times == sorted(times), "I13: recorded_at goes back"
    assert not times or times[-1] <= head["recorded_at"]
    leaves = [entry.leaf for entry in entries]
    assert root_of(leaves) == head["root"], "I3: root"
    tiles = {(row["level"], row["idx"]): row["data"] for row in tables.rows("select * from tile")}
    assert tiles == _tiles(leaves), "I3: tiles"
    return leaves


def root_of(leaves: Sequence[bytes]) -> bytes:
    """RFC 9162, 2.1.1: the Merkle tree hash over leaf hashes."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    level = list(leaves)
    while len(level) > 1:
        pairs = [hashlib.sha256(b"\1" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
        level = pairs + level[len(pairs) * 2 :]
    return level[0]


def _tiles(leaves: Sequence[bytes]) -> dict[tuple[int, int], bytes]:
    """C2SP tlog-tiles: at each level the hashes of full subtrees of 256, the last tile with what there is."""
    tiles = {}
    level, hashes = 0, list(leaves)
    while hashes:
        for start in range(0, len(hashes), 256):
            tiles[level, start // 256] = b"".join(hashes[start : start + 256])
        hashes = [root_of(hashes[start : start + 256]) for start in range(0, len(hashes) - 255, 256)]
        level += 1
    return tiles


def _check_evidence(tables: Tables, entries: list[Entry]) -> None:
    """I3: a row <=> an entry; the tags of the rows are the tags of the entry."""
    evidence = {entry.idx: entry for entry in entries if entry.type == "evidence"}
    rows = {row["idx"]: row for row in tables.rows("select * from evidence")}
    assert rows.keys() == evidence.keys()
    dead = {row["idx"] for row in tables.rows("select idx from dead_letter")}
    assert dead == {entry.idx for entry in entries if entry.type == "dead_letter"}
    names = {row["handle"]: row["name"] for row in tables.rows("select * from handle")}
    tags = defaultdict(set)
    for row in tables.rows("select * from tag"):
        tags[row["idx"]].add((row["mapping"], names[row["subject"]], row["verdict"]))
    controls = defaultdict(set)
    for row in tables.rows("select * from evidence_control"):
        controls[row["idx"]].add(row["control"])
    for index, entry in evidence.items():
        assert rows[index]["source"] == entry.fields["source"]
        assert tags[index] == {(t["mapping"], t["subject"], t["verdict"]) for t in entry.detail["tags"]}
        assert controls[index] == set(entry.fields["controls"])


def _check_seen(tables: Tables, entries: list[Entry]) -> None:
    """I1: what is kept is remembered once, under its source and the keyed hash of its id."""
    key = tables.one("select value from meta where name = 'seen_key'")
    rows = {row["idx"]: row for row in tables.rows("select * from seen where idx >= 0")}
    assert tables.one("select count(*) from seen where idx >= 0") == len(rows), "I1: an index is remembered twice"
    kept = {entry.idx: entry for entry in entries if entry.type in ("evidence", "dead_letter")}
    assert rows.keys() == kept.keys()
    for index, entry in kept.items():
        digest = hashlib.blake2b(entry.parts["payload"][1], digest_size=16, key=key).digest()
        id_ = entry.detail["id"].encode()
        text = b"\1" + digest + id_ if "conflicts_with" in entry.fields else b"\0" + id_
        assert rows[index]["key"] == hashlib.blake2b(text, digest_size=16, key=key).digest()
        assert rows[index]["digest"] == digest


def _check_counts(tables: Tables, entries: list[Entry]) -> None:
    """collected = evidence + unmatched + duplicate + dead_letter, in each window, in sum, and as the log says it."""
    names = ("evidence", "unmatched", "duplicate", "dead_letter")
    per_attempt: dict[str, Counter[str]] = defaultdict(Counter)
    for row in tables.rows("select * from attempt_count"):
        per_attempt[row["attempt"]].update({name: row[name] for name in names})
    attempts = {row["id"]: row for row in tables.rows("select * from attempt")}
    windows = {entry.fields["attempt"]: entry for entry in entries if entry.type == "window"}
    assert sum(entry.type == "window" for entry in entries) == len(windows), "a window is in the log twice"
    assert windows.keys() == {id_ for id_, row in attempts.items() if row["state"] != "open"}
    for id_, entry in windows.items():
        said = entry.fields["counts"]
        assert said["collected"] == sum(said[name] for name in names)
        assert entry.fields["state"] == attempts[id_]["state"]
        later = {name: per_attempt[id_][name] - said[name] for name in names}
        if entry.fields["state"] == "abandoned":  # what a zombie published, and what was under way, is still processed
            assert min(later.values()) >= 0, f"the counts of {id_} went back"
        else:
            # What was all there may be delivered again; nothing else of it may come.
            assert later.pop("duplicate") >= 0, f"the counts of {id_} went back"
            assert not any(later.values()), f"the counts of {id_} moved after it closed: {later}"
            record = json.loads(entry.parts["payload"][1])
            assert said["collected"] == record["counts"]["records"] + record["counts"]["unreadable"]
    totals: Counter[str] = Counter()
    kinds: Counter[tuple[str, str]] = Counter((entry.fields["source"], entry.type) for entry in entries)
    for row in tables.rows("select * from source"):
        if row["type"]:  # records of the stream that nobody can read belong to no window
            totals.update({name: row[name] for name in names})
        assert row["evidence"] == kinds[row["name"], "evidence"]
        assert row["dead_letter"] == kinds[row["name"], "dead_letter"]
    of_windows = sum(per_attempt.values(), Counter())
    assert {name: totals[name] for name in names} == {name: of_windows[name] for name in names}, "windows and sources differ"


def _check_findings(tables: Tables, entries: list[Entry]) -> None:
    """A finding row <=> an entry; present rows, tallies and controls follow from the rows that stand."""
    names = {row["handle"].hex(): row["name"] for row in tables.rows("select * from handle")}
    said = {entry.idx: entry for entry in entries if entry.type == "finding"}
    rows = tables.rows("select * from finding_row order by event_time, idx")
    assert sorted(row["idx"] for row in rows) == sorted(said)
    last: dict[tuple[str, bytes], tuple[str, int, int]] = {}
    for row in rows:
        fields = said[row["idx"]].fields
        assert (fields["mapping"], fields["subject"], fields["after"]) == (row["mapping"], row["subject"].hex(), row["state"])
        assert said[row["idx"]].detail["subject"] == names[fields["subject"]]
        assert fields["cites"] == "due" or all(0 <= index < row["idx"] for index in fields["cites"])
        last[row["mapping"], row["subject"]] = (row["state"], row["event_time"], row["idx"])
    present = {(row["mapping"], row["subject"]): row for row in tables.rows("select * from finding")}
    assert present.keys() == last.keys()
    tally: Counter[tuple[str, str]] = Counter()
    for key, row in present.items():
        assert (row["state"], row["row_time"]) == last[key][:2], f"present row of {key[0]} does not follow its last row"
        tally[key[0], row["state"]] += 1
    assert tally == Counter({(r["mapping"], r["state"]): r["n"] for r in tables.rows("select * from tally where n > 0")})
    speaks: dict[str, set[str]] = defaultdict(set)
    for row in tables.rows("select record from mapping where active"):
        record = json.loads(row["record"])
        if record["finding"] != "evidence":
            for control, strength in record["controls"]:
                if strength != "weak":
                    speaks[control].add(record["id"])
    began = {row["event_time"] for row in rows} | {entry.recorded_at for entry in entries if entry.type == "mapping_set"}
    for row in tables.rows("select * from control"):
        assert row["since"] is None or row["since"] in began, f"{row['id']} changed at a time when nothing did"
        sums = {state: sum(tally[mapping, state] for mapping in speaks[row["id"]]) for state in SPEAKS}
        assert (row["not_satisfied"], row["satisfied"], row["stale"]) == tuple(sums.values()), row["id"]
        worst = ("not-satisfied", "stale", "satisfied")
        assert row["state"] == next((state for state in worst if sums[state]), "not-assessed"), row["id"]


def _check_rollup(tables: Tables, entries: list[Entry]) -> None:
    """I17: the roll-up equals a recount over the evidence rows."""
    recount: Counter[tuple[int, str, str]] = Counter()
    hours = {row["idx"]: row["event_time"] - row["event_time"] % HOUR for row in tables.rows("select * from evidence")}
    for entry in entries:
        if entry.type == "evidence":
            hour = hours[entry.idx]
            recount[hour, "source", entry.fields["source"]] += 1
            recount.update((hour, "mapping", mapping) for mapping in {tag["mapping"] for tag in entry.detail["tags"]})
            recount.update((hour, "control", control) for control in entry.fields["controls"])
    assert recount == Counter({(r["hour"], r["dim"], r["key"]): r["n"] for r in tables.rows("select * from rollup")})


def check_checkpoints(leaves: Sequence[bytes], place: Path) -> list[int]:
    """I4: every checkpoint ever signed is a prefix of this one log. Returns their sizes."""
    sizes = []
    for path in (*place.glob("by-size/[0-9]*"), *place.glob("latest")):
        _origin, size, root = path.read_text().split("\n")[:3]
        assert int(size) <= len(leaves), "I4: a checkpoint is ahead of the log"
        assert base64.b64decode(root) == root_of(leaves[: int(size)]), f"I4: checkpoint {size} is of another log"
        sizes.append(int(size))
    return sorted(sizes)
