"""soa.csv, exceptions.csv, attestations.csv, risks.csv: what people state, as it stands at the end of a bundle's period.

Made of the entries below K with event_time < to, and their details (docs/bundle.md). Cells of an erased detail are empty.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from exports.table import cell

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "attestations.csv": (
        *("attestation", "index", "state", "controls", "says", "made", "until", "four_eyes", "review", "reviewed_by"),
        *("title", "statement", "owner", "by", "files"),
    ),
    "exceptions.csv": (
        *("exception", "state", "mapping", "subject_handle", "subject", "from", "until", "reason", "approver", "by", "index"),
    ),
    "risks.csv": ("risk", "controls", "title", "treatment", "owner", "by", "index"),
    "soa.csv": ("control", "applicable", "justification", "implementation", "owner", "risks", "since", "by", "index"),
}


@dataclass(frozen=True, slots=True)
class Said:
    """One entry: index, clear fields, detail ({} where it was erased)."""

    index: int
    entry: Mapping[str, Any]
    detail: Mapping[str, Any]

    @property
    def place(self) -> tuple[str, int]:
        """Where it stands in the order of events."""
        return self.entry["event_time"], self.index

    def text(self, name: str) -> str:
        """A text of the detail."""
        return str(self.detail.get(name, ""))


def detail_of(data: bytes | None) -> Mapping[str, Any]:
    """The detail as an object; {} for none."""
    value = json.loads(data) if data is not None else {}
    return value if isinstance(value, dict) else {}


def tables(entries: Iterable[Said], end: str) -> dict[str, bytes]:
    """The four files; `end` is the period's end."""
    by_type: dict[str, list[Said]] = defaultdict(list)
    for said in sorted(entries, key=lambda s: s.index):
        by_type[said.entry["type"]].append(said)
    rows = {
        "attestations.csv": _attestations(by_type["attestation"], end),
        "exceptions.csv": _exceptions(by_type["exception"], end),
        "risks.csv": _risks(by_type["risk"]),
        "soa.csv": _soa(by_type["soa"]),
    }
    return {name: _csv(COLUMNS[name], rows[name]) for name in COLUMNS}


def _csv(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> bytes:
    lines = ["\ufeff" + ",".join(f'"{name}"' for name in columns)]
    lines += [",".join(cell(row[name]) for name in columns) for row in rows]
    return "".join(f"{line}\r\n" for line in lines).encode()


def _grouped(entries: Sequence[Said], name: str) -> list[tuple[str, list[Said]]]:
    groups: dict[str, list[Said]] = defaultdict(list)
    for said in entries:
        groups[said.entry[name]].append(said)
    return sorted(groups.items())


def _soa(entries: Sequence[Said]) -> Iterable[Mapping[str, str]]:
    for control, some in _grouped(entries, "control"):
        said = max(some, key=lambda s: s.place)
        risks = said.detail.get("risks", ())
        yield {
            "control": control,
            "applicable": "yes" if said.entry["applicable"] else "no",
            **{name: said.text(name) for name in ("justification", "implementation", "owner", "by")},
            "risks": " ".join(map(str, risks)),
            "since": said.entry["event_time"],
            "index": str(said.index),
        }


def _risks(entries: Sequence[Said]) -> Iterable[Mapping[str, str]]:
    for risk, some in _grouped(entries, "risk"):
        said = some[-1]
        if said.entry["act"] == "set":
            texts = {name: said.text(name) for name in ("title", "treatment", "owner", "by")}
            yield {"risk": risk, "controls": " ".join(said.entry["controls"]), **texts, "index": str(said.index)}


def _exceptions(entries: Sequence[Said], end: str) -> Iterable[Mapping[str, str]]:
    for id_, some in _grouped(entries, "exception"):
        first, last = some[0], some[-1]
        said = next((s for s in reversed(some) if s.entry["act"] != "revoke"), first)
        state = "revoked" if last.entry["act"] == "revoke" else "valid" if end < last.entry["until"] else "expired"
        yield {
            "exception": id_,
            "state": state,
            "mapping": first.entry["mapping"],
            "subject_handle": first.entry["subject"],
            "subject": first.text("subject"),
            "from": first.entry["event_time"],
            "until": last.entry["until"],
            **{name: said.text(name) for name in ("reason", "approver", "by")},
            "index": str(said.index),
        }


def _attestations(entries: Sequence[Said], end: str) -> Iterable[Mapping[str, str]]:
    """One row for each statement, in the order of the log within its attestation."""
    for id_, some in _grouped(entries, "attestation"):
        files = {s.index: f"{s.text('name')} {s.text('sha256')}" for s in some if s.entry["act"] == "attach"}
        reviews = {s.entry["of"]: s for s in some if s.entry["act"] == "review"}
        revoked = any(s.entry["act"] == "revoke" for s in some)
        title = next((s.text("title") for s in some if s.entry["act"] == "add"), "")
        for said in some:
            if said.entry["act"] not in ("add", "renew"):
                continue
            entry, review = said.entry, reviews.get(said.index)
            word = "" if not entry["four_eyes"] else "waiting"
            if review is not None:
                word = "approved" if review.entry["approved"] else "rejected"
            yield {
                "attestation": id_,
                "index": str(said.index),
                "state": "revoked" if revoked else "valid" if end < entry["until"] else "expired",
                "controls": " ".join(entry["controls"]),
                "says": entry["says"],
                "made": entry["event_time"],
                "until": entry["until"],
                "four_eyes": "yes" if entry["four_eyes"] else "no",
                "review": word,
                "reviewed_by": review.text("by") if review is not None else "",
                "title": title,
                **{name: said.text(name) for name in ("statement", "owner", "by")},
                "files": " / ".join(files[index] for index in entry["files"] if index in files),
            }
