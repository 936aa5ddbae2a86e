"""What a folder of mappings holds beside mappings: templates of attestations, and crosswalks to frameworks and other editions.

`attestations.yaml`, `frameworks/*.yaml` and `editions/*.yaml` at the top of a folder. The product's own are always read first;
what a later folder gives under the same id takes its place. None of it decides a judgement, so none is part of a mapping set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pipeline.rules.annex import Control, parse_annex
from pipeline.rules.attestations import AttestationTemplate, parse_attestations
from pipeline.rules.crosswalks import Crosswalk, parse_crosswalk
from pipeline.rules.problems import Problem
from pipeline.rules.reader import ATTESTATIONS, EDITIONS, builtin_annex, catalogue_texts
from pipeline.rules.report import Report

EDITION: Final = "2022"
"""The edition whose ids are Attestream's own."""


@dataclass(frozen=True, slots=True)
class Catalogues:
    """By id. `editions` do not hold 2022, whose ids are the controls' own. `problems`: what is wrong with the files."""

    attestations: Mapping[str, AttestationTemplate] = field(default_factory=dict)
    frameworks: Mapping[str, Crosswalk] = field(default_factory=dict)
    editions: Mapping[str, Crosswalk] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def templates(self, control: str) -> tuple[AttestationTemplate, ...]:
        """The templates for a control, in the order of their files."""
        return tuple(template for template in self.attestations.values() if template.control == control)


def read_catalogues(paths: Sequence[Path], annex: str = "") -> Catalogues:
    """Reads the catalogues below `paths`, after the product's own. `annex`: text of the catalogue of controls; "" for ours.

    Raises RulesError for what cannot be read; what is wrong within a file is among `problems`.
    """
    controls, _ = parse_annex(annex or builtin_annex(), "annex_a.yaml")
    return parse_catalogues(catalogue_texts(paths), controls)


def parse_catalogues(texts: Mapping[str, str], controls: Sequence[Control]) -> Catalogues:
    """Catalogues from texts by their path, FOLDER/PLACE; those that come later go before."""
    attestations: dict[str, AttestationTemplate] = {}
    walks: dict[bool, dict[str, Crosswalk]] = {True: {}, False: {}}
    reports: list[Report] = []
    for path, text in texts.items():
        below = path.partition("/")[2]
        if below == ATTESTATIONS:
            templates, said = parse_attestations(text, path)
            reports += said
            attestations.update({template.id: template for template in templates})
            continue
        walk, report = parse_crosswalk(text, path, controls)
        reports.append(report)
        if walk is not None:
            walks[below.startswith(f"{EDITIONS}/")][walk.id] = walk
    return Catalogues(attestations, walks[False], walks[True], _problems(reports))


def _problems(reports: Iterable[Report]) -> tuple[Problem, ...]:
    return tuple(sorted({problem for report in reports for problem in report.problems}))
