"""Errors as answers: a page for people, problem+json (RFC 9457) for programs."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from store.errors import StoreError, VerificationError
from web.errors import BadParameter, WebError
from web.security import add_headers
from web.templating import render
from web.words import visible

API: Final = "/api/"
PROBLEM: Final = "application/problem+json"

_SAID: Final = {
    404: "There is no page at this address.",
    405: "This address only answers GET: the pages and the API read, and change nothing.",
}


def add_handlers(app: FastAPI) -> None:
    """Register how each kind of error is answered."""
    app.add_exception_handler(WebError, _web_error)
    app.add_exception_handler(StoreError, _store_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def answer(
    request: Request, status: int, title: str, detail: str, *, parameter: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """The error as the asker reads it."""
    if not request.url.path.startswith(API):
        response: Response = render(request, "error.html", status=status, code=status, title=title, detail=detail)
    else:
        body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status, "detail": visible(detail)}
        if parameter:
            body["parameter"] = visible(parameter)
        response = JSONResponse(body, status_code=status, media_type=PROBLEM)
    response.headers.update(headers or {})
    return response


def _web_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, WebError)
    parameter = error.name if isinstance(error, BadParameter) else ""
    return answer(request, error.status, error.title, str(error), parameter=parameter)


def _store_error(request: Request, error: Exception) -> Response:
    """A cursor of another list is the asker's mistake; everything else of the store is ours."""
    if isinstance(error, VerificationError):
        detail = (
            f"What is stored is not what the log committed to: {error}. Keep this database and run: attestream evidence verify"
        )
        return answer(request, 500, "Integrity failure", detail)
    if type(error) is StoreError and request.query_params.get("after"):
        return answer(request, 400, BadParameter.title, f"after: {error}", parameter="after")
    detail = f"The store cannot be read at the moment: {error}"
    return answer(request, 503, "The store does not answer", detail, headers={"retry-after": "10"})


def _invalid(request: Request, error: Exception) -> Response:
    """FastAPI's own checks: name the first parameter and what it must be."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    name = str(first["loc"][-1])
    said = str(first["msg"])
    return answer(request, 400, BadParameter.title, f"{name}: {said[:1].lower()}{said[1:]}", parameter=name)


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    title = HTTPStatus(error.status_code).phrase.capitalize()
    return answer(request, error.status_code, title, _SAID.get(error.status_code, str(error.detail)), headers=error.headers)


def _unexpected(request: Request, error: Exception) -> Response:
    """A fault of ours. It is logged by the server; the page says nothing of it. This answer passes no middleware."""
    del error
    response = answer(request, 500, "Something went wrong", "This is a fault of ours. The service's log says what happened.")
    add_headers(response.headers)
    return response
