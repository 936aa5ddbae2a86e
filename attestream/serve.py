"""The serve role: the dashboard, wired to the store."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from attestream.errors import SettingsError
from attestream.wiring import Parts
from web.app import create_app
from web.catalogue import ControlInfo


def listen_address(text: str) -> tuple[str, int]:
    """Split web.listen. Raises SettingsError."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise SettingsError(f"web.listen: {text!r} is no address:port, e.g. 127.0.0.1:8737")
    return host.strip("[]"), int(port)


def _check_free(host: str, port: int) -> None:
    """Raises SettingsError where the dashboard could not listen: better than a service without it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise SettingsError(f"web.listen: {host}:{port}: {error.strerror or error}; set another address:port") from error


def dashboard(parts: Parts) -> FastAPI:
    """The dashboard over this installation's store."""
    catalogue = {
        c.id: ControlInfo(
            id=c.id,
            title=c.title,
            theme=c.theme,
            attributes={
                "control_type": c.control_type,
                "properties": c.properties,
                "concepts": c.concepts,
                "capabilities": c.capabilities,
                "domains": c.domains,
            },
            about=c.about,
            needs=c.needs,
        )
        for c in parts.catalogue
    }
    host, _ = listen_address(parts.settings.web.listen)
    allowed = (*parts.settings.web.allowed_hosts, host, "localhost", "127.0.0.1")
    return create_app(parts.query, catalogue, parts.checkpoint_info, clock=parts.store.clock, allowed_hosts=allowed)


def serve_role(parts: Parts) -> Callable[[threading.Event], None]:
    """Serves the dashboard until told to stop."""
    host, port = listen_address(parts.settings.web.listen)
    _check_free(host, port)
    config = uvicorn.Config(dashboard(parts), host=host, port=port, log_level="warning", server_header=False)
    server = uvicorn.Server(config)

    def run(stop: threading.Event) -> None:
        watcher = threading.Thread(target=_watch, args=(stop, server), name="serve-stop", daemon=True)
        watcher.start()
        server.run()

    return run


def _watch(stop: threading.Event, server: uvicorn.Server) -> None:
    stop.wait()
    server.should_exit = True
