"""Writing what is attested: an attestation's act as entries, and what it says to the controls it names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from store import schema
from store.attestations import digest_of, fold
from store.attested import KIND, PART, SOURCE, voice
from store.changes import FindingKey, Input
from store.entries import canonical, committed
from store.errors import StoreError
from store.found import TAG_COLUMNS, tag_row
from store.names import Names
from store.records import Verdict
from store.sql import insert_rows
from store.stated_views import AttestationView, Version
from store.statement_entries import stated
from store.statements import MAX_CONTROLS, MAX_FILE, MAX_FILES, MAX_NAME, AttestationAct, checked
from store.times import format_time
from store.writer import EntryWriter

VERDICTS = {"satisfied": Verdict.MATCHED, "not-satisfied": Verdict.NOT_MATCHED}
"""What a statement is to its findings."""


@dataclass(slots=True)
class Attested:
    """What an act did: new inputs of findings, and until when the attestation holds (None: it does not end by itself)."""

    inputs: dict[FindingKey, Input] = field(default_factory=dict)
    until: int | None = None
    touches: bool = False
    """Whether when it ends has changed."""


def state_attestation(writer: EntryWriter, names: Names, act: AttestationAct) -> Attested:
    """Write an attestation's act. Raises StoreError for what cannot be."""
    acts = [one for one in stated(writer.connection, "attestation") if one.field("attestation") == act.id]
    view = fold(act.id, acts, writer.now)
    if act.act == "add":
        if view is not None:
            raise StoreError(f"there is an attestation {act.id[:8]} already")
        _check_new(writer, act)
        subject = named(checked(act.title, "the title", needed=True, limit=MAX_NAME), act.id)
        return _statement(writer, names, act, act.controls, subject, names.handle(subject))
    if view is None:
        raise StoreError(f"there is no attestation {act.id[:8]}")
    if view.state == "revoked":
        raise StoreError(f"attestation {act.id[:8]} was revoked: make another one")
    if view.erased:
        raise StoreError(f"the text of attestation {act.id[:8]} was erased: make another one")
    handle = bytes.fromhex(view.subject_handle)
    if act.act == "renew":
        last = view.waiting or view.speaking
        if last is not None and act.made < last.made:
            raise StoreError(f"the statement before is of {format_time(last.made)}: a later one cannot have been made before it")
        return _statement(writer, names, act, tuple(view.controls), named(view.title, act.id), handle)
    if act.act == "review":
        return _review(writer, names, act, view, handle)
    return _revoke(writer, names, act, view, handle)


def named(title: str, id_: str) -> str:
    """The subject under which its findings are listed. Two attestations of one title are two subjects."""
    return f"{title} ({id_[:8]})"


def _check_new(writer: EntryWriter, act: AttestationAct) -> None:
    known = set(writer.connection.execute(select(schema.control.c.id)).scalars())
    unknown = sorted(set(act.controls) - known)
    if unknown:
        raise StoreError(f"no control {unknown[0]!r} in the active mapping set's catalogue")
    if not act.controls or len(act.controls) > MAX_CONTROLS:
        raise StoreError("an attestation speaks of at least one control: name it")


def _statement(
    writer: EntryWriter, names: Names, act: AttestationAct, controls: tuple[str, ...], subject: str, handle: bytes
) -> Attested:
    """A new statement: its files first, so that it can name them."""
    if act.made > writer.now:
        raise StoreError("a statement cannot have been made in the future")
    if act.until <= act.made:
        raise StoreError("an attestation must end after it was made: give a later time")
    if act.says not in VERDICTS:
        raise StoreError("an attestation says satisfied or not-satisfied")
    detail: dict[str, Any] = {
        "subject": subject,
        "statement": checked(act.statement, "the statement", needed=True),
        "owner": checked(act.owner, "the owner", needed=True, limit=MAX_NAME),
        **_who(act),
    }
    if act.act == "add":
        detail |= {"title": act.title.strip(), "template": checked(act.template, "the template", limit=MAX_NAME)}
    fields = {
        "attestation": act.id,
        "act": act.act,
        "controls": sorted(set(controls)),
        "says": act.says,
        "until": format_time(act.until),
        "four_eyes": act.four_eyes,
        "files": _attach(writer, act),
        "subject": handle.hex(),
        "effect": "none" if act.four_eyes else "speaks",
    }
    index = writer.add("attestation", SOURCE, act.made, writer.now, fields, committed(canonical(detail)))
    done = Attested()
    if not act.four_eyes:
        _speak(writer, names, done, fields["controls"], handle, Input(act.made, index, VERDICTS[act.says], 0, act.until))
        done.touches, done.until = True, act.until if act.says == "satisfied" else None
    return done


