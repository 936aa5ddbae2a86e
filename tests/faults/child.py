"""A server that forks a process per run of the command line, so that a run costs its own time and not that of its imports.

One JSON object a line: {"argv", "probe", "strikes", "output", …} is answered by {"pid"}; {"wait": pid, "seconds"} by {"status"}
(the exit code, or minus the signal; null when it still runs). Each run is a process of its own and the real `attestream`.
Modules named as arguments are imported beforehand.
"""

from __future__ import annotations

import ctypes
import faulthandler
import importlib
import json
import os
import resource
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from attestream.cli import main
from tests.faults.probe import KAFKA, OPERATIONS, Probe, Strike, install

PDEATHSIG = 1
"""prctl(2): the signal that a process gets when its parent ends."""


def serve() -> None:
    for name in sys.argv[1:]:
        importlib.import_module(name)
    for line in sys.stdin:
        asked = json.loads(line)
        answer = wait(asked["wait"], asked["seconds"]) if "wait" in asked else {"pid": start(asked)}
        print(json.dumps(answer), flush=True)


def start(asked: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        code = run(asked)
    except BaseException:  # the end of this block lets nothing through
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def run(asked: dict[str, Any]) -> int:
    ctypes.CDLL(None).prctl(PDEATHSIG, int(signal.SIGKILL))  # nothing is left of a test run that was itself killed
    signal.signal(signal.SIGINT, signal.default_int_handler)
    null = os.open(os.devnull, os.O_RDONLY)
    output = os.open(asked["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number, descriptor in ((0, null), (1, output), (2, output)):
        os.dup2(descriptor, number)
    os.environ.update(asked["environment"])
    if asked["bare"]:
        drop_capabilities()
    if asked["fsize"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (asked["fsize"], asked["fsize"]))
    faulthandler.register(signal.SIGUSR1)  # a run that hangs can be asked where
    for place, value in asked.get("limits", {}).items():  # shorter ones, as nobody sets them outside tests
        module, _, name = place.partition(":")
        setattr(importlib.import_module(module), name, value)
    if asked.get("ahead"):
        move_clock(asked["ahead"])
    if "folder" in asked:
        os.chdir(asked["folder"])
    operations = KAFKA if asked.get("kafka") else OPERATIONS
    install(Probe(Path(asked["probe"])), [Strike(**strike) for strike in asked["strikes"]], operations)
    if asked["hold"]:
        os.kill(os.getpid(), signal.SIGSTOP)
    sys.argv = ["attestream", *asked["argv"]]
    try:
        main()
    except SystemExit as exit_:
        return int(exit_.code or 0)
    return 0


def move_clock(seconds: float) -> None:
    """What the clock of this process's machine says from now on."""
    now, now_ns = time.time, time.time_ns
    time.time = lambda: now() + seconds
    time.time_ns = lambda: now_ns() + int(seconds * 1e9)


def drop_capabilities() -> None:
    """Be bound by the modes of files even as root (capset, capability version 3, nothing effective or permitted)."""
    header, nothing = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    if ctypes.CDLL(None, use_errno=True).capset(header, nothing):
        raise OSError(ctypes.get_errno(), "capset")


def wait(pid: int, seconds: float) -> dict[str, int | None]:
    deadline = time.monotonic() + seconds
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return {"status": os.waitstatus_to_exitcode(status)}
        if time.monotonic() > deadline:
            return {"status": None}
        time.sleep(0.002)


if __name__ == "__main__":
    serve()
