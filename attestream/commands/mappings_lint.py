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
from pipeline.rules.catalogues import read_catalogues
from pipeline.rules.lint import lint
from pipeline.rules.notes import notes
from pipeline.rules.reader import builtin_mappings, read_set
from pipeline.rules.ruleset import RuleSet
from pipeline.rules.samples import read_samples


def mappings_lint(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Folders or files to check beside the catalogue; the settings' set if none.")
    ] = None,
    with_notes: Annotated[
        bool, typer.Option("--notes", help="Say too how far the word of each mapping goes: one-sided, weak, no level.")
    ] = False,
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
    samples = read_samples(paths or settings.mappings.paths)
    problems = sorted({*lint(found, samples), *read_catalogues(paths or settings.mappings.paths, found.annex).problems})
    rules = RuleSet.compile(found)
    if with_notes:
        problems = sorted([*problems, *notes(rules, samples)])
    if as_json:
        emit_lines(
            {"path": p.path, "line": p.line, "severity": p.severity, "message": p.message, "hint": p.hint} for p in problems
        )
    else:
        for problem in problems:
            write(str(problem))
    errors = sum(1 for p in problems if p.severity == "error")
    warnings = sum(1 for p in problems if p.severity == "warning")
    say(f"{len(rules.mappings)} usable mappings, {errors} errors, {warnings} warnings")
    return Exit.FAILED if errors else Exit.DONE
