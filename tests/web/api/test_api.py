"""The JSON API."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from store.tiles import leaf_hash, verify_inclusion
from tests.web.fakes import FakeQuery, checkpoint
from tests.web.makers import HOSTILE, NOW
from tests.web.story import HOSTILE_PAYLOAD


def walk(client: TestClient, path: str) -> list[Any]:
    """Every item of a list, page by page."""
    items: list[Any] = []
    after = ""
    for _ in range(100):
        body = client.get(path, params={"limit": 30, "after": after}).json()
        assert set(body) == {"items", "next"}
        items.extend(body["items"])
        if body["next"] is None:
            return items
        after = body["next"]
    raise AssertionError("the pages do not end")


def test_status_is_the_document_that_scripts_rely_on(client: TestClient, query: FakeQuery) -> None:
    body = client.get("/api/v1/status").json()
    assert set(body) == {"as_of", "known_at", "mapping_set", "events", "controls", "sources", "log"}
    assert len(body["controls"]) == 93
    assert body["controls"]["A.8.15"] == {
        "state": "not-satisfied",
        "since": "2026-11-24T14:22:00.000000Z",
        "findings": {"not_satisfied": 1, "satisfied": 1, "stale": 0, "accepted": 0},
        "last_evidence": "2026-11-24T14:22:00.000000Z",
    }
    events = body["events"]
    assert events["collected"] == events["evidence"] + events["unmatched"] + events["duplicate"] + events["dead_letter"]
    assert set(body["sources"]["gcp-platform"]) == {"state", "last_window", "gaps", "lag_seconds"}
    assert body["sources"]["gcp-platform"]["gaps"] == [
        {"from": "2026-11-19T15:00:00.000000Z", "to": "2026-11-20T12:00:00.000000Z"}
    ]
    assert body["log"] == {
        "origin": "log.example.org/attestream",
        "size": 124,
        "root": query.root.hex(),
        "checkpoint_size": 124,
        "anchored_at": None,
        "dead_letters": 2,
    }
    assert (body["as_of"], body["known_at"]) == (None, 124)


def test_status_as_of_a_moment(client: TestClient) -> None:
    body = client.get("/api/v1/status", params={"as_of": "2026-11-20T10:00Z", "known_at": "100"}).json()
    assert (body["as_of"], body["known_at"]) == ("2026-11-20T10:00:00.000000Z", 100)
    assert body["controls"]["A.8.15"]["state"] == "satisfied"


def test_controls_are_filtered_like_the_pages(client: TestClient) -> None:
    body = client.get("/api/v1/controls", params={"state": "not-satisfied"}).json()
    assert [c["id"] for c in body["items"]] == ["A.8.2", "A.8.3", "A.8.12", "A.8.15", "A.8.16", "A.8.24"]
    assert body["next"] is None


def test_one_control_says_why(client: TestClient) -> None:
    body = client.get("/api/v1/controls/A.8.15").json()
    assert body["why"] == "1 finding speaks against it: CloudTrail trail stopped, since 14:22 (38 min)."
    assert [(m["id"], m["strength"]) for m in body["mappings"]] == [("5a1f0c2e-0001", "strong")]


@pytest.mark.parametrize("path", ["findings", "evidence", "drift", "sources/aws-prod/windows", "log/dead-letters"])
def test_lists_are_walked_by_cursor(client: TestClient, query: FakeQuery, path: str) -> None:
    expected = {
        "findings": len(query.found),
        "evidence": len(query.rows),
        "drift": len(query.drifts),
        "sources/aws-prod/windows": sum(w.source == "aws-prod" for w in query.attempts),
        "log/dead-letters": len(query.letters),
    }[path]
    items = walk(client, f"/api/v1/{path}")
    assert len(items) == expected
    assert len({str(item) for item in items}) == expected


def test_the_next_page_is_linked(client: TestClient) -> None:
    response = client.get("/api/v1/evidence", params={"limit": 2, "source": "aws-prod"})
    link = response.headers["link"]
    assert link.endswith('>; rel="next"')
    address = link[1:].split(">")[0]
    assert address.startswith("/api/v1/evidence?limit=2&source=aws-prod&after=")
    following = client.get(address).json()["items"]
    assert {i["index"] for i in following}.isdisjoint({i["index"] for i in response.json()["items"]})
    assert "link" not in client.get("/api/v1/sources/aws-prod/windows", params={"limit": 200}).headers


def test_an_entry_can_be_verified_from_what_the_api_gives(client: TestClient, query: FakeQuery) -> None:
    body = client.get("/api/v1/evidence/122").json()
    assert body["id"] == HOSTILE
    metadata = base64.b64decode(body["metadata"])
    for part in ("detail", "payload"):
        data = base64.b64decode(body[part]["base64"])
        assert hashlib.sha256(bytes.fromhex(body[part]["salt"]) + data).hexdigest() == body[part]["commit"]
    assert base64.b64decode(body["payload"]["base64"]) == HOSTILE_PAYLOAD
    proof = body["proof"]
    assert leaf_hash(metadata).hex() == proof["leaf"]
    hashes = [bytes.fromhex(h) for h in proof["hashes"]]
    verify_inclusion(leaf_hash(metadata), 122, proof["size"], hashes, bytes.fromhex(checkpoint(query).root))
    assert {c["outcome"] for c in proof["checks"]} == {"holds"}


def test_an_empty_store_answers_everywhere(empty_client: TestClient) -> None:
    for path in ("controls", "findings", "evidence", "drift", "sources", "log/dead-letters"):
        body = empty_client.get(f"/api/v1/{path}").json()
        assert body["next"] is None
        assert len(body["items"]) == (93 if path == "controls" else 0)
    log = empty_client.get("/api/v1/log").json()
    assert (log["size"], log["checkpoint"], log["recorded_at"]) == (0, None, None)


@pytest.mark.parametrize(
    ("path", "status", "title", "named"),
    [
        ("nowhere", 404, "Not found", "There is no page"),
        ("controls/A.9.1", 404, "Not found", "A.9.1"),
        ("evidence/999", 404, "Not found", "There is no entry 999"),
        ("evidence/0", 404, "Not found", "is not evidence"),
        ("sources/none/windows", 404, "Not found", "none"),
        ("evidence?limit=1000", 400, "Bad parameter", "limit: "),
        ("evidence?contol=A.8.15", 400, "Bad parameter", "did you mean control?"),
        ("drift?since=%1B[31m", 400, "Bad parameter", "since: "),
    ],
)
def test_errors_are_problems(client: TestClient, path: str, status: int, title: str, named: str) -> None:
    response = client.get(f"/api/v1/{path}")
    body = response.json()
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert body["type"] == "about:blank"
    assert (body["status"], body["title"]) == (status, title)
    assert named in body["detail"]
    assert "\x1b" not in body["detail"]


def test_a_problem_names_its_parameter(client: TestClient) -> None:
    assert client.get("/api/v1/evidence?start=x").json()["parameter"] == "start"
    assert client.get("/api/v1/evidence?after=zzz").json()["parameter"] == "after"


def test_a_lone_surrogate_breaks_nothing(query: FakeQuery, new_client: Callable[..., TestClient]) -> None:
    """The store cleans names, so this is a second line: an answer is never refused for a name in it."""
    query.add_evidence(NOW, query.records[0], "\ud800", b"{}")
    client = new_client(query, None)
    assert client.get("/evidence").status_code == 200
    assert "⟨U+D800⟩" in client.get("/evidence").text


def test_openapi_describes_every_call(client: TestClient) -> None:
    document = client.get("/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert all(path.startswith("/api/v1/") for path in document["paths"])
    assert len(document["paths"]) == 11
    for methods in document["paths"].values():
        assert set(methods) == {"get"}
        assert methods["get"]["description"]
        assert "$ref" in str(methods["get"]["responses"]["200"]["content"]["application/json"]["schema"])
        assert "application/problem+json" in methods["get"]["responses"]["400"]["content"]
