"""Makes the alert of a claimed delivery: what kind it is, and what it says. Nothing is decided by what was kept in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from alerts import text
from alerts.acknowledge import compose_acknowledgement
from alerts.base import Action, Alert
from alerts.digest import compose_digest
from alerts.meaning import closes, level_of, momentary, opens
from alerts.routes import ROUTE, Route
from alerts.summary import compose_summary
from store import outbox_context as context
from store.outbox import ACKNOWLEDGEMENT, BASELINE, DIGEST, Claimed, Drifted
from store.outbox_context import OpenSubjects
from store.outbox_told import told_of

MAX_KEY = 1024
NOTHING_TOLD = "nothing was told that this would resolve"
OVER = "it was over before it was told"
"""Of an observation: how something was when we looked, and is no longer."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends: `origin` names this installation's store (a URN), `link` is the dashboard's address or ""."""

    origin: str
    link: str = ""


def compose(connection: Connection, claimed: Claimed, route: Route, sender: Sender) -> Alert | str:
    """The alert of these drifts, or why there is none."""
    last = claimed.drifts[-1]
    if claimed.lane == DIGEST:
        said: dict[str, Any] | str = compose_digest(connection, claimed, sender.link)
    elif last.kind == ACKNOWLEDGEMENT:
        said = compose_acknowledgement(connection, claimed, sender.link)
    elif last.kind == BASELINE:
        said = compose_summary(connection, claimed, route, sender.link)
    elif last.kind == "finding":
        said = _finding(connection, claimed, sender)
    else:
        said = _state(connection, claimed, sender)
    if isinstance(said, str):
        return said
    common: dict[str, Any] = {
        "id": alert_id(sender.origin, last, claimed.route),
        "key": text.plain(claimed.lane, MAX_KEY),
        "kind": last.kind,
        "changed_at": max(d.event_time for d in claimed.drifts),
        "known_at": last.recorded_at,
        "origin": sender.origin,
        "source": last.source,
        "receipt": receipt(connection, claimed),
    }
    return Alert(**(common | said))


def receipt(connection: Connection, claimed: Claimed) -> str:
    """What the receiver calls what it made of this lane's trigger, "" where nothing stands."""
    told = told_of(connection, claimed.route, claimed.lane)
    return told.receipt if told is not None else ""


def alert_id(origin: str, drift: Drifted, route: str) -> str:
    """Stable for a drift and a route. The time is part of it: a store restored from a backup gives its numbers out again."""
    whole = "\n".join([origin, str(drift.id), str(drift.recorded_at), drift.key, route])
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _finding(connection: Connection, claimed: Claimed, sender: Sender) -> dict[str, Any] | str:
    """A trigger where nothing that is open was told as it opened, a resolve where nothing is open any more, else an update."""
    first, last = claimed.drifts[0], claimed.drifts[-1]
    before = context.open_subjects(connection, first, claimed.route, first.idx if first.idx is not None else context.WHOLE)
    now = _open_now(connection, claimed)
    opened = [d.event_time for d in claimed.drifts if opens(d)]
    begins = opened + ([before.since] if before.since is not None else [])
    said: dict[str, Any] = {
        "level": level_of(last),
        "title": text.plain(last.text),
        "since": now.since if now.since is not None else min(begins, default=first.event_time),
        "account": text.plain(last.account, text.MAX_NAME),
        "mapping": text.plain(last.mapping or "", text.MAX_NAME),
        "controls": last.controls,
        "entry": last.idx,
        "evidence": context.cited(connection, claimed.drifts),
    }
    if now.count:
        action = Action.TRIGGER if opened and not before.told else Action.UPDATE
        said |= {"action": action, "before": first.before, "after": "not-satisfied", "until": None}
    elif opened or before.told or before.summed or _alert_stands(connection, claimed):
        until = max((d.event_time for d in claimed.drifts if closes(d)), default=last.event_time)
        said |= {"action": Action.RESOLVE, "before": last.before, "after": last.after, "until": until}
        said |= {"brief": bool(opened) and not before.told}
        if said["brief"] and not context.is_log_mapping(connection, last.mapping):
            return OVER
        said |= _as_told(connection, claimed)
    else:
        return NOTHING_TOLD
    said |= _subjects(connection, claimed, now, said["action"])
    handles, count = said.pop("handles"), said["subject_count"]
    pages = ("findings", last.mapping or "", handles[0].hex()) if count == 1 and handles else ("mappings", last.mapping or "")
    return said | {"sentence": _finding_sentence(said, last), "link": text.page(sender.link, *pages)}


def _open_now(connection: Connection, claimed: Claimed) -> OpenSubjects:
    """What is open after the last of these drifts. A subject that they say is open is so, whatever rows there are of it."""
    last = claimed.drifts[-1]
    now = context.open_subjects(connection, last, claimed.route, last.idx + 1 if last.idx is not None else context.WHOLE)
    final = {d.subject: d for d in claimed.drifts if d.subject is not None}
    said = [d for d in final.values() if opens(d)]
    if now.count or not said:
        return now
    handles = tuple(d.subject for d in said if d.subject is not None)
    return OpenSubjects(len(said), min(d.event_time for d in said), handles[: context.LISTED])


