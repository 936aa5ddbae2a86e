"""attestream source types"""

from __future__ import annotations

from attestream.console import emit_lines, table
from attestream.options import AsJson
from collectors.registry import SOURCE_TYPES


def source_types(as_json: AsJson = False) -> None:
    """List what can be collected.

    Example: attestream source types
    """
    rows = [
        (kind.name, kind.summary, [k for k in kind.settings.model_fields if k not in ("name", "type")])
        for kind in SOURCE_TYPES.values()
    ]
    if as_json:
        emit_lines({"type": name, "summary": summary, "settings": keys} for name, summary, keys in rows)
        return
    table(("type", "reads", "settings"), [(name, summary, ", ".join(keys)) for name, summary, keys in rows])
