"""The coverage table as a page: what speaks to each control, how strongly, and what stays unproven."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from pipeline.rules.catalogues import Catalogues
from pipeline.rules.coverage import AUTOMATED, STRENGTHS, automated, by_strength, coverage
from pipeline.rules.ruleset import RuleSet
from store.records import DAY

_HEAD: Final = """# What speaks to each control

Made by `attestream mappings coverage --markdown`; a test proves that it is current. Do not edit.

Numbers are mappings, by the kind of event they judge: **logs** (what happened), **settings** (states of resources), **tickets**,
**findings** (of other tools). *s* is strong (direct), *p* partial (one necessary piece), *w* weak: near the topic, and only ever
plain evidence. A mapping that is evidence only shows that a process is alive and never makes a control satisfied;
`attestream control show A.8.15` says of each mapping what a match says. An attestation is what a person supplies, with how long
it holds; *two* stands where a second person reviews it first. The last column is what stays open even where all of that speaks.
"""
_COLUMNS: Final = ("control", "title", "logs", "settings", "tickets", "findings", "attestation", "what stays unproven")


def coverage_page(rules: RuleSet, catalogues: Catalogues) -> str:
    """Markdown, the same for the same mappings and catalogues."""
    found = coverage(rules)
    total = len(rules.controls)
    lines = [
        _HEAD,
        f"**{found['mappings']} mappings.** {found['automated']} of {total} controls are automated by one that is strong or "
        f"partial, {found['automated_without_tickets']} without counting tickets; {found['with_evidence_path']} have an evidence "
        "path.",
        "",
        _line(_COLUMNS),
        _line("---" for _ in _COLUMNS),
        *_rows(rules, catalogues),
        "",
        *_without(rules),
        *_crosswalks(catalogues),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


def _rows(rules: RuleSet, catalogues: Catalogues) -> Iterator[str]:
    table = by_strength(rules)
    for control in rules.controls:
        cells = [_count(table[control.id][kind]) for kind in AUTOMATED]
        logs, snapshots, tickets, findings = cells
        attestation = "; ".join(
            f"{one.title} ({one.max_age // DAY} d{', two' if one.four_eyes else ''})" for one in catalogues.templates(control.id)
        )
        yield _line((control.id, control.title, logs, snapshots, tickets, findings, attestation, control.unproven))


def _without(rules: RuleSet) -> Iterator[str]:
    """Names the controls that nothing automated speaks to."""
    table = by_strength(rules)
    left = [control.id for control in rules.controls if not automated(table, control.id)]
    if left:
        yield f"By attestation alone, as far as anything strong or partial goes: {', '.join(left)}."
        yield ""


def _crosswalks(catalogues: Catalogues) -> Iterator[str]:
    yield "## Other frameworks and editions"
    yield ""
    yield "`attestream control list --framework ID` and `--edition ID` show the same states by the ids of another text:"
    yield ""
    for option, walks in (("framework", catalogues.frameworks), ("edition", catalogues.editions)):
        for walk in walks.values():
            reached = sum(1 for controls in walk.by_id().values() if controls)
            name = walk.title if walk.version in walk.title else f"{walk.title} ({walk.version})"
            yield f"- `--{option} {walk.id}`: {name}; {reached} of its {len(walk.ids)} ids. {walk.basis}"


def _count(strengths: Mapping[str, int]) -> str:
    return " ".join(f"{strengths[word]}{word[0]}" for word in STRENGTHS if strengths[word])


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
