"""attestream exception list"""

from __future__ import annotations

from typing import Annotated

import typer

from attestream.console import emit_lines, mark, moment, table
from attestream.options import EXCEPTION_STATES, AsJson, Config, MappingFilter, one_of
from attestream.rows_stated import exception_row
from attestream.settings import load
from attestream.stating import SHORT, AsOf, KnownAt, at
from attestream.wiring import opened


def exception_list(
    state: Annotated[str | None, typer.Option("--state", help="Only exceptions that are valid, expired or revoked.")] = None,
    mapping: MappingFilter = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List exceptions: what was accepted, why, by whom, until when. Those that end first stand first.

    Example: attestream exception list --state valid
    """
    one_of(state, EXCEPTION_STATES, "--state")
    with opened(load(config)) as parts:
        id_ = parts.mapping_id(mapping) if mapping is not None else None
        views = [
            view
            for view in parts.query.exceptions(parts.store.clock(), at(parts, as_of, known_at))
            if state in (None, view.state) and id_ in (None, view.mapping)
        ]
    if as_json:
        emit_lines(exception_row(view) for view in views)
        return
    table(
        ("exception", "state", "mapping", "subject", "until", "approver", "reason"),
        [
            (
                view.id[:SHORT],
                mark(view.state),
                view.mapping[:SHORT],
                "(all)" if view.subject is None else view.subject,
                moment(view.until),
                view.approver,
                view.reason,
            )
            for view in views
        ],
    )
