"""attestream demo"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Annotated

import typer

from attestream.demo.show import Stage, play

PORT = 8737


def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the last act instead of serving the dashboard.")] = False,
    folder: Annotated[Path, typer.Option("--folder", help="Where the demonstration keeps its files.")] = Path(
        "attestream-data/demo"
    ),
    seed: Annotated[int, typer.Option("--seed", help="Another seed, another organisation's fortnight.", min=0)] = 27001,
    port: Annotated[
        int, typer.Option("--port", help="The dashboard's port; a free one if it is taken.", min=1, max=65535)
    ] = PORT,
    alertmanager: Annotated[
        str, typer.Option("--alertmanager", help="Address of an Alertmanager that is told too, e.g. http://127.0.0.1:9093.")
    ] = "",
) -> None:
    """Show everything on a simulated organisation: read it, find the stories in it, alert on live ones, prove it all.

    Example: attestream demo --once
    """
    play(Stage(folder.absolute(), seed, _free(port), alertmanager), once=once)


def _free(port: int) -> int:
    """The port, or a free one when something listens there already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
