"""attestream mappings coverage"""

from __future__ import annotations

from typing import Annotated, Any, cast

import typer

from attestream.console import emit, say, table
from attestream.options import AsJson, Config
from attestream.settings import load
from attestream.wiring import Parts
from pipeline.rules.coverage import KINDS, coverage
from pipeline.rules.coverage_page import coverage_page
from pipeline.rules.ruleset import RuleSet


def mappings_coverage(
    config: Config = None,
    as_json: AsJson = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the page of the documentation.")] = False,
) -> None:
    """Show how many mappings speak to each control, by kind of event.

    Example: attestream mappings coverage --json
    """
    parts = Parts(load(config))
    rules = RuleSet.compile(parts.mapping_set())
    value = cast(dict[str, Any], coverage(rules))
    if as_json:
        emit(value)
        return
    if markdown:
        typer.echo(coverage_page(rules, parts.catalogues), nl=False)
        return
    titles = {c.id: c.title for c in rules.controls}
    rows = [(id_, titles.get(id_, ""), *(row[k] or "" for k in KINDS)) for id_, row in value["controls"].items()]
    table(("control", "title", *KINDS), rows, right=KINDS)
    say(
        f"{value['mappings']} mappings; {value['automated']} of {len(rows)} controls are automated by one that is strong or "
        f"partial, {value['automated_without_tickets']} without tickets; {value['with_evidence_path']} have an evidence path"
    )
