"""The service: one run over real delivered files, again, interrupted, refused, and all roles in threads."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from attestream.demo.deliver import to_directory
from attestream.demo.history import history
from attestream.errors import AttestreamError
from attestream.refold import refold
from attestream.service import NoLease, Sealer, Service, run_once
from attestream.settings import load
from attestream.wiring import Parts, opened
from collectors import runner
from collectors.base import SourceUnreadable
from collectors.cloudtrail_files import CloudTrailFiles
from pipeline.posture import decide
from pipeline.rules.reader import builtin_mappings
from store.cursors import Lease
from store.fsck import verify
from store.records import DAY, HOUR, Batch, Closing
from store.reports import Moment
from store.times import parse_time
from tests.attestream.conftest import ACCOUNT, Installation, call, install

STOPPED = "14f7d867-24fe-4162-86bf-725b5db14a3f"
"""The built-in mapping "Trail stopped from logging"."""


RULES = "mappings: {{builtin: false, paths: ['{}']}}\n"


@pytest.fixture
def own(tmp_path: Path) -> Installation:
    """An installation that has not collected yet, with one mapping: compiling them all takes longer than the rest."""
    return with_rules(install(tmp_path), "annex_a.yaml", "aws/cloudtrail/trail-logging-stopped.yaml")


def with_rules(installation: Installation, *names: str) -> Installation:
    """Have it judge by some of the built-in mappings only."""
    folder = installation.folder / "rules"
    folder.mkdir()
    for name in names:
        shutil.copy(builtin_mappings() / name, folder)
    content = installation.config.read_text(encoding="utf-8")
    installation.config.write_text(RULES.format(folder) + content, encoding="utf-8")
    return installation


Open = Callable[..., Parts]


@pytest.fixture
def opening() -> Iterator[Open]:
    """Opens installations as a process of its own would; closes them at the end."""
    with ExitStack() as stack:
        yield lambda installation: stack.enter_context(opened(load(installation.config, {}), create=True))


def add_source(installation: Installation, name: str, path: Path) -> None:
    with installation.config.open("a", encoding="utf-8") as file:
        file.write(f"  - {{name: {name}, type: cloudtrail-files, path: '{path}'}}\n")


@dataclass(frozen=True)
class Seen:
    """What a store says, without what belongs to one window."""

    evidence: tuple[Any, ...]
    findings: tuple[Any, ...]
    controls: tuple[Any, ...]


def seen(parts: Parts) -> Seen:
    rows = parts.query.evidence(limit=1000)
    findings = parts.query.findings(Moment(), limit=1000)
    return Seen(
        tuple(sorted((r.source, r.id, r.event_time, tuple(t.mapping for t in r.tags)) for r in rows)),
        tuple(sorted((f.mapping, f.subject, f.state, f.since) for f in findings if not f.silence)),
        tuple((c.id, c.state) for c in parts.query.controls(Moment()).values()),
    )


def types(parts: Parts, start: int) -> list[str]:
    entries = [parts.query.entry(idx) for idx in range(start, parts.query.log().size)]
    return [entry.type for entry in entries if entry is not None]


# -- one run


def test_one_run_leaves_everything_processed_and_signed(own: Installation, opening: Open) -> None:
    parts = opening(own)
    done = run_once(parts)
    assert [(w.state, w.records, w.unreadable) for w in done.windows] == [("partial", 7, 1)]
    totals = parts.query.totals()
    assert (totals.collected, totals.duplicate, totals.dead_letter) == (8, 0, 1)
    assert totals.evidence >= 3  # the trails that were stopped and started
    assert done.checkpoint is not None
    assert done.checkpoint.checkpoint.size == parts.query.log().size
    assert {w.state for w in parts.query.windows()} == {"partial"}
    verify(parts.store.engine, parts.latest_checkpoint(), None, refold)


def test_a_second_run_adds_its_window_and_nothing_else(own: Installation, opening: Open) -> None:
    first = opening(own)
    run_once(first)
    before, size = seen(first), first.query.log().size
    second = opening(own)
    run_once(second)
    assert seen(second) == before
    assert types(second, size) == ["window"]
    assert second.query.totals() == first.query.totals()


def test_what_is_delivered_between_two_runs_is_read_by_the_second(own: Installation, opening: Open) -> None:
    parts = opening(own)
    run_once(parts)
    own.trail.deliver("20261120T1430Z", call("2026-11-20T14:20:00Z", "cloudtrail", "StartLogging", name="main"))
    run_once(parts)
    states = {f.subject: str(f.state) for f in parts.query.findings(Moment(), mapping=STOPPED, limit=10, silence=False)}
    assert states == {f"{ACCOUNT}/main": "closed", f"{ACCOUNT}/second": "closed"}


def test_two_days_of_a_simulated_organisation_are_whole(tmp_path: Path, opening: Open) -> None:
    now = parse_time("2026-11-22T12:00:00Z")
    made = install(tmp_path)
    shutil.rmtree(made.trail.folder)
    chosen = [file for file in history(7, now) if file.delivered_at > now - 2 * DAY]
    to_directory(chosen, made.trail.folder)
    parts = opening(made)
    [window] = run_once(parts).windows
    assert (window.state, window.files, window.records) == ("complete", len(chosen), sum(f.records for f in chosen))
    totals = parts.query.totals()
    assert totals.collected == window.records
    assert totals.evidence > 10
    assert totals.unmatched > totals.evidence
    verify(parts.store.engine, parts.latest_checkpoint(), None, refold)
    before, size = seen(parts), parts.query.log().size
    run_once(parts)
    assert seen(parts) == before
    assert types(parts, size) == ["window"]


# -- backfill


def test_reading_a_period_again_changes_nothing_that_is_known(own: Installation, opening: Open) -> None:
    parts = opening(own)
    run_once(parts)
    before, size, totals = seen(parts), parts.query.log().size, parts.query.totals()
    cursor = parts.ledger.cursor("trail")
    done = run_once(parts, period=(parts.store.clock() - DAY, parts.store.clock()), only=["trail"])
    assert sum(w.records for w in done.windows) == 7
    assert {w.kind for w in done.windows} == {"backfill"}
    assert seen(parts) == before
    assert set(types(parts, size)) == {"window"}
    assert parts.query.totals().duplicate == totals.collected
    assert parts.query.totals().evidence == totals.evidence
    assert parts.ledger.cursor("trail") == cursor
    verify(parts.store.engine, parts.latest_checkpoint(), None, refold)


def test_what_a_backfill_finds_goes_to_the_digest(own: Installation, opening: Open) -> None:
    parts = opening(own)
    for hour in range(15, 18):
        own.trail.deliver(f"20261120T{hour}00Z", call(f"2026-11-20T{hour - 1}:50:00Z", "sts", "GetCallerIdentity"))
    run_once(parts)
    run_once(parts)
    own.trail.deliver("20261120T1800Z", call("2026-11-20T17:50:00Z", "cloudtrail", "StopLogging", name="third"))
    run_once(parts, period=(parts.store.clock() - HOUR, parts.store.clock()))
    told = [d for d in parts.query.drift(kind="finding", limit=100) if d.subject == f"{ACCOUNT}/third"]
    assert told
    assert {d.delivery for d in told} <= {"digest", "summary"}


# -- refusals and failures


def test_a_source_that_cannot_be_read_fails_and_the_others_are_read(own: Installation, opening: Open, tmp_path: Path) -> None:
    add_source(own, "gone", tmp_path / "nowhere")
    parts = opening(own)
    done = {w.source: w for w in run_once(parts).windows}
    assert done["gone"].state == "failed"
    assert any("nowhere" in error for error in done["gone"].errors)
    assert done["trail"].records == 7
    [gone] = [s for s in parts.query.sources(parts.store.clock()) if s.name == "gone"]
    assert (gone.state, gone.counts.collected, gone.failures) == ("failing", 0, 1)
    assert [c for c in parts.query.coverage() if c.source == "gone"] == []


def test_a_source_that_fails_three_times_is_told_once_and_so_is_its_recovery(own: Installation, opening: Open) -> None:
    hidden = own.folder / "hidden"
    own.trail.folder.rename(hidden)
    parts = opening(own)
    for _ in range(5):
        run_once(parts)
    hidden.rename(own.trail.folder)
    (own.trail.folder / sorted(p.name for p in own.trail.folder.iterdir())[-1]).unlink()  # the file that is cut short
    run_once(parts)
    told = [(d.before, d.after) for d in reversed(parts.query.drift(kind="source")) if d.key == "source/trail//failing"]
    assert told == [("collecting", "failing"), ("failing", "collecting")]
    assert parts.query.totals().collected == 7


def test_while_another_process_collects_nothing_is_done(own: Installation, opening: Open) -> None:
    parts = opening(own)
    parts.activate()
    other = opening(own).lease
    assert other.acquire() is not None
    size = parts.query.log().size
    with pytest.raises(NoLease, match="another process is collecting"):
        run_once(parts)
    assert parts.query.log().size == size
    other.release()
    assert run_once(parts).windows


def test_the_lease_is_given_up_when_the_run_fails(own: Installation, opening: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = opening(own)

    def broken(*_: object) -> Iterator[Any]:
        raise RuntimeError("a defect")

    with monkeypatch.context() as patched:
        patched.setattr(CloudTrailFiles, "collect", broken)
        with pytest.raises(RuntimeError, match="a defect"):
            run_once(parts)
    assert Lease(parts.store.engine).acquire() is not None


def test_a_name_that_is_not_set_up_is_refused(own: Installation, opening: Open) -> None:
    parts = opening(own)
    with pytest.raises(AttestreamError, match=r"no source 'tail' is set up \(set up: trail\)"):
        run_once(parts, only=["tail"])
    assert Lease(parts.store.engine).acquire() is not None


def test_a_run_that_was_interrupted_is_made_up_for_by_the_next(
    own: Installation, opening: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts, real = opening(own), CloudTrailFiles.collect

    def stopping(collector: Any, window: Any, report: Any) -> Iterator[Any]:
        events = real(collector, window, report)
        yield next(events)
        raise SourceUnreadable("the disk went away")

    with monkeypatch.context() as patched:
        patched.setattr(runner, "MAX_CHUNK_EVENTS", 1)
        patched.setattr(CloudTrailFiles, "collect", stopping)
        [window] = run_once(parts).windows
    assert (window.state, window.records) == ("failed", 1)
    run_once(parts)
    undisturbed = with_rules(install(own.folder / "undisturbed"), "annex_a.yaml", "aws/cloudtrail/trail-logging-stopped.yaml")
    other = opening(undisturbed)
    run_once(other)
    assert seen(parts) == seen(other)
    assert parts.query.totals().duplicate == 1


def test_stopping_before_it_begins_publishes_failed_windows_and_the_next_run_reads_all(own: Installation, opening: Open) -> None:
    parts, stop = opening(own), threading.Event()
    stop.set()
    done = run_once(parts, stop=stop)
    assert {w.state for w in done.windows} == {"failed"}
    run_once(parts)
    assert parts.query.totals().collected - parts.query.totals().duplicate == 8
    assert {str(f.state) for f in parts.query.findings(Moment(), mapping=STOPPED, silence=False)} == {"not-satisfied", "closed"}


# -- people


def test_a_finding_closed_by_hand_stays_closed_and_its_entry_is_the_cause(own: Installation, opening: Open) -> None:
    parts = opening(own)
    run_once(parts)
    closing = Closing(STOPPED, f"{ACCOUNT}/main", parts.store.clock(), "planned", "carol")
    done = parts.store.append(Batch(closings=(closing,)), (), decide)
    [entry] = [parts.query.entry(done.before)]
    assert entry is not None
    assert entry.type == "closing"
    assert b"carol" not in entry.metadata
    assert b'"by":"carol"' in (entry.detail or b"")
    [found] = [f for f in parts.query.findings(Moment(), mapping=STOPPED, limit=10) if f.subject == f"{ACCOUNT}/main"]
    assert (str(found.state), found.since, list(found.cites)) == ("closed", closing.event_time, [done.before])
    run_once(parts)
    run_once(parts, period=(parts.store.clock() - DAY, parts.store.clock()))
    [found] = [f for f in parts.query.findings(Moment(), mapping=STOPPED, limit=10) if f.subject == f"{ACCOUNT}/main"]
    assert str(found.state) == "closed"
    verify(parts.store.engine, parts.latest_checkpoint(), None, refold)


# -- sets


def test_a_mapping_that_left_the_set_is_retired_by_the_next_run(own: Installation, opening: Open) -> None:
    run_once(opening(own))
    (own.folder / "rules" / "trail-logging-stopped.yaml").unlink()
    parts = opening(own)
    run_once(parts)
    assert {str(f.state) for f in parts.query.findings(Moment(), limit=1000)} == {"retired"}
    assert {str(c.state) for c in parts.query.controls(Moment()).values()} == {"not-assessed"}
    verify(parts.store.engine, parts.latest_checkpoint(), None, refold)


# -- roles


def test_all_roles_in_threads_collect_judge_and_sign_until_they_are_stopped(
    own: Installation, opening: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attestream.service.GRACE", 600.0)
    own.config.write_text("signing: {every: 1}\n" + own.config.read_text(encoding="utf-8"), encoding="utf-8")
    parts = opening(own)
    service = Service(parts, roles=("collect", "map", "seal"))
    service.start()
    try:
        wait_for(lambda: parts.query.totals().collected == 8 and signed(parts) == parts.query.log().size)
        own.trail.deliver("20261120T1430Z", call("2026-11-20T14:20:00Z", "cloudtrail", "StartLogging", name="main"))
    finally:
        service.stop()
    assert [t.is_alive() for t in service._threads] == [False, False]
    assert Lease(parts.store.engine).acquire() is not None
    verify(parts.store.engine, parts.latest_checkpoint(), None, refold)


def signed(parts: Parts) -> int:
    latest = parts.latest_checkpoint()
    return latest.checkpoint.size if latest is not None else 0


def wait_for(done: Callable[[], bool]) -> None:
    """Until it is so. The limit is no measure of anything: a service that never gets there must fail, not hang."""
    waiting = threading.Event()
    for _ in range(12_000):
        if done():
            return
        waiting.wait(0.05)
    pytest.fail("the service did not come to the end of its work")


def test_a_refusal_to_sign_is_told_once_and_so_is_its_end(own: Installation, opening: Open) -> None:
    parts = opening(own)
    run_once(parts)
    with parts.store.engine.begin() as connection:
        [(idx, data)] = connection.exec_driver_sql("SELECT idx, metadata FROM entry ORDER BY idx DESC LIMIT 1").all()
        changed = bytes(data).replace(b"20", b"21", 1)
    own.trail.deliver("20261120T1430Z", call("2026-11-20T14:20:00Z", "sts", "GetCallerIdentity"))
    sealer = Sealer(parts)

    def put(content: bytes) -> None:
        with parts.store.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE entry SET metadata = ? WHERE idx = ?", (content, idx + 1))

    parts.store.append(Batch(closings=(Closing(STOPPED, f"{ACCOUNT}/main", parts.store.clock(), "x", "carol"),)), (), decide)
    with parts.store.engine.begin() as connection:
        [(good,)] = connection.exec_driver_sql("SELECT metadata FROM entry WHERE idx = ?", (idx + 1,)).all()
    assert changed != bytes(data)
    put(bytes(good).replace(b'"v":1', b'"v":2'))
    for _ in range(3):
        sealer.tick()
    put(bytes(good))
    for _ in range(2):
        sealer.tick()
    told = [(d.before, d.after) for d in reversed(parts.query.drift(kind="log")) if d.key == "log/integrity"]
    assert told == [("", "refused"), ("refused", "")]
    assert signed(parts) == parts.query.log().size
