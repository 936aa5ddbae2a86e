"""What a rule says of itself (title, id, dates, level …), checked by pySigma."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sigma.exceptions import SigmaError
from sigma.rule import SigmaRule

from pipeline.rules.keys import LEVELS, SIGMA
from pipeline.rules.problems import nearest
from pipeline.rules.report import Report

_STAND_IN: Final = {"logsource": {"product": "any"}, "detection": {"any": {"any": 1}, "condition": "any"}}
_KEY_OF: Final = {"identifier": "id", "tag": "tags", "falsepositives": "falsepositives", "type": "name"}


def check_metadata(data: Mapping[str, object], report: Report, *, own: bool) -> None:
    """Reports what pySigma has against a rule's description of itself: errors in a mapping of ours, else warnings."""
    say = report.error if own else report.warning
    for key in ("title", "id") if own else ():
        if not isinstance(data.get(key), str):
            say((key,), f"a mapping needs {'a title' if key == 'title' else 'an id: a UUID of its own'}")
    level = data.get("level")
    if level is not None and str(level).lower() not in LEVELS:
        say(("level",), f"level is one of {', '.join(LEVELS)}, not {level!r}", nearest(str(level), LEVELS))
    described = {key: value for key, value in data.items() if key in SIGMA and key != "level" and _plain(key, value, own)}
    try:
        errors = SigmaRule.from_dict({**described, **_STAND_IN}, collect_errors=True).errors
    except (SigmaError, AttributeError, KeyError, TypeError, ValueError) as error:
        say((), f"the rule's description of itself cannot be read: {error}")
        return
    for found in errors:
        word = type(found).__name__.removeprefix("Sigma").removesuffix("Error").lower()
        key = _KEY_OF.get(word, word)
        say((key,) if key in data else (), str(found))


def _plain(key: str, value: object, own: bool) -> bool:
    """False for what was reported already, or would make pySigma fail rather than report."""
    if key in ("id", "title") and not isinstance(value, str):
        return False
    return value is not None or own


def text_field(data: Mapping[str, object], key: str) -> str:
    """A key's text, or "" when it holds none."""
    value = data.get(key)
    return value.strip() if isinstance(value, str) else ""