def _as_told(connection: Connection, claimed: Claimed) -> dict[str, Any]:
    """Level, controls and title of what is resolved: those under which it was told, whatever its mapping says by now."""
    opened = [d for d in claimed.drifts if opens(d)]
    told = opened[-1] if opened else context.last_opened(connection, claimed.drifts[0])
    if told is None:
        return {}
    return {"level": level_of(told), "controls": told.controls, "title": text.plain(told.text)}


def _subjects(connection: Connection, claimed: Claimed, now: OpenSubjects, action: Action) -> dict[str, Any]:
    """Subjects that are open (for a resolve: that no longer are), and for an update those that joined and left."""
    final = {d.subject: d for d in claimed.drifts if d.subject is not None}
    joined = [subject for subject, d in final.items() if opens(d)][: context.LISTED]
    left = [subject for subject, d in final.items() if closes(d)]
    shown = list(now.handles) if now.count else left[: context.LISTED]
    names = context.subject_names(connection, [*shown, *joined, *left[: context.LISTED]])

    def named(handles: list[bytes]) -> tuple[str, ...]:
        found = (names.get(handle) for handle in handles[: context.LISTED])
        return tuple(text.short(name, claimed.drifts[-1].account) if name is not None else "(erased)" for name in found)

    said: dict[str, Any] = {"handles": shown, "subjects": named(shown), "subject_count": now.count or len(left)}
    if action is Action.UPDATE:
        said |= {"joined": named(joined), "left": named(left)}
    return said


def _alert_stands(connection: Connection, claimed: Claimed) -> bool:
    """Was the last that the route heard of this key that something is open?"""
    told = context.last_told(connection, claimed.drifts[0], claimed.route)
    if told is None:
        return False
    return (
        context.open_subjects(connection, told, claimed.route, told.idx + 1 if told.idx is not None else context.WHOLE).count > 0
    )


def _finding_sentence(said: dict[str, Any], last: Drifted) -> str:
    whose = text.whose(said["subjects"], said["subject_count"], said["account"])
    end = text.about(said["controls"]) + text.late(last.event_time, last.recorded_at)
    if said["action"] is Action.RESOLVE:
        return f"{said['title']}: no longer open for {whose}, {text.period(said['since'], said['until'])}.{end}"
    if said["action"] is Action.TRIGGER:
        return f"{said['title']}: not satisfied for {whose} since {text.when(said['since'])}.{end}"
    moved = [
        f"{word}: {text.listed(said[of], len(said[of]))}"
        for word, of in (("joined", "joined"), ("recovered", "left"))
        if said[of]
    ]
    return f"{said['title']}: still not satisfied for {whose}; {'; '.join(moved) or 'seen again'}.{end}"


def _state(connection: Connection, claimed: Claimed, sender: Sender) -> dict[str, Any] | str:
    """A control's staleness, a source's health, the log itself: what the last drift of the key says, holds."""
    last = claimed.drifts[-1]
    told = context.last_told(connection, claimed.drifts[0], claimed.route)
    was_open = told is not None and opens(told) and not momentary(told)
    opened = [d for d in claimed.drifts if opens(d)]
    if opens(last):
        action = Action.UPDATE if was_open else Action.TRIGGER
    elif was_open or opened:
        action = Action.RESOLVE
    else:
        return NOTHING_TOLD
    begin = told if was_open and told is not None else (opened or [last])[0]
    control = last.controls[0] if last.kind == "control" and last.controls else ""
    title = f"{control} {'is' if opens(last) else 'is no longer'} stale" if control else text.plain(last.text)
    said: dict[str, Any] = {
        "action": action,
        "level": level_of(last),
        "title": title,
        "before": claimed.drifts[0].before,
        "after": last.after,
        "since": begin.event_time,
        "until": last.event_time if action is Action.RESOLVE else None,
        "account": text.plain(last.account, text.MAX_NAME),
        "controls": last.controls,
        "brief": action is Action.RESOLVE and not was_open,
        "entry": last.idx,
        "link": _state_page(sender, last, control),
    }
    return said | {"sentence": _state_sentence(said, last, control, opened)}


def _state_page(sender: Sender, drift: Drifted, control: str) -> str:
    if control:
        return text.page(sender.link, "controls", control)
    if drift.kind == ROUTE:
        return text.page(sender.link, "drift")
    if drift.kind == "exception":
        return text.page(sender.link, "records", "exceptions")
    if drift.kind == "attestation":  # its key is attestation/ID/end
        return text.page(sender.link, "records", "attestations", drift.key.split("/")[1])
    return text.page(sender.link, "sources", drift.source) if drift.source else text.page(sender.link, "log")


def _state_sentence(said: dict[str, Any], last: Drifted, control: str, opened: list[Drifted]) -> str:
    end = text.late(last.event_time, last.recorded_at)
    if control and opens(last):
        return f"{control} is stale since {text.when(last.event_time)}: what should speak for it did not speak in time.{end}"
    what = f"{control} is no longer stale, it is {last.after.replace('-', ' ')}" if control else said["title"]
    if said["brief"] and opened and not control:
        what = f"{text.plain(opened[0].text)}; then: {what}"
    span = text.period(said["since"], said["until"]) if said["until"] is not None else text.when(last.event_time)
    return f"{what} ({span}).{end}"
