"""alerts/registry.py and alerts/settings.py: what a route may be, and what is said of one that may not."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from alerts.base import AlertError
from alerts.log import LogNotifier
from alerts.registry import ROUTE_TYPES, read_routes
from alerts.webhook import WebhookNotifier

SECRET = "correct horse battery staple"
HOOK = {"name": "hook", "type": "webhook", "url": "https://hooks.example.org/T0K3N", "secret": SECRET}
DOCS = Path(__file__).resolve().parents[2] / "docs" / "alerts.md"


def test_without_routes_alerts_go_to_the_log() -> None:
    [route] = read_routes(())
    assert (route.name, type(route.notifier)) == ("log", LogNotifier)


def test_routes_are_built_with_their_filters(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(f"{SECRET}\n")
    secret.chmod(stat.S_IRUSR)
    hook = {k: v for k, v in HOOK.items() if k != "secret"} | {
        "secret_file": str(secret),
        "level": "high",
        "controls": ["A.8.15"],
    }
    log, webhook = read_routes([{"name": "l", "type": "log", "themes": ["people"], "accounts": ["012345678901"]}, hook])
    assert log.filters.themes == {"people"}
    assert log.filters.accounts == {"012345678901"}
    assert isinstance(webhook.notifier, WebhookNotifier)
    assert webhook.notifier.secret == SECRET.encode()
    assert webhook.notifier.caller.tls is not None
    assert (webhook.filters.level, webhook.filters.controls) == ("high", {"A.8.15"})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"type": "webhok"}, "type 'webhok' is not known; did you mean webhook?"),
        ({"type": None}, "type is missing (known: "),
        ({"levels": "high"}, "levels is no setting of webhook; did you mean level?"),
        ({"level": "hihg"}, "level: Input should be 'informational', 'low', 'medium', 'high' or 'critical'"),
        ({"themes": ["technical"]}, "themes.0: Input should be 'organizational'"),
        ({"controls": ["A.8.99"]}, "controls: 'A.8.99' is no control; did you mean 'A.8.9'?"),
        ({"controls": ["\x1b"]}, "is no control; they are A.5.1 to A.8.34"),
        ({"accounts": [111122223333]}, "accounts.0: write it in quotes"),
        ({"name": "a b"}, "name: String should match pattern"),
        ({"name": None}, "route 1: name: Input should be a valid string"),
        ({"url": "http://hooks.example.org/T0K3N"}, "url: https only"),
        ({"url": "https://127.0.0.1/T0K3N"}, "url: 127.0.0.1 is not a public address"),
        ({"url": "https://hooks.example.org@evil.test/T0K3N"}, "url: not a URL that can be called"),
        ({"hosts": ["example.org"]}, "url: hooks.example.org is not among the route's hosts"),
        ({"secret": None}, "set one of secret and secret_file"),
        ({"secret_file": "x"}, "set one of secret and secret_file"),
        ({"secret": "short"}, "secret: a secret has 16 to 4096 bytes"),
        ({"secret": None, "secret_file": "/nowhere/secret"}, "secret_file: cannot read /nowhere/secret: No such file"),
        ({"ca_file": "/nowhere/ca.pem"}, "ca_file: /nowhere/ca.pem holds no certificates"),
    ],
)
def test_what_is_wrong_is_named_and_no_secret_is(change: dict[str, Any], said: str) -> None:
    with pytest.raises(AlertError) as error:
        read_routes([{**HOOK, **change}])
    assert said in str(error.value)
    assert str(error.value).startswith("alerts.routes: ")
    assert SECRET not in str(error.value)
    assert "T0K3N" not in str(error.value)
    assert change.get("secret") is None or change["secret"] not in str(error.value).split()


def test_a_missing_key_is_named() -> None:
    with pytest.raises(AlertError, match=r"alerts\.routes: hook: set one of url and url_file"):
        read_routes([{k: v for k, v in HOOK.items() if k != "url"}])


def test_a_name_stands_once() -> None:
    with pytest.raises(AlertError, match="the name 'hook' stands twice"):
        read_routes([HOOK, HOOK])


def test_a_huge_secret_file_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b"x" * 10_000_000)
    with pytest.raises(AlertError, match="16 to 4096 bytes"):
        read_routes([{**HOOK, "secret": None, "secret_file": str(file)}])


def test_every_type_and_setting_is_documented() -> None:
    text = DOCS.read_text()
    for kind in ROUTE_TYPES.values():
        for name in (kind.name, *kind.settings.model_fields):
            assert f"`{name}`" in text, f"{name} of {kind.name} is not in docs/alerts.md"
