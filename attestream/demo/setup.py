"""The settings that the demonstration writes, for itself and for every command that is tried afterwards."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from attestream.demo.organisation import Source
from attestream.demo.receiver import Receiver
from attestream.demo.world import HOME_REGION, demo_lists

BUCKET: Final = "org-trail-logs"
SOURCE: Final = "org-trail"
_HERE: Final = {"allow_http": True, "allow_private": True}


def write_settings(
    folder: Path, port: int, endpoint: str, receiver: Receiver, others: Sequence[Source], alertmanager: str
) -> None:
    """Write `attestream.yaml` into the folder."""
    trail = {"name": SOURCE, "type": "cloudtrail-s3", "bucket": BUCKET, "region": HOME_REGION, "endpoint_url": endpoint}
    values = {
        "store": {"url": f"sqlite:///{folder / 'store.db'}"},
        "sources": [{**trail, "schedule": "10s"}, *others],
        "mappings": {"lists": demo_lists()},
        "alerts": {"link": f"http://127.0.0.1:{port}", "routes": _routes(folder, receiver, alertmanager)},
        "web": {"listen": f"127.0.0.1:{port}"},
    }
    (folder / "attestream.yaml").write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")


def _routes(folder: Path, receiver: Receiver, alertmanager: str) -> list[dict[str, Any]]:
    """The team's chat hears of everything, on-call of what cannot wait."""
    key = folder / "pagerduty-key.secret"
    key.touch(mode=0o600)
    key.write_text(secrets.token_hex(16), encoding="ascii")
    routes = [
        {"name": "team", "type": "slack", "url": receiver.slack, **_HERE},
        {"name": "on-call", "type": "pagerduty", "url": receiver.url, "routing_key_file": str(key), "level": "medium", **_HERE},
    ]
    if alertmanager:
        routes.append({"name": "alertmanager", "type": "alertmanager", "url": alertmanager, **_HERE})
    return routes
