"""GET /status: everything at a glance."""

from __future__ import annotations

from fastapi import APIRouter

from store.records import Counts
from web.api import rows
from web.api.models import Period, StatusOut, maybe
from web.params import AsOfParam
from web.site import SiteOf
from web.views.controls import status_of

router = APIRouter(tags=["status"])


@router.get("/status")
def status(site: SiteOf, asked: AsOfParam) -> StatusOut:
    """The states of the controls at a moment; collection and the log as they are now."""
    log, checkpoint = site.query.log(), site.checkpoints()
    sources = site.query.sources(site.clock())
    statuses = site.query.controls(asked.moment)
    controls = {}
    for info in site.catalogue.values():
        fields = rows.control_fields(info, status_of(statuses, info.id))
        found = fields["findings"].model_dump()
        kept = {name: fields[name] for name in ("state", "since", "last_evidence")}
        controls[info.id] = {**kept, "findings": found}
    return StatusOut(
        as_of=maybe(asked.moment.as_of),
        known_at=log.size if asked.moment.known_at is None else asked.moment.known_at,
        mapping_set=log.mapping_set,
        events=rows.counts(sum((s.counts for s in sources), Counts())),
        controls=controls,
        sources={
            s.name: {
                "state": s.state,
                "last_window": None if s.last_window is None else rows.window(s.last_window).model_dump(by_alias=True),
                "gaps": [Period.of(gap).model_dump(by_alias=True) for gap in s.gaps],
                "lag_seconds": s.lag_seconds,
            }
            for s in sources
        },
        log={
            "origin": log.origin,
            "size": log.size,
            "root": log.root,
            "checkpoint_size": checkpoint.size if checkpoint is not None else 0,
            "anchored_at": None,
            "dead_letters": log.dead_letters,
        },
    )
