"""Lists and statuses find their rows by indexes: what the planners say about twenty thousand rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from sqlalchemy import Connection, event

from store.engine import is_sqlite, writing
from store.query import StoreQuery
from store.reports import Moment
from tests.store.lab import T0, Lab
from tests.store.places import connected

N = 20_000
LARGE: Final = (
    *("entry", "evidence", "tag", "evidence_control", "finding", "finding_row"),
    *("drift", "attempt", "attempt_count", "dead_letter", "handle"),
)
META = b'{"collected_at":"2026-03-01T00:00:00Z","source":"trail"}'.hex()
LIMIT: Final = 40
STEP: Final = 60_000_000
END: Final = T0 + N * STEP


@pytest.fixture(scope="module")
def large(new_lab: Callable[[], Lab]) -> Iterator[Lab]:
    """A store whose tables hold N rows each, past those that the log's head knows of. It is not whole: nothing verifies it."""
    lab = new_lab()
    lab.activate()
    with writing(lab.engine) as connection:
        size = connection.exec_driver_sql("SELECT size FROM head").scalar_one()
        for statement in _rows(size, "X'{}'" if is_sqlite(lab.engine) else "decode('{}', 'hex')"):
            connection.exec_driver_sql(statement.replace("%", "%" if is_sqlite(lab.engine) else "%%"))
        if is_sqlite(lab.engine):
            connection.exec_driver_sql("ANALYZE")
    if isinstance(lab.place, str):
        _analyze(lab.place)
    yield lab
    with writing(lab.engine) as connection:
        if is_sqlite(connection):
            connection.exec_driver_sql("DELETE FROM sqlite_stat1")


def _rows(size: int, literal: str) -> Iterator[str]:
    """INSERT statements that both databases take. Of four controls, four sources, three mappings and two parts."""
    numbers = f"WITH RECURSIVE s(i) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT i + 1 FROM s WHERE i < {N - 1})"
    meta, leaf, boolean = literal.format(META), literal.format("00" * 32), "CAST({} AS BOOLEAN)"
    time, mapping = f"{T0} + i * {STEP}", "CASE i % 3 WHEN 0 THEN 'open' WHEN 1 THEN 'two' ELSE 'sat' END"
    source, state = "'source' || (i % 4)", "CASE i % 10 WHEN 0 THEN 'not-satisfied' ELSE 'satisfied' END"
    name = "CAST('subject ' || i AS {})"
    handle = name.format("BLOB") if literal.startswith("X") else f"convert_to({name.format('TEXT')}, 'UTF8')"
    for offset in (size, size + N):  # evidence, then finding entries
        yield (
            f"INSERT INTO entry (idx, type, recorded_at, metadata, leaf) {numbers}"
            f" SELECT {offset} + i, 'evidence', {END} + i, {meta}, {leaf} FROM s"
        )
    yield (
        f'INSERT INTO evidence (idx, source, part_id, type, "window", event_time) {numbers}'
        f" SELECT {size} + i, {source}, 1, 'log.aws.cloudtrail', 'w' || (i / 100), {time} FROM s"
    )
    yield (
        f"INSERT INTO tag (mapping, subject, event_time, idx, verdict, part_id, fresh_at) {numbers}"
        f" SELECT {mapping}, {handle}, {time}, {size} + i, 'matched', 1, {time} FROM s"
    )
    yield (
        f"INSERT INTO evidence_control (control, event_time, idx) {numbers} SELECT 'A.8.' || (i % 4), {time}, {size} + i FROM s"
    )
    yield f"INSERT INTO handle (handle, name) {numbers} SELECT {handle}, 'subject ' || i FROM s"
    for part in (1, 2):
        yield f"INSERT INTO part (id, source, part) VALUES ({part}, 'source{part}', 'p')"
    yield (
        f"INSERT INTO finding_row (mapping, subject, event_time, idx, state) {numbers}"
        f" SELECT {mapping}, {handle}, {time}, {size + N} + i, {state} FROM s"
    )
    columns = "mapping, subject, part_id, silence, state, since, row_idx, row_time, input_time, errors"
    silence = boolean.format("CASE WHEN i % 1000 = 1 THEN 1 ELSE 0 END")
    yield (
        f"INSERT INTO finding ({columns}) {numbers} SELECT {mapping}, {handle}, 1 + i % 2, {silence}, {state}, {time},"
        f" {size + N} + i, {time}, {time}, 0 FROM s"
    )
    columns = "id, kind, key, before, after, account, source, controls, level, event_time, recorded_at, delivery, text"
    yield (
        f"INSERT INTO drift ({columns}) {numbers} SELECT 1000 + i, CASE i % 10 WHEN 0 THEN 'source' ELSE 'finding' END, 'k',"
        f" '', '', '', 'source1', 'A.8.' || (i % 4), 'high', {time}, {time}, 'none', '' FROM s"
    )
    columns = "id, source, kind, epoch, asked_from, asked_to, registered_at, deadline, finished, again, state, sets, closed_at"
    yield (
        f"INSERT INTO attempt ({columns}) {numbers} SELECT 'w' || i, {source}, 'scheduled', 1, {time}, {time} + {4 * STEP},"
        f" 0, 0, {boolean.format(1)}, {boolean.format(0)}, 'complete', '', {time} FROM s"
    )
    yield (
        f"INSERT INTO attempt_count (attempt, partition, evidence, unmatched, duplicate, dead_letter) {numbers}"
        f" SELECT 'w' || i, 0, 1, 1, 1, 0 FROM s"
    )
    yield (
        f'INSERT INTO dead_letter (idx, source, "window", recorded_at) {numbers}'
        f" SELECT {size} + i, {source}, 'w1', {time} FROM s"
    )
    for number in range(4):
        columns = "name, type, lateness, schedule, configured, cursor, failures, evidence, unmatched, duplicate, dead_letter"
        braces = literal.format(b"{}".hex())
        yield (
            f"INSERT INTO source ({columns}) VALUES ('source{number}', 'lab', 0, 0, {boolean.format(1)}, {braces}, 0, 0, 0, 0, 0)"
        )
    yield f"UPDATE head SET size = {size + 2 * N}, recorded_at = {END + N}"


