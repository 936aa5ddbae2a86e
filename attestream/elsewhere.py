"""Controls by the ids of another framework or edition: a view of the same states, never a state of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attestream.options import one_of
from pipeline.rules.catalogues import EDITION, Catalogues
from pipeline.rules.crosswalks import Crosswalk
from store.reports import ControlStatus


def chosen(catalogues: Catalogues, framework: str | None, edition: str | None) -> Crosswalk | None:
    """The crosswalk that options name; None for neither, or for the edition of Attestream's own ids. Raises SettingsError."""
    if one_of(framework, catalogues.frameworks, "--framework") is not None:
        one_of(edition, (), "--edition, together with --framework")
        return catalogues.frameworks[framework or ""]
    if one_of(edition, (EDITION, *catalogues.editions), "--edition") in (None, EDITION):
        return None
    return catalogues.editions[edition or ""]


def rows(walk: Crosswalk, states: Mapping[str, ControlStatus], shown: Iterable[str]) -> list[dict[str, Any]]:
    """Each id of the other text, with those of its controls that are `shown`, and how many of these are in which state.

    An id that no control has to do with is there with none.
    """
    kept = set(shown)
    return [_row(each, [control for control in controls if control in kept], states) for each, controls in walk.by_id().items()]


def _row(each: str, controls: Sequence[str], states: Mapping[str, ControlStatus]) -> dict[str, Any]:
    counts: dict[str, int] = {}
    for control in controls:
        state = str(states[control].state) if control in states else "not-assessed"
        counts[state] = counts.get(state, 0) + 1
    return {"id": each, "controls": list(controls), "states": counts}


def names(catalogues: Catalogues, control: str) -> dict[str, list[str]]:
    """What other editions and frameworks call a control, by the id of the text."""
    walks = [*catalogues.editions.values(), *catalogues.frameworks.values()]
    return {walk.id: list(walk.by_control[control]) for walk in walks if walk.by_control.get(control)}
