"""A real browser: the policy refuses nothing, nothing sticks out of a narrow screen, everything works without JavaScript."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uvicorn

from tests.web.fakes import checkpoint
from tests.web.makers import NOW, catalogue
from tests.web.story import story
from tests.web.test_app import PAGES
from web.app import create_app

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = Path("/usr/bin/chromium")
LIMIT = 180_000.0
"""Milliseconds after which a test fails instead of waiting for ever."""
pytestmark = [
    pytest.mark.parts("chromium"),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium at /usr/bin/chromium"),
]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    query = story()
    signed = checkpoint(query)
    app = create_app(query, catalogue(), lambda: signed, clock=lambda: NOW, allowed_hosts=["127.0.0.1"])
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server ended before it began"
        time.sleep(0.02)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    listening.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"], timeout=LIMIT)
        yield started
        started.close()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_pages_are_clean_and_fit(address: str, browser: Browser, width: int, scheme: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    context.set_default_timeout(LIMIT)
    tab = context.new_page()
    said: list[str] = []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("response", lambda response: said.append(response.url) if response.status >= 400 else None)
    asked: set[str] = set()
    tab.on("request", lambda request: asked.add(request.url))
    wide = {}
    for path in PAGES:
        tab.goto(address + path)
        wide[path] = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    context.close()
    assert said == []
    assert wide == dict.fromkeys(PAGES, 0)
    assert all(url.startswith(address) for url in asked)


def test_everything_works_without_javascript(address: str, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 800})
    context.set_default_timeout(LIMIT)
    tab = context.new_page()
    tab.goto(address + "/")
    tab.locator(".as-of summary").click()
    tab.locator("input[name=known_at]").fill("100")
    tab.locator(".as-of button").click()
    tab.wait_for_url(lambda url: "known_at=100" in url)
    assert tab.locator(".notice").inner_text().startswith("As of the present, as known when the log had 100 entries")
    tab.locator(".chip-menu summary").first.click()
    tab.locator(".chip-menu .menu a").first.click()
    tab.wait_for_url(lambda url: "properties=Confidentiality" in url)
    assert "known_at=100" in tab.url
    tab.locator("a.tile.not-satisfied").first.click()
    tab.wait_for_url(lambda url: "/controls/A." in url)
    context.close()


def test_the_keyboard_reaches_the_content_first(address: str, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(LIMIT)
    tab = context.new_page()
    tab.goto(address + "/")
    tab.keyboard.press("Tab")
    tab.locator("a:focus").wait_for(state="attached")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to the content"
    tab.keyboard.press("Enter")
    tab.locator("#main:focus").wait_for(state="attached")
    assert tab.evaluate("document.activeElement.id") == "main"
    context.close()
