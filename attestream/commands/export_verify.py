"""attestream export verify"""

from __future__ import annotations

from typing import Annotated

import typer

from attestream.console import say
from attestream.options import Config
from attestream.settings import load
from attestream.wiring import opened
from exports.verify import main


def export_verify(
    bundle: Annotated[str, typer.Argument(help="The bundle.")],
    key: Annotated[
        str | None, typer.Option("--key", help="The log's verifier key, or a file with it; this store's if left out.")
    ] = None,
    origin: Annotated[str | None, typer.Option("--origin", help="The log that it must be of.")] = None,
    min_size: Annotated[int | None, typer.Option("--min-size", help="Refuse a checkpoint of fewer entries.", min=0)] = None,
    seen: Annotated[str | None, typer.Option("--seen", help="A checkpoint seen before: the log must continue it.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="The period that was asked for begins here …")] = None,
    end: Annotated[str | None, typer.Option("--to", help="… and ends here.")] = None,
    control: Annotated[list[str] | None, typer.Option("--control", help="The controls that were asked for.")] = None,
    source: Annotated[list[str] | None, typer.Option("--source", help="The sources that were asked for.")] = None,
    config: Config = None,
) -> int:
    """Verify a bundle as an auditor would: no database, no network. Exit 4 when anything in it was changed.

    Example: attestream export verify logging.zip --key log.vkey --min-size 208
    """
    if key is None:
        with opened(load(config)) as parts:
            key = str(parts.verifier)
            if parts.key_is_hearsay():
                say("the key is what the store says, for here is none: an auditor gives --key")
    given = {"--key": key, "--origin": origin, "--min-size": min_size, "--seen": seen, "--from": start, "--to": end}
    arguments = [bundle]
    for name, value in given.items():
        arguments += [name, str(value)] if value is not None else []
    for name, values in (("--control", control), ("--source", source)):
        for value in values or ():
            arguments += [name, value]
    return main(arguments)
