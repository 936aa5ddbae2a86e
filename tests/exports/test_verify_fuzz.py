"""I18: whatever is given to the verifier, it answers with an exit code, never with a traceback, and never with 0."""

from __future__ import annotations

import io
import json
import random
import zipfile
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exports import verify

CODES = (verify.NOT_RUN, verify.TAMPERED, verify.INCOMPLETE)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.binary(max_size=400))
def test_random_bytes(verdict: Any, data: bytes) -> None:
    assert verdict(data) in CODES


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.data())
def test_random_bytes_as_members(verdict: Any, edit: Any, bundle: bytes, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([*verify.FILES, "manifest.json", "payloads/000000000001"]))
    content = data.draw(st.binary(max_size=200))
    assert verdict(edit(bundle, {name: content})) in CODES


def test_random_mutations_of_the_archive(verdict: Any, bundle: bytes) -> None:
    chance = random.Random(23)
    for _ in range(500):
        changed = bytearray(bundle)
        for _ in range(chance.randrange(1, 6)):
            at, length = chance.randrange(len(changed)), chance.choice((1, 2, 4, 30))
            how = chance.randrange(4)
            if how == 0:
                changed[at : at + length] = chance.randbytes(length)
            elif how == 1:
                del changed[at : at + length]
            elif how == 2:
                changed[at:at] = chance.randbytes(length)
            else:
                other = chance.randrange(len(changed))
                changed[at : at + length] = changed[other : other + length]
        if bytes(changed) != bundle:
            assert verdict(bytes(changed)) in CODES


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        found += places(inner, (*path, key))
    return found


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    changed = dict(value) if isinstance(value, dict) else list(value)
    changed[path[0]] = replaced(value[path[0]], path[1:], new)
    return changed


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.data())
def test_json_of_the_right_spelling_and_the_wrong_shape(verdict: Any, edit: Any, bundle: bytes, data: st.DataObject) -> None:
    """Any value at any place: as far as the shape is checked, nothing may fail but by Rejected."""
    name = data.draw(st.sampled_from(["manifest.json", "entries.jsonl", "details.jsonl", "proofs.jsonl"]))
    with zipfile.ZipFile(io.BytesIO(bundle)) as file:
        lines = file.read(name).splitlines()
    number = data.draw(st.integers(0, len(lines) - 1))
    row = json.loads(lines[number])
    changed = replaced(row, data.draw(st.sampled_from(places(row))), data.draw(VALUES))
    try:
        line = json.dumps(changed, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    except ValueError:
        return
    if line == lines[number]:
        return
    lines[number] = line
    content = b"\n".join(lines) + (b"" if name == "manifest.json" else b"\n")
    code = verdict(edit(bundle, {name: content}))
    assert code in CODES
