"""attestream store migrate"""

from __future__ import annotations

from attestream.console import say
from attestream.options import Config
from attestream.settings import load
from attestream.wiring import opened


def store_migrate(config: Config = None) -> None:
    """Create the store, or bring its schema to this version's. Every command does so when it opens the store.

    Example: attestream store migrate
    """
    settings = load(config)
    with opened(settings, create=True) as parts:
        parts.store  # noqa: B018  (opening migrates)
    say(f"{settings.store.url}: the schema is this version's")
