"""benchmarks/: a run of the smallest size measures everything that it says it does. Of times nothing is asserted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.__main__ import main
from benchmarks.budget import BUDGET
from benchmarks.document import Ran, document
from benchmarks.events import JUDGED, crafted, hostile, payloads
from benchmarks.measure import Measured
from benchmarks.report import BEGIN, END, table, write
from benchmarks.sizes import SIZES
from benchmarks.stages.registry import ORDER, SERVED, STAGES
from tests.parts import missing

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 3, 2, tzinfo=UTC)
ALWAYS = {
    "one_worker_sqlite",
    "one_worker_sqlite_cpu",
    "directory_to_sealed_store",
    "match_3000_vs_57",
    "match_hostile",
    "payload_bytes",
    "status_5x_rows",
    "rss_mb",
    "rss_growth",
    "drift_p50_s",
    "drift_p95_s",
    "drift_p99_s",
}
"""Ratios that a run without any server has."""
SERVERS = ("kafka", "postgres")


def run(folder, *stages, temporary=tempfile.gettempdir()):
    """A run of the smallest size, of these stages or all; what it printed."""
    environment = {**os.environ, "BENCH": "smoke", "BENCH_RESULTS": str(folder), "TMPDIR": str(temporary)}
    command = [sys.executable, "-m", "benchmarks", *stages]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done


def commands():
    """Command lines of all processes."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield path.read_bytes()


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """One run of every stage; its folder and what it printed."""
    folder = tmp_path_factory.mktemp("results")
    with tempfile.TemporaryDirectory(prefix="attestream-test-bench-") as temporary:
        Path(temporary).chmod(0o711)  # PostgreSQL runs as another user than root
        done = run(folder, temporary=temporary)
        left = sorted(path.name for path in Path(temporary).iterdir())
        running = [line for line in commands() if temporary.encode() in line]
    return folder, done, left, running


@pytest.fixture(scope="module")
def found(ran):
    """Its document."""
    return json.loads((ran[0] / "latest.json").read_text())


def test_the_document_has_every_ratio_and_null_for_what_is_not_measured(found):
    assert {"machine", "date", "size", "floor_events_per_s", "ratios", "verdicts", "setups", "skipped", "stages"} == found.keys()
    assert found["floor_events_per_s"] > 0
    assert found["ratios"].keys() >= {*ALWAYS, *BUDGET}
    assert {name for name, value in found["ratios"].items() if value is not None} >= ALWAYS
    assert all(value > 0 for value in found["ratios"].values() if value is not None)
    assert 0 < found["ratios"]["payload_bytes"] < 1
    assert found["ratios"]["status_5m_vs_1m"] is None


def test_a_stage_is_left_out_for_want_of_a_server_alone_and_says_so(ran, found):
    lacking = {name for name in SERVERS if missing(name)}
    assert found["skipped"].keys() == {stage for stage, (needs, _) in SERVED.items() if lacking & {*needs}}
    for stage, why in found["skipped"].items():
        assert f"SKIPPED {stage}: {why}" in ran[1].stdout
        assert "get it by" in why


@pytest.mark.parts("kafka")
@pytest.mark.parts("postgres")
def test_two_workers_share_a_topic_and_a_store(found):
    one = next(one for one in found["setups"] if one["name"].startswith("Kafka -> PostgreSQL, 2 workers"))
    assert one["cpu_us_per_event"].keys() == {"workers", "seal", "kafka", "postgres"}
    assert all(used >= 0 for used in one["cpu_us_per_event"].values())
    assert one["cpu_us_per_event"]["postgres"] > 0
    assert found["ratios"]["two_workers_postgres"] > 0


@pytest.mark.parts("kafka")
@pytest.mark.parts("postgres")
def test_the_slowest_drift_is_the_one_that_counts(found):
    times = [one["more"]["p95_s"] for one in found["stages"] if one["name"].startswith("drift")]
    assert len(times) == 2
    assert found["ratios"]["drift_p95_s"] == max(times)


@pytest.mark.parts("postgres")
def test_payloads_are_weighed_in_postgresql_too(found):
    assert 0 < found["ratios"]["payload_bytes_postgres"] < 1


def test_where_the_time_goes_is_said_of_every_end_to_end_run(ran, found):
    assert found["setups"]
    for one in found["setups"]:
        within = one["inside_workers_us_per_event"]
        assert within.keys() == {"read and decode", "append", "judge and the rest"}
        assert sum(within.values()) == pytest.approx(one["cpu_us_per_event"]["workers"], rel=0.05)
        assert f"- {one['name']}: {one['held_back_by']}" in ran[1].stdout


def test_every_stage_says_how_fast_it_was_and_its_memory(found):
    stages = found["stages"]
    names = [stage["name"] for stage in stages]
    assert len(names) == len(set(names)) >= 30
    assert stages[0]["name"] == "floor"
    assert stages[0]["ratio_to_floor"] == 1
    for stage in stages:
        assert stage["events"] > 0
        assert stage["events_per_s"] > 0
        assert 10 < stage["peak_mb"] < 2000


