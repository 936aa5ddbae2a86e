"""Settings of organisations and repositories, and their scanning alerts, as observations."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from collectors.github_parts.hub import Hub, Told
from collectors.github_parts.look import Look, unread
from collectors.github_parts.pieces import (
    ALERTS,
    MEMBER,
    ORG,
    ORG_DROPPED,
    ORG_LISTS,
    ORG_OWNERS,
    ORG_PIECES,
    OUTSIDE,
    REPO,
    REPO_DROPPED,
    REPO_LISTS,
    REPO_PIECES,
    SBOM,
    SBOM_KIND,
    Alerts,
    Listed,
    Piece,
)
from collectors.github_parts.shape import join, without
from collectors.http import ApiError
from collectors.json_text import members, render
from collectors.tickets import moment
from collectors.unreadable import Unreadable
from store.records import Event

NAME: Final = re.compile(r"(?!\.{1,2}/)[A-Za-z0-9_.-]{1,100}/(?!\.{1,2}$)[A-Za-z0-9_.-]{1,100}")
"""owner/repository, as it may stand in a path."""


@dataclass(frozen=True, slots=True)
class Reads:
    """What is looked at, and for how long alerts that are done come again (microseconds)."""

    follow: int
    sbom: bool


def organisation(look: Look, org: str) -> Iterator[Event]:
    """Its settings, hooks, members and outside collaborators."""
    told = look.hub.ask(f"/orgs/{org}")
    look.of(ORG, org)
    if told.data is None:
        look.wrong(ORG, org, f"organisation {org}", _error(look.hub, told))
    else:
        more, missing = _pieces(look, ORG, org, ORG_PIECES, org=org)
        yield from _subject(look, ORG, org, org, told.data, ORG_DROPPED, more, missing, ORG_OWNERS)
    yield from look.finish(ORG, org)
    for listed in ORG_LISTS:
        yield from _listed(look, listed, org, listed.path.format(org=org))
    yield from _people(look, org, MEMBER, "members", f"/orgs/{org}/members")
    yield from _people(look, org, OUTSIDE, "outside-collaborators", f"/orgs/{org}/outside_collaborators")


def repository(look: Look, name: str, reads: Reads) -> Iterator[Event]:
    """One repository's settings, what hangs on it, and its alerts. Its own part (REPO, owner) is finished by the caller."""
    owner = name.partition("/")[0]
    told = look.hub.ask(f"/repos/{name}")
    if told.data is None:
        look.wrong(REPO, owner, f"repository {name}", _error(look.hub, told))
        return
    parsed = json.loads(told.data)
    value: dict[str, Any] = parsed if isinstance(parsed, dict) else {}
    branch = value.get("default_branch")
    asked = [
        piece
        for piece in REPO_PIECES
        if piece.when == "always"
        or (piece.when == "not-empty" and isinstance(branch, str))
        or (piece.when == "public" and value.get("visibility") == "public")
    ]
    more, missing = _pieces(look, REPO, owner, asked, repo=name, branch=quote(str(branch), safe=""))
    yield from _subject(look, REPO, owner, name, told.data, REPO_DROPPED, more, missing, ())
    for listed in REPO_LISTS:
        yield from _listed(look, listed, name, listed.path.format(repo=name))
    for alerts in ALERTS:
        yield from _alerts(look, alerts, name, reads.follow)
    if reads.sbom:
        yield from _sbom(look, name)


def gone(look: Look, name: str) -> Iterator[Event]:
    """A repository that is not there any more: nothing hangs on it."""
    for kind in (*(listed.kind for listed in REPO_LISTS), *(alerts.kind for alerts in ALERTS), SBOM_KIND):
        look.of(kind, name)
        yield from look.finish(kind, name)


