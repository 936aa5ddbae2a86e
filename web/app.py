"""The application: pages and API over one Query, read-only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from fastapi import APIRouter, Depends, FastAPI
from fastapi.responses import JSONResponse
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from store.errors import StoreError
from store.reports import Query
from web.api import api_router
from web.catalogue import Catalogue
from web.failures import add_handlers
from web.pages import ROUTERS
from web.params import known_parameters
from web.security import AllowedHosts, SecurityHeaders
from web.site import CheckpointInfo, Site, SiteOf, viewer
from web.templating import STATIC

OPENAPI: Final = "/api/v1/openapi.json"


def create_app(
    query: Query,
    catalogue: Catalogue,
    checkpoints: Callable[[], CheckpointInfo | None],
    *,
    clock: Callable[[], int],
    allowed_hosts: Sequence[str],
) -> FastAPI:
    """The ASGI application.

    `clock` returns microseconds. `allowed_hosts`: hosts whose requests are answered (web/security.py); on loopback the names and
    addresses of loopback, "*" where a proxy in front checks the Host header.
    """
    app = FastAPI(
        title="Attestream",
        version="1",
        summary="Evidence for the 93 Annex A controls of ISO/IEC 27001:2022, read-only",
        openapi_url=OPENAPI,
        docs_url=None,
        redoc_url=None,
        middleware=[Middleware(SecurityHeaders), Middleware(AllowedHosts, hosts=allowed_hosts)],
        redirect_slashes=False,
    )
    app.state.site = Site(query, catalogue, checkpoints, clock)
    seen_by = [Depends(viewer), Depends(known_parameters)]
    for router in ROUTERS:
        app.include_router(router, dependencies=seen_by)
    app.include_router(api_router(), prefix="/api/v1", dependencies=seen_by)
    app.include_router(probes())
    app.mount("/static", Static(directory=STATIC), name="static")
    add_handlers(app)
    return app


def probes() -> APIRouter:
    """What a supervisor asks. It says nothing of the content, so no viewer is asked for."""
    router = APIRouter(include_in_schema=False)

    @router.get("/healthz")
    def healthz() -> JSONResponse:
        """The process answers."""
        return JSONResponse({"status": "ok"})

    @router.get("/readyz")
    def readyz(site: SiteOf) -> JSONResponse:
        """The store answers."""
        try:
            site.query.log()
        except StoreError:
            return JSONResponse({"status": "the store cannot be read"}, status_code=503)
        return JSONResponse({"status": "ready"})

    return router


class Static(StaticFiles):
    """Static files. An address with a digest in it never changes its content."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, with how long it may be kept."""
        response = await super().get_response(path, scope)
        keep = "public, max-age=31536000, immutable" if scope.get("query_string") else "public, max-age=300"
        response.headers["cache-control"] = keep
        return response
