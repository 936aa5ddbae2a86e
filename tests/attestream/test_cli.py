"""The command line as a whole: help, exit codes, what goes where. What each command does is in test_commands.py."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from attestream import cli
from attestream.cli import NOUNS
from attestream.commands import REGISTRY, Command
from attestream.errors import AttestreamError, Exit, SettingsError
from store.errors import StoreError, VerificationError
from tests.attestream.conftest import Run
from tests.repository import ROOT


@pytest.mark.parametrize("command", REGISTRY, ids=lambda command: command.name)
def test_every_command_has_help_with_an_example(command: Command, run: Run) -> None:
    shown = run(*command.name.split(), "--help")
    assert shown.code == Exit.DONE
    assert f"Example: attestream {command.name}" in re.sub(r"\s+", " ", shown.out)
    assert shown.err == ""


@pytest.mark.parametrize("noun", NOUNS)
def test_every_noun_lists_its_verbs(noun: str, run: Run) -> None:
    verbs = [command.name.split()[1] for command in REGISTRY if command.name.startswith(f"{noun} ")]
    assert verbs
    shown = run(noun, "--help")
    assert shown.code == Exit.DONE
    assert [verb for verb in verbs if verb not in shown.out] == []


def test_the_help_says_where_to_start_and_what_exit_codes_mean(run: Run) -> None:
    shown = run("--help")
    assert shown.code == Exit.DONE
    assert "attestream demo" in shown.out
    assert "4 integrity failure" in re.sub(r"\s+", " ", shown.out)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("stauts",), "stauts"),
        (("control", "shwo"), "shwo"),
        (("status", "--jsn"), "--jsn"),
        (("control", "show"), "control"),
        (("export", "create"), "--from"),
        (("evidence", "list", "--limit", "many"), "--limit"),
        (("evidence", "list", "--limit", "0"), "--limit"),
        (("log", "prove", "-1"), "-1"),
        (("run", "--role", "cook"), "no such role (known: collect, map, seal, serve, alert)"),
        (("status", "--as-of", "yesterday"), "--as-of: not an RFC 3339 time"),
        (("status", "--config", "/nowhere/at/all.yaml"), "/nowhere/at/all.yaml"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_usage_is_exit_2_with_one_clear_message(
    words: tuple[str, ...], said: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*words)
    assert (done.code, done.out) == (Exit.USAGE, "")
    assert said in done.err
    assert "Traceback" not in done.err


def test_wrong_settings_are_exit_2_and_name_the_nearest_key(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "a.yaml"
    config.write_text("stroe: {}", encoding="utf-8")
    done = run("status", config=config)
    assert done.code == Exit.USAGE
    assert done.err.strip() == f"attestream: {config}: stroe: no such setting; did you mean store?"


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (AttestreamError("it does not work"), Exit.FAILED, "attestream: it does not work"),
        (SettingsError("that key"), Exit.USAGE, "attestream: that key"),
        (StoreError("the disk is full"), Exit.FAILED, "attestream: the disk is full"),
        (VerificationError("a byte differs", index=7), Exit.INTEGRITY, "first index that differs: 7"),
        (VerificationError("a byte differs"), Exit.INTEGRITY, "attestream: integrity failure: a byte differs"),
        (KeyboardInterrupt(), Exit.INTERRUPTED, "nothing is half done"),
        (BrokenPipeError(), Exit.DONE, ""),
        (StoreError("a \x1b[31mred\x07 name"), Exit.FAILED, "attestream: a "),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_becomes_one_sentence_and_its_exit_code(
    error: BaseException, code: Exit, said: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        """Fails.

        Example: attestream fail
        """
        raise error

    monkeypatch.setattr(cli, "REGISTRY", (Command("fail", fail), Command("other", fail)))
    monkeypatch.setattr(cli.os, "dup2", lambda *_: None)  # the broken pipe is not this test's stdout
    done = run("fail")
    assert done.code == code
    assert said in done.err
    assert not set("\x1b\x07") & set(done.err)
    assert done.out == ""


@pytest.mark.parametrize(("words", "code"), [(("--help",), 0), (("status", "--nope"), 2), (("source", "types", "--json"), 0)])
def test_the_installed_command_behaves_alike(words: tuple[str, ...], code: int) -> None:
    """In a process of its own, as the console script starts it."""
    start = "import sys; sys.argv[0] = 'attestream'; from attestream.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", start, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert bool(done.stdout) == (code == 0)


def test_data_that_nobody_reads_any_more_is_no_error() -> None:
    start = "import sys; sys.argv[0] = 'attestream'; from attestream.cli import main; main()"
    command = [sys.executable, "-c", start, "mappings", "coverage", "--json"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.close()  # as `| head -0` does
        assert process.stderr is not None
        err = process.stderr.read()
    assert "Traceback" not in err
    assert process.returncode == 0
