"""attestream run"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Annotated, Final

import typer

from attestream.alerting import alert_role
from attestream.console import collecting, moment, say
from attestream.errors import Exit, SettingsError
from attestream.options import Config
from attestream.serve import serve_role
from attestream.service import ROLES, Once, Service, run_once
from attestream.settings import load
from attestream.waiting import when_it_answers
from attestream.wiring import Parts, opened
from store.records import WindowRecord

SHOWN: Final = 10
"""Errors of a window that are printed; the window holds more."""


def run(
    config: Config = None,
    once: Annotated[bool, typer.Option("--once", help="Collect every source once, process all, seal, exit.")] = False,
    role: Annotated[list[str] | None, typer.Option("--role", help=f"Only these roles: {', '.join(ROLES)}.")] = None,
) -> int:
    """Run the service: collect, map, seal, serve and alert, all in one process unless roles are named.

    Example: attestream run --once
    """
    settings = load(config)
    roles = tuple(role or ROLES)
    for name in roles:
        if name not in ROLES:
            raise SettingsError(f"--role {name}: no such role (known: {', '.join(ROLES)})")
    with opened(settings, create=True) as parts:
        return _once(parts) if once else _forever(parts, roles)


def _once(parts: Parts) -> int:
    stop, alerts = threading.Event(), alert_role(parts)
    with _stops_on_signals(stop), collecting() as bar:
        done = run_once(parts, bar, stop=stop)
    report(done)
    alerts.run_once()
    if stop.is_set():
        raise KeyboardInterrupt
    return Exit.FAILED if any(w.state == "failed" or w.errors for w in done.windows) else Exit.DONE


def report(done: Once) -> None:
    """Say what was collected, in sentences; failures are never zero events."""
    for windows in _folded(done.windows):
        window = windows[-1]
        period = f"{moment(windows[0].asked[0])} to {moment(window.asked[1])}"
        if len(windows) > 1:
            say(f"{window.source}: nothing was delivered in {len(windows):,} windows ({period}, complete)")
            continue
        if window.state == "failed":
            say(f"{window.source}: FAILED for {period}: {'; '.join(window.errors) or 'nothing could be read'}")
            continue
        bad = f", {window.unreadable} kept as dead letters" if window.unreadable else ""
        whence = f"from {_many(window.files, 'file')}" if window.files else f"in {_many(window.pages, 'answer')}"
        say(f"{window.source}: {_many(window.records, 'record')} {whence}{bad} ({period}, {window.state})")
        for error in window.errors[:SHOWN]:
            say(f"{window.source}: {error}")
        if len(window.errors) > SHOWN:
            say(f"{window.source}: and {len(window.errors) - SHOWN} more (attestream source list --json)")
    if not done.windows:
        say("nothing to collect: no source is set up, or nothing is due (attestream source types shows what can be)")
    if done.checkpoint is not None:
        say(f"sealed: log of {done.checkpoint.checkpoint.size:,} entries, root {done.checkpoint.checkpoint.root.hex()[:16]}…")


def _many(number: int, word: str) -> str:
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def _folded(windows: Sequence[WindowRecord]) -> list[list[WindowRecord]]:
    """Windows one by one, but those in a row that were read and held nothing together."""
    groups: list[list[WindowRecord]] = []
    for window in windows:
        last = groups[-1][-1] if groups else None
        if last is not None and last.source == window.source and _empty(last) and _empty(window):
            groups[-1].append(window)
        else:
            groups.append([window])
    return groups


def _empty(window: WindowRecord) -> bool:
    return window.state == "complete" and not window.files and not window.records and not window.errors


def _forever(parts: Parts, roles: tuple[str, ...]) -> int:
    stop = threading.Event()
    with _stops_on_signals(stop):
        service = Service(parts, roles, when_it_answers(lambda: _extra(parts, roles), stop) or [], stop)
        service.start()
        if "serve" in roles and not stop.is_set():
            say(f"dashboard: http://{parts.settings.web.listen}/")
        if not stop.is_set():
            say(f"running ({', '.join(roles)}); stop with Ctrl-C")
        while not stop.wait(0.5):
            pass
        say("stopping …")
        service.stop()
    return Exit.DONE


def _extra(parts: Parts, roles: tuple[str, ...]) -> list[tuple[str, Callable[[threading.Event], None]]]:
    """The roles that are no part of the service itself. Raises StoreError where the store cannot be had."""
    extra: list[tuple[str, Callable[[threading.Event], None]]] = []
    if "serve" in roles:
        extra.append(("serve", serve_role(parts)))
    if "alert" in roles:
        extra.append(("alert", alert_role(parts).loop))
    return extra


class _stops_on_signals:
    """SIGTERM and the first Ctrl-C ask for a graceful stop; the second Ctrl-C interrupts."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.getsignal(number)
            signal.signal(number, self._asked)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _asked(self, number: int, _frame: object) -> None:
        if self._stop.is_set() and number == signal.SIGINT:
            sys.exit(int(Exit.INTERRUPTED))
        self._stop.set()
