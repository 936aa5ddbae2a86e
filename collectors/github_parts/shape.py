"""Leaving members out of JSON text without touching the bytes of the others."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from collectors.json_text import members


def join(parts: Mapping[str, bytes]) -> bytes:
    """An object of members that are written already."""
    return b"{" + b",".join(json.dumps(name).encode() + b":" + raw for name, raw in parts.items()) + b"}"


def without(data: bytes, paths: Collection[str]) -> bytes:
    """The object without what the dotted paths name. `data` passed `strict`. Raises Unreadable where it is no object."""
    parts = members(data)
    changed = False
    for path in paths:
        name, _, rest = path.partition(".")
        if name not in parts:
            continue
        if not rest:
            del parts[name]
            changed = True
        elif parts[name].startswith(b"{"):
            parts[name] = without(parts[name], (rest,))
            changed = True
    return join(parts) if changed else data


def only(data: bytes, path: str, names: Collection[str]) -> bytes:
    """The object with only these members in the object at `path` (one name, or two with a dot). Raises Unreadable."""
    parts = members(data)
    name, _, rest = path.partition(".")
    inner = parts.get(name, b"null")
    if inner.startswith(b"{"):
        kept = only(inner, rest, names) if rest else join({key: raw for key, raw in members(inner).items() if key in names})
        return join({**parts, name: kept})
    return data
