"""Addresses inside the site. What a payload says is quoted here, in one place, and only ever stands in a path or a value."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from store.attested import SOURCE as OURS


def path(*segments: str | int) -> str:
    """A path whose segments are quoted, a slash inside one too."""
    return "/" + "/".join(quote(str(segment).encode("utf-8", "replace"), safe="") for segment in segments)


def url(address: str, params: Mapping[str, object], **more: object) -> str:
    """An address with parameters; those of None or "" are left out, `more` wins over `params`."""
    merged = {**params, **more}
    query = urlencode({k: str(v).encode("utf-8", "replace") for k, v in merged.items() if v is not None and v != ""})
    return f"{address}?{query}" if query else address


def control(id_: str) -> str:
    """The page of a control."""
    return path("controls", id_)


def mapping(id_: str) -> str:
    """The page of a mapping."""
    return path("mappings", id_)


def finding(mapping_id: str, handle: str) -> str:
    """The page of a finding."""
    return path("findings", mapping_id, handle)


def source(name: str) -> str:
    """The page of a source; what people attest has its own."""
    return "/records/attestations" if name == OURS else path("sources", name)


def attestation(id_: str) -> str:
    """The page of an attestation."""
    return path("records", "attestations", id_)


def window(attempt: str, of_source: str) -> str:
    """The page of a window."""
    return url(path("windows", attempt), {"source": of_source})


def evidence(idx: int) -> str:
    """The page of an evidence entry."""
    return path("evidence", idx)


def entry(idx: int) -> str:
    """The page of any entry of the log."""
    return path("log", idx)
