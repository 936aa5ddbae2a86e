"""Observations: the state of a subject when we looked, as an event.

The id is made of the subject, the content and the time, so that a look is one event however often it is delivered; the store
recognises content that is unchanged since the subject's last observation.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from collectors.base import Window
from collectors.json_text import render
from store.records import Event

MAX_NAMES: Final = 20_000
"""Names that a summary lists; of more it says only how many there were."""


def observation(
    window: Window, kind: str, subject: str, looked: int, payload: bytes, *, account: str = "", region: str = ""
) -> Event:
    """Return the event of what was seen at `looked` (microseconds). `kind` is the event type, e.g. snapshot.aws.iam.user.

    `subject` names the resource so that no other of this source has the same (an ARN, a URL, account and name).
    """
    who = hashlib.sha256("\0".join((kind, account, region, subject)).encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return Event(
        source=window.source,
        id=f"{who}-{hashlib.sha256(payload).hexdigest()}-{looked}",
        type=kind,
        time=looked,
        payload=payload,
        window=window.attempt,
        collected_at=looked,
        subject=subject,
        account=account,
        region=region,
    )


def snapshot(
    window: Window,
    kind: str,
    subject: str,
    looked: int,
    value: Mapping[str, Any],
    *,
    account: str = "",
    region: str = "",
    unread: Sequence[str] = (),
) -> Event:
    """Return the observation of a value that a client handed out as objects. `unread`: paths asked for and not answered.

    What the source says is absent is null in `value`; what it did not answer is left out of it and named in `unread`.
    """
    content = {**value, "_unread": sorted(set(unread))} if unread else dict(value)
    return observation(window, kind, subject, looked, render(content), account=account, region=region)


def summary(
    window: Window,
    kind: str,
    looked: int,
    names: Sequence[str],
    *,
    account: str = "",
    region: str = "",
    more: Mapping[str, Any] | None = None,
) -> Event:
    """Return what a complete look at one resource type saw, so that absence can be judged: how many, and their names.

    `kind` is summary.PRODUCT.SERVICE.RESOURCE. To be sent only where the other side enumerated all there is.
    """
    place = f"{account}/{region}" if region else account
    listed = sorted(names)
    value: dict[str, Any] = {"account": account, "region": region, "count": len(listed), **(more or {})}
    value["names"] = listed[:MAX_NAMES]
    return observation(window, kind, place or window.source, looked, render(value), account=account, region=region)
