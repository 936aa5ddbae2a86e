"""The JSON API, version 1: the same rows as the pages, cursor-paged, errors as RFC 9457 problems."""

from __future__ import annotations

from fastapi import APIRouter

from web.api import controls, drift, evidence, findings, log, sources, status
from web.api.models import Problem


def api_router() -> APIRouter:
    """Every route of the API."""
    problem = {"model": Problem, "content": {"application/problem+json": {}}}
    named = {
        400: {**problem, "description": "A parameter cannot be used"},
        404: {**problem, "description": "There is no such thing"},
        503: {**problem, "description": "The store cannot be read"},
    }
    router = APIRouter(responses={code: dict(body) for code, body in named.items()})
    for part in (status, controls, findings, evidence, drift, sources, log):
        router.include_router(part.router)
    return router
