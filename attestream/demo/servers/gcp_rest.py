"""Small Google Cloud REST APIs on the loopback address, each below a path of its own (/iam/v1/…), and a token server.

They hold what is put there: lists under a path, single answers, policies. As the real ones they page by nextPageToken, leave
empty lists out of an answer, answer 401 to a token that they did not give, 403 SERVICE_DISABLED for an API that is off, and 404.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from attestream.demo.servers.serving import Asked, JsonServer, Reply

TOKEN_LIFE: Final = 3600
_OWN: Final = frozenset({"pageSize", "maxResults", "pageToken"})
Route = tuple[str, str]
"""API and path, with the parameters that belong to the question: ("storage", "/storage/v1/b?project=shop")."""


class GcpRestServer(JsonServer):
    """See the module. `token`: the one it gives out; `page`: elements that a page holds at most.

    `denied`: APIs, or whole routes, that are refused; `disabled`: APIs that are off.
    """

    def __init__(self, token: str, clock: Callable[[], float] = time.time) -> None:
        super().__init__(clock)
        self.token = token
        self.page = 1000
        self.denied: set[str | Route] = set()
        self.disabled: set[str] = set()
        self.partly: dict[Route, Mapping[str, Any]] = {}
        """What answers of a route say beside their list (unreachable, warnings)."""
        self.grants = 0
        self._lists: dict[Route, tuple[str, list[Any]]] = {}
        self._single: dict[Route, Any] = {}

    def put(self, api: str, path: str, member: str, *elements: Any) -> None:
        """Put elements at the end of the list at `path` (they may be bytes), whose answers have it in `member`."""
        with self.lock:
            self._lists.setdefault((api, path), (member, []))[1].extend(elements)

    def set(self, api: str, path: str, value: Any) -> None:
        """The answer at `path`."""
        with self.lock:
            self._single[(api, path)] = value

    def clear(self) -> None:
        """Every list is empty; single answers stay."""
        with self.lock:
            for _, elements in self._lists.values():
                elements.clear()

    def answer(self, asked: Asked) -> Reply:
        """One request."""
        if asked.path == "/token":
            return self._granted(asked)
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            return refusal(401, "UNAUTHENTICATED", "Request had invalid authentication credentials")
        _, api, rest = asked.path.split("/", 2)
        own = "&".join(f"{name}={value}" for name, value in asked.pairs if name not in _OWN)
        route = (api, f"/{rest}?{own}" if own else f"/{rest}")
        if api in self.disabled:
            return off(api)
        if api in self.denied or route in self.denied:
            return refusal(403, "PERMISSION_DENIED", "Permission denied on resource (or it may not exist).")
        if route in self._single:
            return Reply(200, self._single[route])
        return self._page(asked, route)

    def _page(self, asked: Asked, route: Route) -> Reply:
        member, found = self._lists.get(route, ("", []))
        if not member:
            return refusal(404, "NOT_FOUND", "Requested entity was not found.")
        wanted = asked.query.get("pageSize") or asked.query.get("maxResults") or "100"
        size = min(self.page, int(wanted)) if wanted.isdigit() and wanted != "0" else self.page
        at = _at(asked.query.get("pageToken", ""), route)
        if at is None:
            return refusal(400, "INVALID_ARGUMENT", "The page token is invalid.")
        raw = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in found[at : at + size]]
        parts = [json.dumps(member).encode() + b": [" + b", ".join(raw) + b"]"] if raw else []
        if at + size < len(found):
            parts.append(b'"nextPageToken": ' + json.dumps(_token(at + size, route)).encode())
        parts += [json.dumps({name: value}).encode()[1:-1] for name, value in self.partly.get(route, {}).items()]
        return Reply(200, b"{" + b", ".join(parts) + b"}")

    def _granted(self, asked: Asked) -> Reply:
        """A token for a service account's signed assertion (RFC 7523); the signature is not looked at."""
        if b"grant-type%3Ajwt-bearer" not in asked.body:
            return Reply(400, {"error": "unsupported_grant_type"})
        self.grants += 1
        return Reply(200, {"access_token": self.token, "expires_in": TOKEN_LIFE, "token_type": "Bearer"})


def refusal(status: int, code: str, said: str, reason: str = "", **metadata: str) -> Reply:
    """An error as Google's APIs write it."""
    kind = "type.googleapis.com/google.rpc.ErrorInfo"
    details = [{"@type": kind, "reason": reason, "domain": "googleapis.com", "metadata": metadata}] if reason else []
    return Reply(status, {"error": {"code": status, "message": said, "status": code, "details": details}})


def off(api: str) -> Reply:
    """The error of an API that is not enabled."""
    host = f"{api}.googleapis.com"
    said = f"{host} has not been used in project 1 before or it is disabled."
    return refusal(403, "PERMISSION_DENIED", said, "SERVICE_DISABLED", service=host, consumer="projects/1")


def _token(at: int, route: Route) -> str:
    return base64.urlsafe_b64encode(f"{at}\0{route[0]}{route[1]}".encode()).decode()


def _at(token: str, route: Route) -> int | None:
    """Where a token leads, None where it is none of this route."""
    if not token:
        return 0
    try:
        at, _, place = base64.urlsafe_b64decode(token).decode().partition("\0")
        return int(at) if place == f"{route[0]}{route[1]}" else None
    except ValueError:
        return None
