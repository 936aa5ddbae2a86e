"""Alerts, wired to the store: the alert role, and what it writes there."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.base import RouteInvalid
from alerts.deliver import Deliverer
from alerts.registry import read_routes
from alerts.routes import Route
from attestream.errors import SettingsError
from attestream.wiring import Parts
from pipeline.posture import decide
from store.engine import reading
from store.query_common import names_of
from store.records import Batch, DriftRow
from store.statements import TicketLink


def routes_of(parts: Parts) -> Sequence[Route]:
    """The routes of the settings. Raises SettingsError."""
    try:
        return read_routes(parts.settings.alerts.routes)
    except RouteInvalid as error:
        raise SettingsError(str(error)) from error


def alert_role(parts: Parts) -> Deliverer:
    """Delivers drift to the routes. Raises SettingsError."""
    routes, link = routes_of(parts), parts.settings.alerts.link

    def tell(drift: DriftRow) -> None:
        parts.store.append(Batch(drifts=(drift,)), (), decide)

    def linked(keys: Sequence[tuple[str, bytes]], ticket: str) -> None:
        with reading(parts.store.engine) as connection:
            names = names_of(connection, [subject for _, subject in keys])
        links = [TicketLink(mapping, names[subject], ticket, "attestream") for mapping, subject in keys if subject in names]
        parts.store.append(Batch(links=tuple(links)), (), decide)

    try:
        return Deliverer(parts.store.engine, routes, parts.store.clock, link, tell=tell, linked=linked)
    except RouteInvalid as error:
        raise SettingsError(str(error)) from error
