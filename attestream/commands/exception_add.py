"""attestream exception add"""

from __future__ import annotations

import secrets
from typing import Annotated

import typer

from attestream.console import emit_lines, say
from attestream.errors import AttestreamError, SettingsError
from attestream.options import AsJson, Config
from attestream.rows_stated import exception_row
from attestream.settings import load
from attestream.stating import SHORT, By, account, state, until
from attestream.wiring import Parts, opened
from store.reports import Moment
from store.statements import ExceptionAct


def exception_add(
    mapping: Annotated[str, typer.Argument(help="The mapping's id, or its beginning as finding list shows it.")],
    reason: Annotated[str, typer.Option("--reason", help="Why the deviation is accepted.")],
    approver: Annotated[str, typer.Option("--approver", help="Who decided it.")],
    end: Annotated[str, typer.Option("--until", help="When it ends: a day, an RFC 3339 time, or 90d from now.")],
    subject: Annotated[list[str] | None, typer.Option("--subject", help="The subject, as finding list shows it.")] = None,
    all_subjects: Annotated[
        bool, typer.Option("--all-subjects", help="All subjects of the mapping, also those to come.")
    ] = False,
    ahead: Annotated[bool, typer.Option("--ahead", help="Also for a subject that has no such finding yet.")] = False,
    by: By = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Accept a deviation for a time: its findings are `accepted` until the exception ends, and then they are back by themselves.

    Example: attestream exception add 5a1f0c2e-… --subject 111122223333/old --reason "CHG-77" --approver "C. Iso" --until 90d
    """
    if bool(subject) == all_subjects:
        raise SettingsError("--subject: name at least one, or say --all-subjects")
    with opened(load(config)) as parts:
        id_ = parts.mapping_id(mapping)
        if subject and not ahead:
            _check_known(parts, id_, subject)
        ends = until(end, parts.store.clock())
        acts = [
            ExceptionAct("add", secrets.token_hex(16), reason, by or account(), account(), approver, ends, id_, one)
            for one in (dict.fromkeys(subject) if subject else (None,))
        ]
        state(parts, *acts)
        made = {act.id for act in acts}
        views = [v for v in parts.query.exceptions(parts.store.clock(), Moment()) if v.id in made]
    if as_json:
        emit_lines(exception_row(view) for view in views)
        return
    for view in views:
        say(f"exception {view.id[:SHORT]} is entry {view.idx}")


def _check_known(parts: Parts, mapping: str, subjects: list[str]) -> None:
    """A typing error must not become an exception that covers nothing."""
    known = {f.subject for f in parts.query.findings(Moment(), mapping=mapping, silence=False, limit=10_000)}
    for one in subjects:
        if one not in known:
            raise AttestreamError(f"that mapping has no finding about {one!r}; see attestream finding list, or say --ahead")
