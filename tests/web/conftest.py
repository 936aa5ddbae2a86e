"""Fixtures: the invented organisation, the application over it, and pages as trees."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from tests.web.dom import Element, parse
from tests.web.fakes import FakeQuery, checkpoint
from tests.web.makers import NOW, catalogue
from tests.web.story import story
from web.app import create_app
from web.site import CheckpointInfo

Page = Callable[..., Element]


def client_of(query: FakeQuery, signed: CheckpointInfo | None) -> TestClient:
    app = create_app(query, catalogue(), lambda: signed, clock=lambda: NOW, allowed_hosts=["127.0.0.1"])
    return TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False, follow_redirects=False)


@pytest.fixture
def query() -> FakeQuery:
    return story()


@pytest.fixture
def client(query: FakeQuery) -> TestClient:
    return client_of(query, checkpoint(query))


@pytest.fixture
def empty_client() -> TestClient:
    """A first start: no source, no entry, no checkpoint."""
    return client_of(FakeQuery(), None)


@pytest.fixture
def new_client() -> Callable[[FakeQuery, CheckpointInfo | None], TestClient]:
    """Makes an application over any Query and checkpoint."""
    return client_of


@pytest.fixture
def page(client: TestClient) -> Page:
    """Get a page and read it."""

    def get(path: str, status: int = 200) -> Element:
        response = client.get(path)
        assert response.status_code == status, response.text[:400]
        return parse(response.text)

    return get
