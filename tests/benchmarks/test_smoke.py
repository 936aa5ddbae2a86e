"""benchmarks/: a run of the smallest size measures everything that it says it does. Of times nothing is asserted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import ORDER, main
from benchmarks.events import JUDGED, hostile, payloads
from benchmarks.report import BEGIN, BUDGET, END, NOT_YET, write
from benchmarks.sizes import SIZES
from benchmarks.stages.registry import STAGES

ROOT = Path(__file__).resolve().parents[2]
OTHERS = {
    "one_worker_sqlite_cpu",
    "one_worker_sqlite_retain_all",
    "directory_to_sealed_store",
    "status_5x_rows",
    "drift_p50_s",
}
RATIOS = {*BUDGET, *NOT_YET, *OTHERS}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """One run of every stage; its folder and what it printed."""
    folder = tmp_path_factory.mktemp("results")
    environment = {**os.environ, "BENCH": "smoke", "BENCH_RESULTS": str(folder)}
    done = subprocess.run([sys.executable, "-m", "benchmarks"], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder, done


def test_the_document_has_every_ratio_and_null_for_what_is_not_measured(ran):
    found = json.loads((ran[0] / "latest.json").read_text())
    assert found.keys() == {"machine", "date", "size", "floor_events_per_s", "ratios", "stages"}
    assert found["floor_events_per_s"] > 0
    assert found["ratios"].keys() == RATIOS
    assert {name for name, value in found["ratios"].items() if value is None} == set(NOT_YET)
    assert all(value > 0 for value in found["ratios"].values() if value is not None)
    assert 0 < found["ratios"]["payload_bytes"] < 1


def test_every_stage_says_how_fast_it_was_and_its_memory(ran):
    stages = json.loads((ran[0] / "latest.json").read_text())["stages"]
    names = [stage["name"] for stage in stages]
    assert len(names) == len(set(names)) >= 18
    assert stages[0]["name"] == "floor"
    assert stages[0]["ratio_to_floor"] == 1
    for stage in stages:
        assert stage["events"] > 0
        assert stage["events_per_s"] > 0
        assert 10 < stage["peak_mb"] < 2000


def test_the_table_is_printed_and_stands_in_the_readme(ran):
    folder, done = ran
    readme = (folder / "README.md").read_text()
    between = readme[readme.index(BEGIN) + len(BEGIN) : readme.index(END)].strip()
    assert between == done.stdout.strip()
    for line in between.splitlines():
        assert not line or line[0] == "|" or "size smoke" in line
    assert "[1/" in done.stderr


def test_stages_are_run_in_the_order_in_which_they_are_registered():
    assert tuple(STAGES) == ORDER


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


def test_a_readme_without_the_marks_is_left_alone(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("no marks")
    found = {"date": "d", "size": "s", "machine": "m", "stages": [], "ratios": {}}
    with pytest.raises(ValueError, match="marks"):
        write(found, tmp_path / "latest.json", readme)
    assert readme.read_text() == "no marks"


def test_the_sizes_are_those_that_the_make_target_knows():
    assert set(SIZES) == {"smoke", "default", "full"}
    assert SIZES["default"].mappings == SIZES["full"].mappings == (57, 1000, 3000)
