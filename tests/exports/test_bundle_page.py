"""docs/bundle.md says what the code does, where the two can be compared."""

from __future__ import annotations

from pathlib import Path

from exports import verify
from exports.scope import ALWAYS
from exports.table import COLUMNS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "bundle.md").read_text()


def test_the_page_names_what_there_is() -> None:
    assert verify.README_SHA256 in PAGE
    for name in (*verify.FILES, "manifest.json"):
        assert f"### `{name}`\n" in PAGE
    for kind in ALWAYS | verify.ALWAYS:
        assert f"`{kind}`" in PAGE.split("## The archive")[0]
    columns = PAGE.split("### `index.csv`")[1].split("### ")[0]
    places = [columns.index(f"`{name}`") for name in COLUMNS]
    assert places == sorted(places)
    assert verify.COLUMNS == COLUMNS
    for code in (verify.OK, verify.NOT_RUN, verify.USAGE, verify.TAMPERED, verify.INCOMPLETE, verify.STALE, verify.ERASED):
        assert f"\n| {code} | " in PAGE