def _analyze(place: str) -> None:
    """As autovacuum does it: every table that holds rows, none that only has partitions."""
    with connected(place) as connection:
        names = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        for (name,) in connection.execute(names).fetchall():
            connection.execute(f"VACUUM ANALYZE {name}".encode())


ASKED: Final[dict[str, Callable[[StoreQuery], Any]]] = {
    "status": lambda query: query.controls(Moment()),
    "size at": lambda query: query.size_at(END + 7),
    "sources": lambda query: query.sources(END),
    "windows": lambda query: query.windows(limit=LIMIT),
    "windows, next page": lambda query: query.windows(after=f"{T0 + N // 2 * STEP}/w77", limit=LIMIT),
    "windows of a source": lambda query: query.windows(source="source1", limit=LIMIT),
    "a window": lambda query: query.windows(attempt="w77"),
    "dead letters": lambda query: query.dead_letters(limit=LIMIT),
    "evidence": lambda query: query.evidence(limit=LIMIT),
    "evidence, next page": lambda query: query.evidence(after=f"{T0 + N // 2 * STEP}.{N}", limit=LIMIT),
    "evidence of a source": lambda query: query.evidence(source="source1", limit=LIMIT),
    "evidence of a control": lambda query: query.evidence(control="A.8.1", limit=LIMIT),
    "evidence of a mapping": lambda query: query.evidence(mapping="open", limit=LIMIT),
    "evidence of a mapping and a control": lambda query: query.evidence(mapping="open", control="A.8.1", limit=LIMIT),
    "evidence of a mapping and a source": lambda query: query.evidence(mapping="open", source="source1", limit=LIMIT),
    "evidence of a control and a source": lambda query: query.evidence(control="A.8.1", source="source1", limit=LIMIT),
    "evidence of a period": lambda query: query.evidence(start=T0 + 500 * STEP, end=T0 + 600 * STEP, limit=LIMIT),
    "evidence by id": lambda query: query.evidence_by_id("nobody's"),
    "findings": lambda query: query.findings(Moment(), limit=LIMIT),
    "findings, next page": lambda query: query.findings(Moment(), after=f"{T0 + N // 2 * STEP}.{N}", limit=LIMIT),
    "findings in a state": lambda query: query.findings(Moment(), state="not-satisfied", limit=LIMIT),
    "findings in no state": lambda query: query.findings(Moment(), state="stale", limit=LIMIT),
    "findings of a source": lambda query: query.findings(Moment(), source="source1", limit=LIMIT),
    "findings of no source": lambda query: query.findings(Moment(), source="nosuch", limit=LIMIT),
    "findings of a mapping": lambda query: query.findings(Moment(), mapping="open", limit=LIMIT),
    "findings of a control": lambda query: query.findings(Moment(), control="A.5.15", limit=LIMIT),
    "silences": lambda query: query.findings(Moment(), silence=True, limit=LIMIT),
    "silences of a control in a state": lambda query: query.findings(
        Moment(), control="A.8.15", state="satisfied", silence=True, limit=LIMIT
    ),
    "a finding": lambda query: query.findings(Moment(), mapping="open", subject="subject 300"),
    "a finding as of": lambda query: query.findings(Moment(as_of=T0 + 400 * STEP), mapping="open", subject="subject 300"),
    "a finding's history": lambda query: query.finding_history("open", b"subject 300".hex()),
    "drift": lambda query: query.drift(limit=LIMIT),
    "drift since": lambda query: query.drift(since=T0 + (N - 30) * STEP, limit=LIMIT),
    "drift since after the last": lambda query: query.drift(since=END + STEP, limit=LIMIT),
    "drift of a kind": lambda query: query.drift(kind="source", limit=LIMIT),
    "drift of no kind": lambda query: query.drift(kind="clock", limit=LIMIT),
    "drift of a control": lambda query: query.drift(control="A.8.1", limit=LIMIT),
}


