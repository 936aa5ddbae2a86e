"""Every answer: status, headers, hosts, methods."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from store.errors import StorageBusy, VerificationError
from tests.web.fakes import FakeQuery, checkpoint
from web.security import CONTENT_SECURITY_POLICY

PAGES = [
    "/",
    "/controls",
    "/controls/A.8.15",
    "/controls/8.15",
    "/controls/A.5.1",
    "/findings",
    "/drift",
    "/evidence",
    "/sources",
    "/findings/5a1f0c2e-0001/00000000000000000000000000000001",
    "/evidence/121",
    "/evidence/122",
    "/evidence/123",
    "/log/0",
    "/log",
    "/sources/aws-prod",
    "/sources/old%2Ftrail",
    "/windows/w-000001?source=aws-prod",
    "/mappings",
    "/mappings/5a1f0c2e-0001",
    "/search",
    "/search?q=trail",
    "/controls/A.7.4",
    f"/findings/attestation:A.5.2/{51:032x}",
    "/records",
    "/records/soa",
    "/records/soa?applies=no",
    "/records/exceptions",
    "/records/exceptions?state=valid",
    "/records/attestations",
    "/records/attestations?state=expired&control=A.5.2",
    f"/records/attestations/{1:032x}",
    f"/records/attestations/{4:032x}",
    "/records/risks",
]
API = [
    "/api/v1/status",
    "/api/v1/controls",
    "/api/v1/controls/A.8.15",
    "/api/v1/findings",
    "/api/v1/evidence",
    "/api/v1/evidence/122",
    "/api/v1/drift",
    "/api/v1/sources",
    "/api/v1/sources/aws-prod/windows",
    "/api/v1/log",
    "/api/v1/log/dead-letters",
    "/api/v1/openapi.json",
]
OTHERS = ["/healthz", "/readyz", "/evidence/121/raw", "/log/0/raw", "/static/style.css"]
WRONG = [
    "/nowhere",
    "/controls/A.9.1",
    "/records/attestations/none",
    "/records/soa?applies=perhaps",
    "/evidence/999",
    "/?as_of=never",
    "/api/v1/nowhere",
    "/api/v1/evidence?limit=0",
    "/static/none",
]


@pytest.mark.parametrize("path", PAGES)
def test_pages_answer_in_html(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("path", PAGES)
def test_pages_stand_on_an_empty_store(empty_client: TestClient, path: str) -> None:
    address = path.split("?")[0]
    is_list = address.count("/") == 1 or (address.startswith("/records/") and address.count("/") == 2)
    expected = 200 if is_list or path.startswith("/controls/") else 404
    assert empty_client.get(path).status_code == expected


@pytest.mark.parametrize("path", API)
def test_api_answers_in_json(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json()


@pytest.mark.parametrize("path", [*PAGES, *API, *OTHERS, *WRONG])
def test_every_answer_has_the_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    expected = "public, max-age=300" if path == "/static/style.css" else "no-store"
    assert headers["cache-control"] == expected


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere() -> None:
    assert CONTENT_SECURITY_POLICY.startswith("default-src 'none'; ")
    sources = {word for part in CONTENT_SECURITY_POLICY.split("; ") for word in part.split()[1:]}
    assert sources == {"'none'", "'self'"}


def test_versioned_static_files_may_be_kept_for_ever(client: TestClient) -> None:
    page = client.get("/").text
    address = page.split('rel="stylesheet" href="')[1].split('"')[0]
    response = client.get(address)
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert response.headers["content-type"].startswith("text/css")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("127.0.0.1:8080", 200),
        ("127.0.0.1.", 200),
        ("evil.example", 400),
        ("127.0.0.1.evil.example", 400),
        ("127.0.0.1:80@evil.example", 400),
        ("[::1]", 400),
        ("", 400),
        ("127.0.0.1:x", 400),
        ("[127.0.0.1", 400),
    ],
)
def test_only_allowed_hosts_are_answered(client: TestClient, host: str, status: int) -> None:
    response = client.get("/", headers={"host": host})
    assert response.status_code == status
    assert response.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    if status == 400:
        assert "Attestream" not in response.text


def test_ipv6_and_names_can_be_allowed_and_a_star_allows_all() -> None:
    from web.app import create_app

    query = FakeQuery()
    for allowed, host, status in [("::1", "[::1]:8080", 200), ("Attest.Local", "attest.local", 200), ("*", "any.example", 200)]:
        app = create_app(query, {}, lambda: None, clock=lambda: 0, allowed_hosts=[allowed])
        assert TestClient(app).get("/healthz", headers={"host": host}).status_code == status


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/", "/evidence/121", "/api/v1/status"])
def test_nothing_can_be_changed(client: TestClient, method: str, path: str) -> None:
    response = client.request(method, path)
    assert response.status_code == 405
    assert "only answers GET" in response.text


def test_head_is_answered_like_get(client: TestClient) -> None:
    response = client.head("/controls")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"


def test_probes(client: TestClient, query: FakeQuery) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready"}
    query.broken = StorageBusy("locked")
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503


@pytest.mark.parametrize("path", ["/", "/api/v1/status"])
def test_a_store_that_does_not_answer_is_said(client: TestClient, query: FakeQuery, path: str) -> None:
    query.broken = StorageBusy("another process held the write lock")
    response = client.get(path)
    assert response.status_code == 503
    assert response.headers["retry-after"] == "10"
    assert "another process held the write lock" in response.text


def test_damaged_bytes_are_an_integrity_failure(client: TestClient, query: FakeQuery) -> None:
    query.broken = VerificationError("block 7 is damaged", index=12)
    response = client.get("/evidence/121")
    assert response.status_code == 500
    assert "Integrity failure" in response.text
    assert "block 7 is damaged" in response.text


@pytest.mark.parametrize("path", ["/", "/api/v1/status"])
def test_a_fault_of_ours_tells_nothing_and_keeps_the_headers(client: TestClient, query: FakeQuery, path: str) -> None:
    query.broken = ZeroDivisionError("secret of the house")  # type: ignore[assignment]
    response = client.get(path)
    assert response.status_code == 500
    assert "secret" not in response.text
    assert response.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert response.headers["x-content-type-options"] == "nosniff"


def test_every_page_and_call_asks_who_is_looking(query: FakeQuery) -> None:
    from tests.web.conftest import client_of
    from web.errors import NotFound
    from web.site import viewer

    class Stopped(NotFound):
        status = 403

    def nobody() -> None:
        raise Stopped("nobody may look")

    client = client_of(query, checkpoint(query))
    client.app.dependency_overrides[viewer] = nobody  # type: ignore[attr-defined]
    public = ("/healthz", "/readyz", "/static/style.css", "/api/v1/openapi.json")
    data = [path for path in [*PAGES, *API, *OTHERS] if path not in public]
    assert {path: client.get(path).status_code for path in data} == dict.fromkeys(data, 403)