def test_the_tables_are_printed_and_stand_in_the_readme_under_a_chart(ran):
    folder, done = ran[:2]
    readme = (folder / "README.md").read_text()
    between = readme[readme.index(BEGIN) + len(BEGIN) : readme.index(END)].strip()
    picture, _, rest = between.partition("\n\n")
    assert picture.endswith("(latest.svg)")
    assert rest.strip() == done.stdout.strip()
    chart = ElementTree.fromstring((folder / "latest.svg").read_text())
    assert chart.tag == "{http://www.w3.org/2000/svg}svg"
    assert "SQLite -> SQLite, 1 worker" in "".join(chart.itertext())
    assert "prefers-color-scheme: dark" in "".join(chart.itertext())
    assert f"[1/{len(ORDER)}]" in done.stderr


def test_nothing_is_left_of_the_servers(ran):
    assert ran[2:] == ([], [])


@pytest.mark.parts("postgres")
def test_nothing_is_left_of_a_run_that_is_told_to_end():
    with tempfile.TemporaryDirectory(prefix="attestream-test-bench-") as temporary:
        Path(temporary).chmod(0o711)  # PostgreSQL runs as another user than root
        environment = {**os.environ, "BENCH": "smoke", "TMPDIR": temporary}
        command = [sys.executable, "-m", "benchmarks", "status-postgres"]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        try:
            while not list(Path(temporary).glob("attestream-bench-*/rules")):  # the stage works, so the server runs
                assert process.poll() is None
                time.sleep(0.02)
            assert any(temporary.encode() in line for line in commands())
            process.terminate()
            assert process.wait(300) == 128 + signal.SIGTERM
        finally:
            process.kill()
            process.wait()
        assert not [line for line in commands() if temporary.encode() in line]
        assert not list(Path(temporary).iterdir())


def test_some_stages_alone_are_printed_and_nothing_is_written(tmp_path):
    done = run(tmp_path, "floor", "match")
    assert "| match_3000_vs_57 " in done.stdout
    assert "not measured" in done.stdout
    assert not list(tmp_path.iterdir())


def test_a_verdict_is_by_the_limit_and_never_by_what_is_missing():
    lines = (Measured("floor", 100, 1.0, 1.0), Measured("match, 57 mappings", 10, 1.0, 1.0))
    lines += (Measured("match, 3000 mappings", 10, 1.0, 1.5), Measured("match, 1000 mappings", 10, 1.0, 1.0))
    lines += (Measured("match hostile, 1000 mappings", 10, 1.0, 3.0), Measured("match crafted, 1000 mappings", 10, 1.0, 4.1))
    made = document([Ran("match", lines, 100.0), Ran("kafka", (), 0.0, "no java")], SIZES["default"], NOW)
    assert made["ratios"]["match_3000_vs_57"] == 1.5
    assert made["ratios"]["match_hostile"] == 4.1
    verdicts = made["verdicts"]
    assert (verdicts["match_3000_vs_57"], verdicts["match_hostile"], verdicts["rss_mb"]) == ("met", "missed", "not measured")
    assert "SKIPPED kafka: no java" in table(made)


@pytest.mark.parametrize(
    ("workers", "postgres", "said"),
    [(0.99, 0.2, "the worker's own CPU"), (0.5, 0.1, "waiting"), (0.8, 1.15, "the machine")],
)
def test_what_holds_a_setup_back_is_what_was_busy(workers, postgres, said, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1})
    processes = {"workers": workers, "seal": 0.0, "postgres": postgres}
    inside = {"read and decode": 0.1, "append": workers - 0.2, "judge and the rest": 0.1}
    one = Measured("x", 1000, 1.0, workers, processes=processes, inside=inside, workers=1)
    setup = document([Ran("x", (one,), 1.0)], SIZES["smoke"], NOW)["setups"][0]
    assert setup["held_back_by"].startswith(said)
    assert "append is" in setup["held_back_by"]
    assert setup["cpu_us_per_event"]["postgres"] == postgres * 1000


def test_stages_are_run_in_the_order_in_which_they_are_registered():
    assert (*STAGES, *SERVED) == ORDER
    assert not STAGES.keys() & SERVED.keys()


@pytest.mark.parametrize(("arguments", "environment"), [(["nothing"], {}), ([], {"BENCH": "huge"})])
def test_what_is_not_known_is_refused(arguments, environment, capsys):
    assert main(arguments, environment) == 2
    assert capsys.readouterr().err.startswith("benchmarks: ")


def test_the_events_are_the_same_in_every_run_and_of_the_size_of_real_ones():
    bodies = payloads(50)
    assert bodies == payloads(50)
    assert len(set(bodies)) == 50
    assert 1000 < sum(map(len, bodies)) / 50 < 1800
    judged = [body for body in bodies if b'"eventName":"Change' in body]
    assert len(judged) == 50 // JUDGED


def test_in_hostile_events_nothing_repeats():
    values = [json.loads(body)["userAgent"] for body in payloads(200, hostile)]
    assert len(set(values)) == 200


def test_crafted_events_are_judged_all_the_same():
    bodies = [json.loads(body) for body in payloads(20, crafted)]
    assert sum(1 for body in bodies if body["eventName"].startswith("Change")) == 20 // JUDGED
    assert len({body["userAgent"] for body in bodies}) == 20


def test_a_readme_without_the_marks_is_left_alone(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("no marks")
    found = document([], SIZES["smoke"], NOW)
    with pytest.raises(ValueError, match="marks"):
        write(found, tmp_path / "latest.json", readme)
    assert readme.read_text() == "no marks"


def test_the_sizes_are_those_that_the_make_target_knows():
    assert set(SIZES) == {"smoke", "default", "full"}
    assert SIZES["default"].mappings == SIZES["full"].mappings == (57, 1000, 3000)