def _pieces(look: Look, kind: str, account: str, pieces: Sequence[Piece], **names: str) -> tuple[dict[str, Any], list[str]]:
    """Ask for each piece; returns members of ours and the names of those not answered."""
    more: dict[str, Any] = {}
    off: dict[str, str] = {}
    missing: list[str] = []
    for piece in pieces:
        path = piece.path.format(**names)
        if piece.pages or piece.newest:
            told = look.hub.list(path) if piece.pages else look.hub.newest(path)
        else:
            told = look.hub.ask(path, empty=piece.empty)
        if told.off is not None:
            more[piece.member], off[piece.member] = None, told.off
        elif told.data is None:
            look.wrong(kind, account, path.partition("?")[0], _error(look.hub, told))
            missing.append(piece.member)
        else:
            more[piece.member] = msgspec.Raw(told.data)
    return {**more, **({"_off": off} if off else {})}, missing


def _subject(
    look: Look,
    kind: str,
    account: str,
    name: str,
    data: bytes,
    drop: Sequence[str],
    more: dict[str, Any],
    missing: list[str],
    expected: Sequence[str],
) -> Iterator[Event]:
    try:
        own = without(data, drop)
        hidden = [path for path in expected if path not in members(own)]
    except Unreadable as error:
        yield from look.unreadable(kind, account, f"{look.host}/{name}", data, error)
        return
    if hidden:
        told = "is told to owners only: grant Organization: Administration (read)"
        look.report.denied(f"{name}: {', '.join(hidden)}", told)
        look.of(kind, account).errors.append(f"{name}: {', '.join(hidden)} {told}")
        look.denied += 1
    yield from look.event(kind, account, name, own, {**more, **unread([*missing, *hidden])})


def _listed(look: Look, listed: Listed, account: str, path: str) -> Iterator[Event]:
    """A list of subjects of their own, its part and its summary."""
    look.of(listed.kind, account)
    mark = "&" if "?" in path else "?"
    try:
        for item in look.hub.every(f"{path}{mark}per_page=100", listed.member):
            yield from _item(look, listed, account, item)
    except ApiError as error:
        _off_or_wrong(look, listed.kind, account, path, error)
    yield from look.finish(listed.kind, account)


def _item(look: Look, listed: Listed, account: str, item: bytes) -> Iterator[Event]:
    hook = listed.word == "hooks"
    try:
        key = _key(item, listed.key)
        data = without(item, listed.drop) if listed.drop else item
        data = _hook(data) if hook else data
    except Unreadable as error:
        yield from look.unreadable(listed.kind, account, f"{look.host}/{account}/{listed.word}", item, error, secret=hook)
        return
    yield from look.event(listed.kind, account, f"{account}/{listed.word}/{key}", data)


def _hook(data: bytes) -> bytes:
    """A web hook without what lets others call its receiver: of its address scheme and host stay, of a secret that it is set."""
    parts = members(data)
    config = parts.get("config", b"null")
    if not config.startswith(b"{"):
        return data
    inner = members(config)
    url = json.loads(inner["url"]) if "url" in inner else None
    try:
        where = urlsplit(url) if isinstance(url, str) else None
        told = None if where is None else urlunsplit((where.scheme, (where.hostname or "").lower(), "", "", ""))
    except ValueError:
        told = None
    shown: dict[str, bytes] = {name: raw for name, raw in inner.items() if name in ("content_type", "insecure_ssl")}
    shown["url"] = render(told)
    shown["_secret"] = render("secret" in inner)
    return join({**parts, "config": join(shown)})


