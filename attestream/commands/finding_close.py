"""attestream finding close"""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from attestream.console import say
from attestream.errors import AttestreamError, SettingsError
from attestream.options import Config
from attestream.settings import load
from attestream.wiring import opened
from pipeline.posture import decide
from store.records import Batch, Closing, State
from store.reports import Moment


def finding_close(
    mapping: Annotated[str, typer.Argument(help="The mapping's id, or its beginning as finding list shows it.")],
    subject: Annotated[str, typer.Argument(help="The subject, as finding list shows it.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it is closed; kept in the log for auditors.")],
    config: Config = None,
) -> None:
    """Close an open finding by hand. The closing, its reason and who did it are an entry of the log.

    Example: attestream finding close 5a1f0c2e-… 111122223333 --reason "root was used for the yearly check, CHG-912"
    """
    if not reason.strip():
        raise SettingsError("--reason: say why, for whoever audits this later")
    with opened(load(config)) as parts:
        mapping = parts.mapping_id(mapping)
        findings = parts.query.findings(Moment(), mapping=mapping, subject=subject, silence=False)
        if not any(f.subject == subject and f.state in (State.NOT_SATISFIED, State.ACCEPTED) for f in findings):
            raise AttestreamError(f"no open finding of mapping {mapping!r} about {subject!r}; see attestream finding list")
        closing = Closing(mapping, subject, parts.store.clock(), reason.strip(), getpass.getuser())
        done = parts.store.append(Batch(closings=(closing,)), (), decide)
    say(f"closed; entry {done.before} says why")
