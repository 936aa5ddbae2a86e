"""The dashboard's address: what cannot be listened on is said before anything starts."""

from __future__ import annotations

import socket
from types import SimpleNamespace

import pytest

from attestream.errors import SettingsError
from attestream.serve import listen_address, serve_role


def test_a_port_that_is_taken_is_said_before_anything_starts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        parts = SimpleNamespace(settings=SimpleNamespace(web=SimpleNamespace(listen=listen)))
        with pytest.raises(SettingsError, match=f"{listen}.*set another address"):
            serve_role(parts)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["8737", "localhost:", ":1", "127.0.0.1:99999", "127.0.0.1:x"])
def test_what_is_no_address_is_said(text: str) -> None:
    with pytest.raises(SettingsError, match="no address:port"):
        listen_address(text)
