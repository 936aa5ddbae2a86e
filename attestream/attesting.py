"""What the commands share that make a statement: since and until when it holds, and who answers for it."""

from __future__ import annotations

from collections.abc import Sequence

from attestream.errors import SettingsError
from attestream.options import when
from attestream.stating import until
from attestream.wiring import Parts
from pipeline.rules.attestations import AttestationTemplate
from store.records import DAY
from store.statements import Saying


def period(
    parts: Parts, template: AttestationTemplate | None, controls: Sequence[str], made: str | None, end: str | None
) -> tuple[int, int]:
    """When the statement was made, and until when it holds: at most as long as its template says, else the strictest control.

    Raises SettingsError.
    """
    given = when(made, "--made")
    since = given if given is not None else parts.store.clock()
    ages = {control.id: control.attestation_max_age for control in parts.catalogue}
    longest = template.max_age if template is not None else min((ages.get(name, DAY) for name in controls), default=DAY)
    ends = until(end, since) if end is not None else since + longest
    if ends > since + longest:
        raise SettingsError(f"--until: such a statement holds for at most {longest // DAY} days")
    return since, ends


def saying(*, against: bool) -> Saying:
    """What it says."""
    return "not-satisfied" if against else "satisfied"
