"""What every answer carries, and which Host header is answered at all. Plain ASGI, so that no answer escapes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

HEADERS: Final = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
"""Set on every answer. `cache-control` is set beside them unless the answer has its own."""

PRIVATE: Final = "no-store"
"""Pages show what an organisation's systems say: no cache keeps them."""

ANY_HOST: Final = "*"


class SecurityHeaders:
    """Adds HEADERS to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                add_headers(MutableHeaders(scope=message))
            await send(message)

        # A HEAD request is answered as its GET; the server leaves the body out.
        inner = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
        await self.app(inner, receive, send_with_headers)


def add_headers(headers: MutableHeaders) -> None:
    """Put HEADERS on an answer, in place."""
    for name, value in HEADERS.items():
        headers[name] = value
    headers.setdefault("cache-control", PRIVATE)


class AllowedHosts:
    """Answers only requests whose Host header names an allowed host, so that no foreign name can be rebound to this service.

    `hosts` are names or addresses without a port, IPv6 without brackets; "*" allows every host (a proxy in front checks it).
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str]) -> None:
        self.app = app
        self.hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and ANY_HOST not in self.hosts:
            given = Headers(scope=scope).getlist("host")
            if len(given) != 1 or host_name(given[0]) not in self.hosts:
                text = "400: this Host is not served here. Add it to the allowed hosts in the settings if it should be.\n"
                await PlainTextResponse(text, status_code=400)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def host_name(value: str) -> str:
    """The host in a Host header: without port, brackets and the dot of a full name; "" where it is none."""
    value = value.strip().lower()
    if value.startswith("["):
        name, bracket, port = value[1:].partition("]")
        return name if bracket and _is_port(port) else ""
    name, colon, port = value.partition(":")
    return name.removesuffix(".") if _is_port(colon + port) else ""


def _is_port(text: str) -> bool:
    return text == "" or (text[:1] == ":" and text[1:].isascii() and (text[1:].isdigit() or text[1:] == ""))
