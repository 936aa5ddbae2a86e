"""attestream mappings lint"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from attestream.console import emit_lines, say, write
from attestream.errors import Exit
from attestream.options import AsJson, Config
from attestream.settings import load
from attestream.wiring import Parts
from pipeline.rules.lint import lint
from pipeline.rules.reader import builtin_mappings, read_set
from pipeline.rules.ruleset import RuleSet


def mappings_lint(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Folders or files to check beside the catalogue; the settings' set if none.")
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> int:
    """Check mappings: each problem with its file, line, and what to do. Exit 1 when there are errors.

    Example: attestream mappings lint my-rules/
    """
    settings = load(config)
    if paths:
        found = read_set(paths, settings.mappings.lists)
        found = found if found.annex else replace(found, annex=read_set([builtin_mappings()]).annex)
    else:
        found = Parts(settings).mapping_set()
    problems = lint(found)
    if as_json:
        emit_lines(
            {"path": p.path, "line": p.line, "severity": p.severity, "message": p.message, "hint": p.hint} for p in problems
        )
    else:
        for problem in problems:
            write(str(problem))
    errors = sum(1 for p in problems if p.severity == "error")
    say(f"{len(RuleSet.compile(found).mappings)} usable mappings, {errors} errors, {len(problems) - errors} warnings")
    return Exit.FAILED if errors else Exit.DONE
