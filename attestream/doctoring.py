"""The checks of `attestream doctor`: each looks at one part and says what it found and what to do."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from alerts.base import AlertError
from alerts.registry import read_routes
from attestream.doctoring_postgres import examine_database
from attestream.errors import AttestreamError
from attestream.serve import listen_address
from attestream.wiring import Parts
from collectors.base import Collector, CollectorError, Permission
from pipeline.errors import PipelineError
from pipeline.rules.lint import lint
from pipeline.rules.problems import RulesError
from store.errors import StoreError
from store.sqlite_driver import sqlite_module, wal_is_safe

LOW_SPACE: Final = 1 << 30
State = Literal["ok", "warning", "broken"]


@dataclass(frozen=True, slots=True)
class Check:
    """What one check found. `remedy` is "" when there is nothing to do."""

    name: str
    state: State
    found: str
    remedy: str = ""


def examine(parts: Parts) -> Sequence[Check]:
    """Every check, in the order in which parts depend on each other. Never raises for what it finds broken."""
    checks = [_guarded(name, check, parts) for name, check in CHECKS]
    if checks[0].state == "ok" and not parts.embedded:
        checks.insert(1, _guarded("database", examine_database, parts))
    for source, collector in zip(parts.settings.source_settings(), parts.collectors, strict=True):
        checks.append(_guarded(f"source {source.name}", _answers(collector), parts))
    if not parts.collectors:
        checks.append(
            Check("sources", "warning", "none is set up", "add sources: to attestream.yaml; see attestream source types")
        )
    return checks


def _guarded(name: str, check: Callable[[Parts], tuple[State, str, str]], parts: Parts) -> Check:
    try:
        return Check(name, *check(parts))
    except (AttestreamError, StoreError, PipelineError, CollectorError, RulesError, AlertError) as error:
        return Check(name, "broken", str(error), _REMEDIES.get(name, ""))


def _answers(collector: Collector) -> Callable[[Parts], tuple[State, str, str]]:
    def check(_: Parts) -> tuple[State, str, str]:
        probes = collector.check()
        found = "; ".join(probe.text for probe in probes) or "answers"
        denied = [probe.denied for probe in probes if probe.denied is not None]
        if not denied:
            return "ok", found, ""
        remedy = "; ".join(dict.fromkeys(_unread(permission) for permission in denied))
        state: State = "broken" if len(denied) == len(probes) else "warning"
        return state, found, f"{remedy}. attestream doctor --policy {collector.source} prints all that it needs"

    return check


def _unread(permission: Permission) -> str:
    """What a denied call means."""
    rests = f"; without it nothing speaks from here for {', '.join(permission.controls)}" if permission.controls else ""
    return f"allow {permission.action} ({permission.why}){rests}"


def _store(parts: Parts) -> tuple[State, str, str]:
    if not parts.exists():
        return "warning", f"{parts.settings.store.url}: there is none yet", "attestream run --once makes it"
    log = parts.query.log()
    if not parts.embedded:
        return "ok", f"{parts.settings.store.url}: a log of {log.size:,} entries", ""
    version = sqlite_module().sqlite_version
    found = f"{parts.settings.store.url}: a log of {log.size:,} entries (SQLite {version})"
    if not wal_is_safe(sqlite_module().sqlite_version_info):
        return "warning", f"{found}, too old for WAL: slower, and readers wait", "install the pysqlite3 wheel"
    return "ok", found, ""


def _space(parts: Parts) -> tuple[State, str, str]:
    folder = parts.settings.folder.absolute()
    try:
        free = shutil.disk_usage(next(p for p in (folder, *folder.parents) if p.exists())).free
    except OSError as error:
        return "broken", f"{parts.settings.folder}: {error.strerror}", "check store.url"
    found = f"{free / (1 << 30):.1f} GiB free beside the store"
    return ("warning", found, "free some space: a full disk stops collection") if free < LOW_SPACE else ("ok", found, "")


def _stream(parts: Parts) -> tuple[State, str, str]:
    if not parts.exists():
        return "ok", f"{parts.settings.stream.url}: made with the store", ""
    stream, known = parts.stream_as_it_is, parts.stream_known()
    found = f"{parts.settings.stream.url}: {stream.partitions} partitions, {sum(stream.ends().values()):,} packs so far"
    if known and known != stream.identity:
        return (
            "warning",
            f"{found}; it is another one than the store's positions are of",
            "set stream.url as on the other machines; if it was lost or replaced, the next run asks for what it carried again",
        )
    return "ok", found, ""


def _key(parts: Parts) -> tuple[State, str, str]:
    if not parts.exists() and not parts.settings.key_file.exists():
        return "ok", f"{parts.settings.key_file}: made with the first signature", ""
    if parts.signed_elsewhere() is not None:
        return "ok", f"{parts.settings.key_file}: none here; another machine signs, as {parts.verifier}", ""
    if not parts.embedded and not parts.settings.key_file.exists() and parts.signed() is None:
        return "ok", f"{parts.settings.key_file}: none here; whoever signs first makes one", "run the seal role on one machine"
    key = parts.key
    mode = stat.S_IMODE(parts.settings.key_file.stat().st_mode)
    return "ok", f"{parts.settings.key_file} (mode {mode:04o}) signs as {key.verifier}", ""


def _checkpoints(parts: Parts) -> tuple[State, str, str]:
    if not parts.exists():
        return "ok", f"they will stand in {parts.settings.place}", ""
    signed, size = parts.latest_checkpoint(), parts.query.log().size
    if signed is None:
        where = "" if parts.embedded else ", on the machine that is to sign"
        return "warning", "the log was never signed", f"run attestream run --once, or attestream log checkpoint{where}"
    parts.check_continues()
    if parts.signed_elsewhere() is not None:
        return "ok", f"signed up to {signed.checkpoint.size:,} of {size:,} by another machine, as the store says", ""
    return "ok", f"signed up to {signed.checkpoint.size:,} of {size:,} in {parts.settings.place}; not anchored outside", ""


def _mappings(parts: Parts) -> tuple[State, str, str]:
    mapping_set = parts.mapping_set()
    errors = [p for p in lint(mapping_set) if p.severity == "error"]
    active = parts.query.log().mapping_set if parts.exists() else ""
    if errors:
        return "warning", f"{len(errors)} problems, the first: {errors[0]}", "see attestream mappings lint"
    state = "active" if active == mapping_set.digest else "not active yet"
    if state == "active":
        return "ok", f"set {mapping_set.digest[:12]}, {state}", ""
    if parts.exists() and active and not parts.embedded:
        found = f"set {mapping_set.digest[:12]} of the files is not the active one, {active[:12]}"
        return "warning", found, "run attestream mappings activate if it should be"
    return "ok", f"set {mapping_set.digest[:12]}, {state}", "attestream run activates it at start"


def _alerts(parts: Parts) -> tuple[State, str, str]:
    routes = read_routes(parts.settings.alerts.routes)
    names = ", ".join(route.name for route in routes)
    return "ok", f"routes: {names}" if names else "no route: drift goes to the log only", ""


def _web(parts: Parts) -> tuple[State, str, str]:
    host, port = listen_address(parts.settings.web.listen)
    return "ok", f"the dashboard would listen on http://{host}:{port}/", ""


CHECKS: Final[tuple[tuple[str, Callable[[Parts], tuple[State, str, str]]], ...]] = (
    ("store", _store),
    ("disk", _space),
    ("stream", _stream),
    ("signing key", _key),
    ("checkpoints", _checkpoints),
    ("mappings", _mappings),
    ("alerts", _alerts),
    ("dashboard", _web),
)
_REMEDIES: Final = {
    "store": "check store.url, and owner and mode of its folder (docs/postgresql.md for PostgreSQL)",
    "stream": "check stream.url",
    "signing key": "check signing.key_file; a new key cannot continue a log that another one signed",
    "checkpoints": "check signing.place and signing.key_file",
    "mappings": "see attestream mappings lint",
    "alerts": "see docs/alerts.md",
}
