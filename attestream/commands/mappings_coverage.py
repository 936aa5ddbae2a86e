"""attestream mappings coverage"""

from __future__ import annotations

from typing import Any, cast

from attestream.console import emit, say, table
from attestream.options import AsJson, Config
from attestream.settings import load
from attestream.wiring import Parts
from pipeline.rules.coverage import KINDS, coverage
from pipeline.rules.ruleset import RuleSet


def mappings_coverage(config: Config = None, as_json: AsJson = False) -> None:
    """Show how many mappings speak to each control, by kind of event.

    Example: attestream mappings coverage --json
    """
    rules = RuleSet.compile(Parts(load(config)).mapping_set())
    value = cast(dict[str, Any], coverage(rules))
    if as_json:
        emit(value)
        return
    titles = {c.id: c.title for c in rules.controls}
    rows = [(id_, titles.get(id_, ""), *(row[k] or "" for k in KINDS)) for id_, row in value["controls"].items()]
    table(("control", "title", *KINDS), rows, right=KINDS)
    automated = sum(1 for row in value["controls"].values() if any(row[k] for k in KINDS[:-1]))
    say(f"{value['mappings']} mappings; {automated} of {len(rows)} controls have automated evidence")