def _who(act: AttestationAct) -> dict[str, str]:
    by = checked(act.by, "who states it", needed=True, limit=MAX_NAME)
    return {"by": by, "account": checked(act.account, "the account", limit=MAX_NAME)}


def _attach(writer: EntryWriter, act: AttestationAct) -> list[int]:
    if len(act.files) > MAX_FILES:
        raise StoreError(f"{len(act.files)} files are too many for one statement, at most {MAX_FILES}")
    indexes = []
    for file in act.files:
        if not 0 < len(file.data) <= MAX_FILE:
            raise StoreError(
                f"{file.name}: a file of {len(file.data)} bytes; it must have some, and at most {MAX_FILE >> 20} MiB"
            )
        name = checked(file.name, "a file's name", needed=True, limit=MAX_NAME)
        detail = {"name": name, "sha256": digest_of(file.data), **_who(act)}
        fields = {"attestation": act.id, "act": "attach", "effect": "none"}
        payload = committed(file.data, "application/octet-stream")
        indexes.append(writer.add(KIND, SOURCE, writer.now, writer.now, fields, committed(canonical(detail)), payload))
    return indexes


def _review(writer: EntryWriter, names: Names, act: AttestationAct, view: AttestationView, handle: bytes) -> Attested:
    version = view.waiting
    if version is None:
        raise StoreError(f"attestation {act.id[:8]} has no statement that waits for a review")
    if not version.by or _person(version.by) == _person(act.by):
        raise StoreError("a second person must review it: whoever stated it cannot approve or reject it")
    if act.approve and version.until <= writer.now:
        raise StoreError(f"the statement ended at {format_time(version.until)}, before anybody approved it: renew it")
    note = checked(act.note, "the note", needed=not act.approve)
    fields = {
        "attestation": act.id,
        "act": "review",
        "of": version.idx,
        "approved": act.approve,
        "controls": sorted(view.controls),
        "says": version.says,
        "until": format_time(version.until),
        "subject": handle.hex(),
        "effect": "speaks" if act.approve else "none",
    }
    detail = {"note": note, "subject": named(view.title, act.id), **_who(act)}
    index = writer.add(KIND, SOURCE, writer.now, writer.now, fields, committed(canonical(detail)))
    done = Attested()
    if act.approve:
        found = Input(writer.now, index, VERDICTS[version.says], 0, version.until)
        _speak(writer, names, done, view.controls, handle, found)
        done.touches, done.until = True, version.until if version.says == "satisfied" else None
    return done


def _person(name: str) -> str:
    return " ".join(name.split()).casefold()


def _revoke(writer: EntryWriter, names: Names, act: AttestationAct, view: AttestationView, handle: bytes) -> Attested:
    spoke: Version | None = view.speaking
    fields = {
        "attestation": act.id,
        "act": "revoke",
        "controls": sorted(view.controls),
        "subject": handle.hex(),
        "effect": "ends" if spoke is not None else "none",
    }
    detail = {"note": checked(act.note, "the reason", needed=True), "subject": named(view.title, act.id), **_who(act)}
    index = writer.add(KIND, SOURCE, writer.now, writer.now, fields, committed(canonical(detail)))
    done = Attested(touches=True)
    if spoke is not None:
        _speak(writer, names, done, view.controls, handle, Input(writer.now, index, Verdict.CLOSED, 0, writer.now))
    return done


def _speak(writer: EntryWriter, names: Names, done: Attested, controls: Any, handle: bytes, said: Input) -> None:
    """The same input for each control's finding, and its tag."""
    part = names.part(SOURCE, PART, KIND)
    found = Input(said.event_time, said.idx, said.verdict, part, said.fresh_at)
    rows = [tag_row(voice(control), handle, found) for control in controls]
    insert_rows(writer.connection, schema.tag, TAG_COLUMNS, sorted(rows))
    done.inputs.update({(voice(control), handle): found for control in controls})
