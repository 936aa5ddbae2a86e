"""attestream mappings activate"""

from __future__ import annotations

from attestream.console import say
from attestream.options import Config
from attestream.settings import load
from attestream.wiring import opened


def mappings_activate(config: Config = None) -> None:
    """Make the mappings in files the active set: an entry of the log holds all of it.

    Example: attestream mappings activate
    """
    with opened(load(config), create=True) as parts:
        rules, changed = parts.activate()
    for problem in rules.problems:
        say(str(problem))
    word = "is active now" if changed else "was active already"
    say(f"mapping set {rules.digest[:12]} with {len(rules.mappings)} mappings {word}")
