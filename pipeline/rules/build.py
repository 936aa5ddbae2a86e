"""One YAML document -> one rule, or the reasons why not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pipeline.rules.annex import control_ids, control_of_tag
from pipeline.rules.assemble import Draft, Sources, assemble
from pipeline.rules.keys import OURS, SIGMA, Keys, check_keys, parse_keys
from pipeline.rules.logsource import source_of
from pipeline.rules.metadata import check_metadata, text_field
from pipeline.rules.overlay import Entry, Facts
from pipeline.rules.problems import RulesError, nearest
from pipeline.rules.report import Report
from pipeline.rules.rule import Rule
from pipeline.rules.yamldoc import Document

Overlaid = tuple[list[Entry], Report, set[int]]
"""An overlay's entries, the report of its file, and the entries that fitted a rule (filled in)."""

_OTHER_KINDS: Final = {
    "correlation": "correlation rules are not supported; this rule is left out",
    "filter": "Sigma filters are not supported; this one is left out",
    "action": "collections with `action` are not supported; write each rule in full",
}


def build_rule(
    document: Document, seed: str, path: str, report: Report, sources: Sources, overlaid: Overlaid | None = None
) -> Rule | None:
    """The rule in `document`, or None when it cannot be used (reported). `seed` makes an id for a rule of others that has none;
    with `overlaid`, the first entry that fits says what the rule means.
    """
    data = document.data
    if not isinstance(data, dict):
        report.error((), "a mapping is a map of keys")
        return None
    for key, message in _OTHER_KINDS.items():
        if key in data:
            report.warning((key,), message)
            return None
    if "detection" not in data:
        report.error((), "no detection: this is no mapping, no overlay and no Sigma rule", nearest("detection", data))
        return None
    source = source_of(data.get("logsource"), report, "mappings over a {kind} logsource are not supported yet")
    if source is None:
        return None
    draft = Draft.of(document, data, source, report, sources)
    return _overlaid(draft, seed, path, overlaid) if overlaid else _alone(draft, seed)


def _alone(draft: Draft, seed: str) -> Rule | None:
    """A rule that speaks for itself: ours by its keys, or a rule of others with tags or without."""
    data, report = draft.data, draft.report
    own = any(key in data for key in (*OURS, "tests"))
    controls = _tagged(draft.tags, report, own)  # our tags are written by whoever maps the rule, who can repair them
    report.foreign = not own  # what others wrote is left out where it cannot be used, and nobody here has to repair it
    _check_own_keys(data, report, own)
    check_metadata(data, report, own=own)
    kind = draft.source.kind
    keys = parse_keys(data, report, overlay=False, kind=kind) if own else Keys()
    if own:
        check_keys(keys, controls, "until" in data, report, overlay=False, kind=kind)
    if not _check_kind(draft, data, report):
        return None
    return assemble(draft, seed, keys, controls, data if own else {}, report, own=own)


def _overlaid(draft: Draft, seed: str, path: str, overlaid: Overlaid) -> Rule | None:
    """A rule of others under an overlay. One that no entry fits is plain evidence with no control."""
    entries, said, used = overlaid
    facts = Facts(text_field(draft.data, "id"), draft.tags, path, text_field(draft.data, "level").lower(), draft.source)
    check_metadata(draft.data, draft.report, own=False)
    entry = next((entry for entry in entries if entry.fits(facts)), None)
    if entry is None:
        return assemble(draft, seed, Keys(), (), {}, draft.report, own=False)
    used.add(entry.index)
    report = said.below(("map", entry.index))
    _check_entry(entry, report)
    kind = draft.source.kind
    keys = parse_keys(entry.keys, report, overlay=True, kind=kind)
    controls = _named(entry.keys.get("controls"), report)
    check_keys(keys, controls, "until" in entry.keys, report, overlay=True, kind=kind)
    if not _check_kind(draft, entry.keys, report):
        return None
    return assemble(draft, seed, keys, controls, entry.keys, report, own=False)


def _check_kind(draft: Draft, said: Mapping[str, object], report: Report) -> bool:
    """Tickets and findings of others need a population, or all are meant."""
    kind = draft.source.kind
    if kind in ("ticket", "finding") and "population" not in said:
        report.error(("population",), f"a mapping over a {kind} logsource says which of them it judges: add population")
        return False
    return True


def _check_own_keys(data: Mapping[str, object], report: Report, own: bool) -> None:
    """Reports unknown keys."""
    valid = (*SIGMA, *OURS, "tests")
    for key in data:
        if key not in valid and own:
            report.error((key,), f"unknown key {key!r}", nearest(key, valid))
        elif key not in valid and (hint := nearest(key, OURS, cutoff=0.8)):
            report.warning((key,), f"unknown key {key!r}", hint)


def _check_entry(entry: Entry, report: Report) -> None:
    valid = ("where", "controls", *OURS)
    for key in entry.keys:
        if key not in valid:
            report.error((key,), f"unknown key {key!r} in an overlay's entry", nearest(key, valid))


def _tagged(tags: tuple[str, ...], report: Report, own: bool) -> tuple[str, ...]:
    """The controls that a rule's tags name."""
    controls: dict[str, None] = {}
    for index, tag in enumerate(tags):
        try:
            control = control_of_tag(tag)
        except RulesError as error:
            report.error(("tags", index), str(error))
            continue
        if control is not None and control not in control_ids():
            report.error(("tags", index), f"{tag!r} names no control of Annex A", nearest(control, control_ids()))
        elif control is not None:
            controls[control] = None
    if own and not controls:
        report.error(("tags",), "the mapping speaks to no control", "add a tag such as iso27001-2022.a.8.15")
    return tuple(controls)


def _named(raw: object, report: Report) -> tuple[str, ...]:
    """The controls that an overlay's entry names."""
    if not isinstance(raw, list) or not raw:
        report.error(("controls",), "an entry names the controls that its rules speak to", "controls: [A.8.15]")
        return ()
    for index, control in enumerate(raw):
        if control not in control_ids():
            hint = nearest(str(control), control_ids())
            report.error(("controls", index), f"{control!r} is no control of Annex A", hint)
    return tuple(dict.fromkeys(control for control in raw if control in control_ids()))
