"""Wiring: settings in, working parts out. The only place that knows them all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import structlog

from attestream.errors import AttestreamError, SettingsError
from attestream.lease import LocalLease
from attestream.settings import Settings
from collectors.base import Collector
from collectors.registry import build
from pipeline.posture import decide
from pipeline.rules.annex import Control
from pipeline.rules.catalogues import Catalogues, read_catalogues
from pipeline.rules.mapping_set import MappingSet
from pipeline.rules.problems import RulesError
from pipeline.rules.reader import builtin_mappings, read_set
from pipeline.rules.ruleset import RuleSet
from pipeline.stream.base import Stream
from pipeline.stream.registry import open_stream
from store.active import active_digest, set_payload
from store.checkpoint import CheckpointSigner, CheckpointStore, Refused, SignedCheckpoint, open_checkpoint
from store.cursors import CollectionLedger, Lease, adopt_stream
from store.engine import is_sqlite, reading
from store.evidence import EvidenceStore
from store.log_source import SqlLogSource, check_entry
from store.note import SigningKey, VerifierKey
from store.open import find_meta, is_made, open_store, read_meta, write_meta
from store.query import StoreQuery
from store.records import Activation, Batch, DriftRow
from store.signing_key import load_or_create_key, published_key
from store.tiles import root as tree_root
from store.times import wall_clock
from store.writer import SqlTiles, read_head
from web.site import CheckpointInfo

log = structlog.get_logger("attestream")
SIGNED = "signed"
EMBEDDED, KAFKA = "sqlite", "kafka:"
"""`stream.url` of the embedded stream; how the identity of any on Kafka begins."""
SHOWN = 10
"""Problems that one error names."""


@dataclass
class Parts:
    """The parts of one installation, each made when it is first asked for. A store is made only where `create` says so."""

    settings: Settings
    create: bool = False

    @cached_property
    def store(self) -> EvidenceStore:
        """The evidence store, migrated. Raises AttestreamError where there is none and none is to be made."""
        if not self.create and not self.exists():
            raise AttestreamError(
                f"there is no store at {self.settings.store.url}: run attestream run --once, or restore a backup"
            )
        return open_store(self.settings.store.url, password=self.settings.store.secret)

    def exists(self) -> bool:
        """Whether there is a store already. Raises StoreError where that cannot be found out."""
        return "store" in self.__dict__ or is_made(self.settings.store.url, self.settings.store.secret)

    @cached_property
    def stream(self) -> Stream:
        """The stream between collectors and the mapper, for whoever publishes or takes. Raises AttestreamError where it cannot
        be that of the store."""
        stream = self.stream_as_it_is
        if not self.embedded and self.settings.stream.url == EMBEDDED and self.stream_known().startswith(KAFKA):
            raise AttestreamError(
                "the store's positions are those of a Kafka topic, and here stream.url is not set: set it as on the others "
                "(or name a file, sqlite:///stream.db, to leave Kafka)"
            )
        if adopt_stream(self.store.engine, stream.identity):
            log.warning("the stream is another one than before: what it carried is asked for again", stream=stream.identity)
        return stream

    @cached_property
    def stream_as_it_is(self) -> Stream:
        """The stream of the settings, for whoever only looks: it does not become that of the store by this."""
        self.settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return open_stream(self.settings.stream.url, self.settings.folder, self.settings.stream.options())

    def stream_known(self) -> str:
        """The identity of the stream that the store's positions are of; "" before there is one."""
        return (find_meta(self.store.engine, "stream") or b"").decode()

    @cached_property
    def query(self) -> StoreQuery:
        """The reading side."""
        return StoreQuery(self.store.engine, self.origin)

    @cached_property
    def ledger(self) -> CollectionLedger:
        """Attempts and cursors, with the configured sources declared."""
        ledger = CollectionLedger(self.store.engine, self.store.clock)
        ledger.declare(
            [
                {"name": s.name, "type": s.type, "lateness": s.lateness, "schedule": s.schedule}
                for s in self.settings.source_settings()
            ]
        )
        return ledger

    @cached_property
    def lease(self) -> LocalLease | Lease:
        """The lease of the collect role. Only beside an embedded store can be known that its holder has died."""
        row = Lease(self.store.engine, clock=self.store.clock)
        return LocalLease(row, self.settings.folder / "collect.lock") if is_sqlite(self.store.engine) else row

    @cached_property
    def collectors(self) -> Sequence[Collector]:
        """A collector for each source."""
        clock = self.store.clock if self.create or self.exists() else wall_clock
        return [build(source, clock) for source in self.settings.source_settings()]

    @cached_property
    def origin(self) -> str:
        """The log's name in its checkpoints."""
        return self.settings.signing.origin or f"attestream.local/{read_meta(self.store.engine, 'store_id').decode()}"

    @cached_property
    def key(self) -> SigningKey:
        """The signing key, made on first use: never where something was signed already."""
        return load_or_create_key(self.settings.key_file, self.origin, create=self.signed() is None)

    @property
    def verifier(self) -> VerifierKey:
        """The public half of the key. Reading commands need no more. Where another machine signs and it is not in a file, the
        store says it."""
        published = published_key(self.settings.key_file)
        if published is None and (known := self.signed_elsewhere()) is not None:
            return VerifierKey.parse(known["vkey"])
        return published or self.key.verifier

    @cached_property
    def embedded(self) -> bool:
        """Whether the store is a file beside which everything else stands; else several machines may work on it."""
        return is_sqlite(self.store.engine)

    def signed_elsewhere(self) -> dict[str, Any] | None:
        """What the store remembers of the last checkpoint, if another machine signs: here is neither key nor checkpoint."""
        if self.embedded or self.settings.key_file.exists() or self.checkpoints.latest() is not None:
            return None
        known = self.signed()
        return known if known is not None and "note" in known else None

    def key_is_hearsay(self) -> bool:
        """Whether `verifier` is only what the store says: whoever rewrites the store could say another."""
        return self.signed_elsewhere() is not None and published_key(self.settings.key_file) is None

    def signed(self) -> dict[str, Any] | None:
        """What the store remembers of the last checkpoint: size, root (hex), note, vkey (its key), signed_at (microseconds).

        For those who cannot see the place; what is signed next goes on from the place alone.
        """
        value = find_meta(self.store.engine, SIGNED)
        return dict(json.loads(value)) if value else None

    def publish(self) -> SignedCheckpoint:
        """Sign the log as it is, and remember in the store what was signed. Raises Refused."""
        self.check_place()
        signed = self.signer().publish()
        value = {"size": signed.checkpoint.size, "root": signed.checkpoint.root.hex(), "note": signed.note.decode()}
        value |= {"vkey": str(self.key.verifier), "signed_at": self.checkpoints.signed_at()}
        if value != self.signed():
            write_meta(self.store.engine, SIGNED, json.dumps(value).encode())
        return signed

    def sealed(self) -> SignedCheckpoint:
        """A checkpoint to hand out: of the log as it is now; where another machine signs, the last that it signed.

        Raises AttestreamError where none did yet and here is no key: whoever only reads must not become the one who signs.
        """
        if not self.embedded and not self.settings.key_file.exists() and self.signed() is None:
            raise AttestreamError(
                "the log was never signed, and here is no key: start attestream run --role seal, or run attestream log "
                "checkpoint, on the machine that is to sign"
            )
        return (self.latest_checkpoint() if self.signed_elsewhere() else None) or self.publish()

    def check_continues(self) -> None:
        """Whether the store still holds what was signed; asked before anything is added to it. Raises Refused."""
        signed = self.latest_checkpoint()
        if signed is None:
            return
        checkpoint = signed.checkpoint
        with reading(self.store.engine) as connection:
            size = read_head(connection).size
            if size < checkpoint.size or tree_root(checkpoint.size, SqlTiles(connection)) != checkpoint.root:
                raise Refused(
                    f"the store's log (size {size}) is not the one of which {checkpoint.size} entries were signed: was an older "
                    "or another database put in place? Nothing is added to it; put the signed one back"
                )

    def check_place(self) -> None:
        """The place must still have what was signed: without it a rewritten history could be signed anew. Raises Refused."""
        known = self.signed()
        if known is not None and self.checkpoints.latest() is None:
            raise Refused(
                f"{known['size']} entries were signed, and {self.settings.place} holds no checkpoint: put that folder back from "
                "a backup. If it is lost for good, attestream log checkpoint --place-lost begins it anew and says so to everybody"
            )

    def forget_signed(self) -> None:
        """The place of checkpoints is lost for good: a new series begins, and drift says so."""
        known = self.signed() or {"size": 0}
        text = f"the signed checkpoints are lost ({known['size']} entries were signed): a new series begins, ask for the old ones"
        drift = DriftRow("log", "log/checkpoints", "kept", "lost", (), "critical", self.store.clock(), "alert", text)
        self.store.append(Batch(drifts=(drift,)), (), decide)
        write_meta(self.store.engine, SIGNED, b"")

    @cached_property
    def checkpoints(self) -> CheckpointStore:
        """The place of signed checkpoints."""
        return CheckpointStore(self.settings.place)

    def signer(self) -> CheckpointSigner[Any]:
        """The one that may sign."""
        return CheckpointSigner(self.key, self.origin, self.checkpoints, SqlLogSource(self.store.engine), check_entry)

    def latest_checkpoint(self) -> SignedCheckpoint | None:
        """The last signed checkpoint, its signature checked; None before the first."""
        if (known := self.signed_elsewhere()) is not None:
            return open_checkpoint(known["note"].encode(), self.origin, [self.verifier])
        self.check_place()
        note = self.checkpoints.latest()
        return open_checkpoint(note, self.origin, [self.verifier]) if note is not None else None

    def checkpoint_info(self) -> CheckpointInfo | None:
        """The last signed checkpoint as the dashboard shows it."""
        signed, known = self.latest_checkpoint(), self.signed_elsewhere()
        if signed is None:
            return None
        return CheckpointInfo(
            size=signed.checkpoint.size,
            root=signed.checkpoint.root.hex(),
            signed_at=known["signed_at"] if known is not None else self.checkpoints.signed_at(),
            origin=signed.checkpoint.origin,
            note=signed.note.decode(),
            vkey=str(self.verifier),
        )

    @cached_property
    def catalogue(self) -> tuple[Control, ...]:
        """The 93 controls, from the active mapping set or, before there is one, from the built-in catalogue."""
        digest = active_digest(self.store.engine)
        found = MappingSet.from_bytes(set_payload(self.store.engine, digest)) if digest else self.mapping_set()
        return RuleSet.compile(found).controls

    def mapping_id(self, text: str) -> str:
        """The id of the mapping whose id begins so. Raises AttestreamError when it is none's or several'."""
        found = sorted(m.id for m in self.query.mappings() if m.id.startswith(text.lower()))
        if len(found) != 1 and text not in found:
            raise AttestreamError(f"{'no' if not found else 'more than one'} mapping has an id that begins with {text!r}")
        return text if text in found else found[0]

    @cached_property
    def catalogues(self) -> Catalogues:
        """Templates of attestations, frameworks and editions, as they stand in files now. Raises SettingsError."""
        try:
            return read_catalogues(self.settings.mappings.paths)
        except RulesError as error:
            raise SettingsError(f"mappings: {error}") from error

    def mapping_set(self) -> MappingSet:
        """The set as it stands in files now. Raises SettingsError."""
        paths = [*([builtin_mappings()] if self.settings.mappings.builtin else []), *self.settings.mappings.paths]
        try:
            found = read_set(paths, self.settings.mappings.lists)
            return found if found.annex else replace(found, annex=read_set([builtin_mappings()]).annex)
        except RulesError as error:
            raise SettingsError(f"mappings: {error}") from error

    def activate_at_start(self) -> None:
        """What a service does before it begins: beside an embedded store the files' set becomes the active one. On a store of
        several machines that takes a person, but for the first set. Raises SettingsError."""
        active = active_digest(self.store.engine)
        if self.embedded or not active:
            self.activate()
            return
        try:
            digest = self.mapping_set().digest
        except SettingsError as error:
            log.warning("the mappings in files cannot be used; the active set is", error=str(error), active=active[:12])
            return
        if digest != active:
            advice = "run attestream mappings activate if they should be"
            log.warning("the mappings in files are not the active set", files=digest[:12], active=active[:12], advice=advice)

    def activate(self) -> tuple[RuleSet, bool]:
        """Make the files' mapping set the active one, if it is not; returns it and whether that changed anything.

        Raises SettingsError when a mapping of it cannot be used: activating the rest would retire what that mapping found.
        """
        mapping_set = self.mapping_set()
        rules = RuleSet.compile(mapping_set)
        errors = [problem for problem in rules.problems if problem.severity == "error"]
        if errors:
            more = f"\n… and {len(errors) - SHOWN} more; see attestream mappings lint" if len(errors) > SHOWN else ""
            raise SettingsError("mappings that cannot be used:\n" + "\n".join(map(str, errors[:SHOWN])) + more)
        if active_digest(self.store.engine) == rules.digest:
            return rules, False
        activation = Activation(rules.digest, mapping_set.to_bytes(), rules.mappings, tuple(c.id for c in rules.controls))
        self.store.append(Batch(activate=activation), (), decide)
        return rules, True


@contextmanager
def opened(settings: Settings, *, create: bool = False) -> Iterator[Parts]:
    """Parts that are closed at the end; `create`: a store is made where there is none."""
    parts = Parts(settings, create)
    try:
        yield parts
    finally:
        if "stream_as_it_is" in parts.__dict__:
            parts.stream_as_it_is.close()
        if "store" in parts.__dict__:
            parts.store.engine.dispose()
