"""A store to measure with: begun, a mapping set active, a source declared, a signer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipeline.posture import decide
from pipeline.rules.mapping_set import MappingSet
from pipeline.rules.ruleset import RuleSet
from store.checkpoint import CheckpointSigner, CheckpointStore
from store.cursors import CollectionLedger
from store.evidence import EvidenceStore
from store.log_source import SqlLogSource, check_entry
from store.open import open_store
from store.records import HOUR, MINUTE, Activation, Batch
from store.signing_key import load_or_create_key

ORIGIN: Final = "benchmark.local/log"


@dataclass(slots=True)
class Bench:
    """The parts."""

    folder: Path
    store: EvidenceStore
    rules: RuleSet
    ledger: CollectionLedger

    def signer(self) -> CheckpointSigner[Any]:
        """The signer over this store."""
        key = load_or_create_key(self.folder / "key", ORIGIN)
        place = CheckpointStore(self.folder / "checkpoints")
        return CheckpointSigner(key, ORIGIN, place, SqlLogSource(self.store.engine), check_entry)


def begin(folder: Path, found: MappingSet, url: str = "") -> Bench:
    """Make a store with this active set: at `url`, else a file in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    store = open_store(url or f"sqlite:///{folder / 'store.db'}")
    rules = RuleSet.compile(found)
    controls = tuple(control.id for control in rules.controls)
    activation = Activation(rules.digest, found.to_bytes(), rules.mappings, controls)
    store.append(Batch(activate=activation), (), decide)
    ledger = CollectionLedger(store.engine, store.clock)
    ledger.declare([{"name": "bench", "type": "cloudtrail-files", "lateness": HOUR, "schedule": 5 * MINUTE}])
    return Bench(folder, store, rules, ledger)