@pytest.mark.parametrize("asked", ASKED)
def test_no_list_reads_a_whole_table(large: Lab, asked: str) -> None:
    plans = _plans(large, ASKED[asked])
    assert plans
    for statement, plan in plans:
        assert not _scans(plan), f"{statement}\n{plan}"


def test_as_of_reads_findings_once_and_finds_the_rest_by_probes(large: Lab) -> None:
    plans = _plans(large, lambda query: query.controls(Moment(as_of=T0 + N // 2 * STEP, known_at=N)))
    assert {name for _, plan in plans for name in _scans(plan)} <= {"finding"}
    assert any("standing" in statement for statement, _ in plans)


def _plans(lab: Lab, ask: Callable[[StoreQuery], Any]) -> list[tuple[str, str]]:
    """Each SELECT that was asked, with its plan."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        asked.append((statement, parameters))

    query = StoreQuery(lab.engine)
    event.listen(lab.engine, "before_cursor_execute", note)
    try:
        ask(query)
    finally:
        event.remove(lab.engine, "before_cursor_execute", note)
    with lab.engine.connect() as connection:
        return [(s, _plan(connection, s, p)) for s, p in asked if s.lstrip().startswith("SELECT")]


def _plan(connection: Connection, statement: str, parameters: Any) -> str:
    if is_sqlite(connection):
        return "\n".join(row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters))
    return "\n".join(connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars())


def _scans(plan: str) -> set[str]:
    """Large tables that a plan reads from one end to the other, but for newest-first walks that end when a page is full.

    PostgreSQL's default partitions and those made ahead are empty.
    """
    found = set()
    for name in re.findall(r"Seq Scan on (\w+)", plan):
        if not re.search(r"_(default|00000[1-9])$", name):
            found.add(name.removesuffix("_000000"))
    for name, how in re.findall(r"^SCAN (\w+)(.*)$", plan, re.MULTILINE):
        if "USING" not in how and name not in ("drift", "dead_letter"):  # by their rowids, newest first
            found.add(name)
    return found & set(LARGE)
