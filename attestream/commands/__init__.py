"""The registry of commands: one line each, in the order in which help shows them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from attestream.commands import (
    collect,
    control_list,
    control_show,
    dead_letter_list,
    dead_letter_replay,
    dead_letter_show,
    demo,
    doctor,
    drift_list,
    evidence_list,
    evidence_show,
    evidence_verify,
    export_create,
    export_verify,
    finding_close,
    finding_list,
    finding_show,
    log_checkpoint,
    log_prove,
    mappings_activate,
    mappings_coverage,
    mappings_lint,
    mappings_test,
    match,
    run,
    source_list,
    source_types,
    status,
    store_backup,
    store_erase,
    store_migrate,
    store_restore,
    stream_peek,
)


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its words, what it does with an example, and the function that does it."""

    name: str
    run: Callable[..., Any]

    @property
    def help(self) -> str:
        """The function's docstring."""
        return (self.run.__doc__ or "").strip()


REGISTRY: Final = (
    Command("run", run.run),
    Command("collect", collect.collect),
    Command("match", match.match),
    Command("status", status.status),
    Command("control list", control_list.control_list),
    Command("control show", control_show.control_show),
    Command("finding list", finding_list.finding_list),
    Command("finding show", finding_show.finding_show),
    Command("finding close", finding_close.finding_close),
    Command("drift list", drift_list.drift_list),
    Command("evidence list", evidence_list.evidence_list),
    Command("evidence show", evidence_show.evidence_show),
    Command("evidence verify", evidence_verify.evidence_verify),
    Command("mappings lint", mappings_lint.mappings_lint),
    Command("mappings test", mappings_test.mappings_test),
    Command("mappings coverage", mappings_coverage.mappings_coverage),
    Command("mappings activate", mappings_activate.mappings_activate),
    Command("export create", export_create.export_create),
    Command("export verify", export_verify.export_verify),
    Command("log checkpoint", log_checkpoint.log_checkpoint),
    Command("log prove", log_prove.log_prove),
    Command("dead-letter list", dead_letter_list.dead_letter_list),
    Command("dead-letter show", dead_letter_show.dead_letter_show),
    Command("dead-letter replay", dead_letter_replay.dead_letter_replay),
    Command("source types", source_types.source_types),
    Command("source list", source_list.source_list),
    Command("stream peek", stream_peek.stream_peek),
    Command("store migrate", store_migrate.store_migrate),
    Command("store backup", store_backup.store_backup),
    Command("store restore", store_restore.store_restore),
    Command("store erase", store_erase.store_erase),
    Command("doctor", doctor.doctor),
    Command("demo", demo.demo),
)