def _people(look: Look, org: str, kind: str, word: str, path: str) -> Iterator[Event]:
    """People of an organisation, each with whether two-factor authentication is off (owners alone may ask that)."""
    look.of(kind, org)
    without_2fa: set[str] | None = None
    try:
        without_2fa = {str(_key(item, "login")) for item in look.hub.every(f"{path}?filter=2fa_disabled&per_page=100")}
    except (ApiError, Unreadable) as error:
        if isinstance(error, Unreadable):
            error = ApiError(look.hub.api.what, "nonsense", 200, error.reason)
        look.wrong(kind, org, f"{path}?filter=2fa_disabled", error)
    try:
        for item in look.hub.every(f"{path}?per_page=100"):
            try:
                login = str(_key(item, "login"))
            except Unreadable as error:
                yield from look.unreadable(kind, org, f"{look.host}/{org}/{word}", item, error)
                continue
            more = unread(["_two_factor_disabled"]) if without_2fa is None else {"_two_factor_disabled": login in without_2fa}
            yield from look.event(kind, org, f"{org}/{word}/{login}", item, more)
    except ApiError as error:
        look.wrong(kind, org, path, error)
    yield from look.finish(kind, org)


def _alerts(look: Look, alerts: Alerts, name: str, follow: int) -> Iterator[Event]:
    """Open alerts, all of them; then those that were done within `follow`, newest first."""
    look.of(alerts.kind, name)
    path = alerts.path.format(repo=name)
    since = look.clock() - follow
    try:
        for item in look.hub.every(f"{path}?state=open&sort=created&direction=asc&per_page=100{alerts.more}"):
            yield from _alert(look, alerts, name, item)
        for item in look.hub.follow(f"{path}?state={alerts.done}&sort=updated&direction=desc&per_page=100{alerts.more}"):
            updated = moment(_member(item, "updated_at"))
            if updated is not None and updated < since:
                break
            yield from _alert(look, alerts, name, item)
    except ApiError as error:
        _off_or_wrong(look, alerts.kind, name, path, error)
    yield from look.finish(alerts.kind, name)


def _alert(look: Look, alerts: Alerts, name: str, item: bytes) -> Iterator[Event]:
    word = alerts.kind.rpartition(".")[2]
    try:
        # The literal secret goes before anything else looks at the alert; GitHub is asked to leave it out as well.
        data = without(item, alerts.drop)
        number = _key(data, "number")
    except Unreadable as error:
        place = f"{look.host}/{name}/{word}"
        yield from look.unreadable(alerts.kind, name, place, item, error, secret=alerts.secret)
        return
    yield from look.event(alerts.kind, name, f"{name}/{word}/{number}", data, secret=alerts.secret)


def _sbom(look: Look, name: str) -> Iterator[Event]:
    """The software bill of materials (SPDX), without the names and times that are new at every look."""
    look.of(SBOM_KIND, name)
    path = SBOM.path.format(repo=name)
    told = look.hub.ask(path)
    if told.off is not None:
        look.of(SBOM_KIND, name).off = told.off
    elif told.data is None:
        look.wrong(SBOM_KIND, name, path, _error(look.hub, told))
    else:
        try:
            data = without(told.data, ("sbom.creationInfo", "sbom.documentNamespace"))
        except Unreadable as error:
            yield from look.unreadable(SBOM_KIND, name, f"{look.host}/{name}/sbom", told.data, error)
        else:
            yield from look.event(SBOM_KIND, name, f"{name}/sbom", data)
    yield from look.finish(SBOM_KIND, name)


def _off_or_wrong(look: Look, kind: str, account: str, path: str, error: ApiError) -> None:
    told = Hub.told(error)
    if told.off is not None:
        look.of(kind, account).off = told.off
    else:
        look.wrong(kind, account, path.partition("?")[0], error)


def _error(hub: Hub, told: Told) -> ApiError:
    return told.error or ApiError(hub.api.what, "missing", 404, told.off or "")


def _member(item: bytes, name: str) -> Any:
    value = json.loads(item)
    return value.get(name) if isinstance(value, dict) else None


def _key(item: bytes, name: str) -> str | int:
    """What names an element. Raises Unreadable."""
    key = _member(item, name)
    if isinstance(key, bool) or not isinstance(key, str | int) or key == "":
        raise Unreadable(f"has no {name}")
    return key
