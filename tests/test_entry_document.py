"""The example in docs/entry.md is what the code writes: whoever implements the format from the page gets these bytes."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path

import pytest

from store.entries import MAX_ENTRY, Committed, canonical, check_committed, decode
from store.tiles import leaf_hash
from tests.repository import text

PAGE = text(Path("docs/entry.md"))


def block(name: str) -> bytes:
    [found] = re.findall(rf"```{name}\n(.*)\n```", PAGE)
    return str(found).encode()


def salt(name: str) -> bytes:
    [found] = re.findall(rf"The {name}, \d+ bytes, with its salt `([0-9a-f]{{32}})`", PAGE)
    return bytes.fromhex(str(found))


def test_the_entry_is_canonical_and_its_leaf_hash_is_the_one_that_the_page_says() -> None:
    data = block("entry")
    assert canonical(decode(data, 0)) == data
    assert len(data) <= MAX_ENTRY
    assert f"{len(data)} bytes, with the leaf hash `{leaf_hash(data).hex()}`" in PAGE
    assert leaf_hash(data) == sha256(b"\0" + data).digest()


@pytest.mark.parametrize("name", ["detail", "payload"])
def test_the_commitments_are_those_of_the_bytes_on_the_page(name: str) -> None:
    field = json.loads(block("entry"))[name]
    data = block(name)
    assert field == Committed(salt(name), data).field()
    assert field["commit"] == sha256(salt(name) + data).hexdigest()
    check_committed(field, salt(name), data, 0, name)


def test_every_field_of_the_example_is_on_the_page() -> None:
    entry = json.loads(block("entry"))
    assert [key for key in entry if f"`{key}`" not in PAGE] == []
    assert [key for key in json.loads(block("detail")) if f'"{key}"' not in PAGE] == []


def test_every_type_that_the_store_writes_is_on_the_page() -> None:
    written = {"evidence", "dead_letter"}  # keep.py names these by the fate of an item
    for path in Path(__file__).parents[1].joinpath("store").glob("*.py"):
        written |= set(re.findall(r'\.add\(\s*"(\w+)"', path.read_text(encoding="utf-8")))
    assert written > {"window", "finding", "closing", "mapping_set"}
    assert [kind for kind in sorted(written) if f"### `{kind}`" not in PAGE] == []
