"""A kind of route: its name, what it does, its settings, and how its notifier is made of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from alerts.base import Notifier
from alerts.settings import RouteSettings


@dataclass(frozen=True, slots=True)
class RouteType:
    """One kind of route. `build` takes an instance of `settings`; reads files of secrets and certificates, calls nobody.

    `digests`: whether it can carry a digest; what speaks of one alert at a time, which opens and closes, cannot.
    """

    name: str
    summary: str
    settings: type[RouteSettings]
    build: Callable[[Any], Notifier]
    digests: bool = True
