"""GET /controls and /controls/{id}."""

from __future__ import annotations

from fastapi import APIRouter

from web.api import rows
from web.api.models import ControlDetail, ControlOut, MappingOut, Page
from web.catalogue import ControlInfo
from web.lookups import find_control, read_voices
from web.params import AsOfParam
from web.site import SiteOf
from web.views.controls import FilterParam, status_of, theme_rows
from web.views.reason import Voices, why

router = APIRouter(tags=["controls"])


@router.get("/controls")
def controls(site: SiteOf, asked: AsOfParam, wanted: FilterParam) -> Page[ControlOut]:
    """The controls that fit, always in one page: there are 93."""
    tiles = [t for row in theme_rows(site.catalogue, site.query.controls(asked.moment), wanted) for t in row.tiles]
    return Page(items=[ControlOut(**rows.control_fields(t.info, t.status)) for t in tiles], next=None)


@router.get("/controls/{control_id}")
def control(site: SiteOf, asked: AsOfParam, control_id: str) -> ControlDetail:
    """One control: its state and why."""
    info = find_control(site, control_id)
    status = status_of(site.query.controls(asked.moment), info.id)
    voices = read_voices(site.query, asked, info)
    at = asked.moment.as_of if asked.moment.as_of is not None else site.clock()
    return ControlDetail(
        **rows.control_fields(info, status),
        about=info.about,
        attributes={name: list(values) for name, values in info.attributes.items()},
        needs=list(info.needs),
        why=why(info, status, voices, site.query.sources(site.clock()), at),
        mappings=_mappings(info, voices),
    )


def _mappings(info: ControlInfo, voices: Voices) -> list[MappingOut]:
    return [
        MappingOut(
            id=m.id,
            title=m.title,
            finding=m.finding,
            strength=dict(m.controls)[info.id],
            level=m.level,
            rationale=m.rationale,
            remediation=m.remediation,
        )
        for m in voices.mappings
    ]
