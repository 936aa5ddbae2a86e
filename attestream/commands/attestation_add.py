"""attestream attestation add"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

import typer

from attestream.attesting import period, saying
from attestream.console import emit, say
from attestream.errors import SettingsError
from attestream.options import AsJson, Config, one_of
from attestream.rows_stated import attestation_row
from attestream.settings import load
from attestream.stating import SHORT, By, account, attached, state
from attestream.wiring import Parts, opened
from pipeline.rules.attestations import AttestationTemplate
from store.reports import Moment
from store.statements import AttestationAct


def attestation_add(
    statement: Annotated[str, typer.Option("--statement", help="What is stated, in a sentence or two.")],
    template: Annotated[str | None, typer.Option("--template", help="A template's id; see attestation templates.")] = None,
    control: Annotated[list[str] | None, typer.Option("--control", help="A control that it speaks for (several times).")] = None,
    title: Annotated[str | None, typer.Option("--title", help="What it is called (else the template's title).")] = None,
    owner: Annotated[str | None, typer.Option("--owner", help="Who answers for it (else the template's role).")] = None,
    made: Annotated[str | None, typer.Option("--made", help="When it was made, if not now.")] = None,
    end: Annotated[str | None, typer.Option("--until", help="Until when it holds: a day, a time, or 180d.")] = None,
    file: Annotated[list[Path] | None, typer.Option("--file", help="A file to keep with it (several times).")] = None,
    against: Annotated[bool, typer.Option("--against", help="It states that the controls are NOT in order.")] = False,
    four_eyes: Annotated[bool, typer.Option("--four-eyes", help="A second person approves it before it speaks.")] = False,
    by: By = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """State that controls are in order, for as long as the statement holds; files are kept with it, by digest.

    Example: attestream attestation add --template security-policies --statement "Version 4, approved on 3 May" --file policy.pdf
    """
    with opened(load(config)) as parts:
        base = _template(parts, template)
        controls = _controls(parts, base, control)
        since, ends = period(parts, base, controls, made, end)
        act = AttestationAct(
            act="add",
            id=secrets.token_hex(16),
            by=by or account(),
            account=account(),
            controls=controls,
            says=saying(against=against),
            made=since,
            until=ends,
            four_eyes=four_eyes or (base is not None and base.four_eyes),
            title=title or (base.title if base is not None else ""),
            statement=statement,
            owner=owner or (base.owner if base is not None else ""),
            template=template or "",
            files=attached(file or ()),
        )
        state(parts, act)
        view = next(v for v in parts.query.attestations(parts.store.clock(), Moment()) if v.id == act.id)
    if as_json:
        emit(attestation_row(view))
        return
    waits = "; it says nothing until a second person approves it" if view.waiting is not None else ""
    say(f"attestation {view.id[:SHORT]} is entry {view.acts[0].idx}{waits}")


def _template(parts: Parts, name: str | None) -> AttestationTemplate | None:
    known = parts.catalogues.attestations
    one_of(name, known, "--template")
    return known[name] if name is not None else None


def _controls(parts: Parts, base: AttestationTemplate | None, named: list[str] | None) -> tuple[str, ...]:
    for name in named or ():
        one_of(name, (c.id for c in parts.catalogue), "--control")
    controls = tuple(dict.fromkeys(named or ([base.control] if base is not None else [])))
    if not controls:
        raise SettingsError("--control: name the controls that it speaks for, or a --template")
    return controls
