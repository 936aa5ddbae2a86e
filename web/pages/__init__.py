"""The pages, in the order in which their addresses are tried."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from web.pages import controls, drift, evidence, findings, log, mappings, overview, records, search, sources

ROUTERS: Final[tuple[APIRouter, ...]] = (
    overview.router,
    controls.router,
    findings.router,
    drift.router,
    evidence.router,
    sources.router,
    mappings.router,
    records.router,
    log.router,
    search.router,
)
