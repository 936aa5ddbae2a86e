"""Exporters by name."""

from __future__ import annotations

import io
from typing import Any

import pytest

from exports.errors import ExportError
from exports.registry import EXPORTERS, exporter
from exports.scope import Scope


def test_the_zip_exporter_writes_the_bundle(told: Any, bundle: bytes) -> None:
    assert set(EXPORTERS) == {"zip"}
    out, stages = io.BytesIO(), []
    made = exporter("zip", told.store.engine, told.sign(), lambda stage, done, of: stages.append((stage, done, of)))
    summary = made.export(Scope(told.start, told.end), out)
    assert out.getvalue() == bundle
    assert summary.size == len(bundle)
    assert ("reading the log", summary.log_size, summary.log_size) in stages


def test_a_name_that_there_is_not(told: Any) -> None:
    with pytest.raises(ExportError, match="'pdf': choose one of zip"):
        exporter("pdf", told.store.engine, told.sign())
