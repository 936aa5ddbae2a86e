"""The contract of collectors (collectors/base.py), over every source type: a new one is one line in LABS."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, get_args

import pytest

from collectors.base import CollectorError, Permission
from collectors.registry import SOURCE_TYPES
from tests.contract.front import How
from tests.contract.labs import (
    aws_account,
    aws_config,
    aws_securityhub,
    cloudtrail_files,
    cloudtrail_lookup,
    cloudtrail_s3,
    gcp_audit,
    gcp_iam,
    github,
    jira,
    json_files,
    kafka_topic,
    pagerduty,
    prowler,
    servicenow,
)
from tests.contract.labs.base import Lab
from tests.contract.rig import Rig, complete, fits, holds

LABS: dict[str, Callable[[Path], AbstractContextManager[Lab]]] = {
    "aws-account": aws_account.lab,
    "aws-config": aws_config.lab,
    "aws-securityhub": aws_securityhub.lab,
    "cloudtrail-files": cloudtrail_files.lab,
    "cloudtrail-lookup": cloudtrail_lookup.lab,
    "cloudtrail-s3": cloudtrail_s3.lab,
    "gcp-audit": gcp_audit.lab,
    "gcp-iam": gcp_iam.lab,
    "github": github.lab,
    "jira": jira.lab,
    "json-files": json_files.lab,
    "kafka-topic": kafka_topic.lab,
    "pagerduty": pagerduty.lab,
    "prowler": prowler.lab,
    "servicenow": servicenow.lab,
}
PARTS: dict[str, tuple[str, ...]] = {"aws-account": ("moto",), "cloudtrail-s3": ("moto",), "kafka-topic": ("kafka",)}
"""Real parts that a lab needs (tests/parts.py)."""
EVERY = 10**6 if os.environ.get("FAULTS") == "long" else 6
"""Calls of a run that are broken, one after another, evenly chosen where there are more: others for each way to break one."""
HOWS: tuple[How, ...] = get_args(How)
HOSTILE = (
    "<script>alert(1)</script>",
    "'; DROP TABLE evidence; --",
    "\x1b[2J\x1b]0;owned\x07",
    "../../../../etc/passwd",
    "{0.__class__} %s %n ${jndi:ldap://127.0.0.1/a}",
    "\ud800 half a pair",
    "nul \x00 inside",
    "=cmd|' /C calc'!A0",
    "x" * 1_000_000,
)

pytestmark = pytest.mark.usefixtures("aws_environment")


def named(*more: Any) -> list[Any]:
    return [pytest.param(name, *more, marks=[pytest.mark.parts(part) for part in PARTS.get(name, ())], id=name) for name in LABS]


@pytest.fixture
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    with ExitStack() as stack:
        yield stack.enter_context(LABS[request.param](tmp_path))


each = pytest.mark.parametrize("lab", named(), indirect=True)


def test_every_source_type_is_under_the_suite() -> None:
    assert set(LABS) == set(SOURCE_TYPES)


@each
def test_a_whole_window_is_complete_and_says_as_whom(lab: Lab) -> None:
    rig = Rig(lab)
    records = rig.run()
    assert complete(records)
    assert len(rig.facts()) >= 3
    assert all(record.identity for record in records)
    assert all(part.complete for record in records for part in record.parts)
    assert any(record.parts for record in records)
    assert rig.ledger.end == records[-1].asked[1]
    assert sum(record.records + record.unreadable for record in records) == sum(e.kind != "window" for e in rig.stream.events)


@each
def test_reading_again_finds_nothing_else(lab: Lab) -> None:
    rig = Rig(lab)
    rig.run()
    before, ids = rig.facts(), {event.id for event in rig.stream.events if event.kind == "log"}
    rig.restart()
    assert complete(rig.run())
    assert rig.facts() == before
    assert {event.id for event in rig.stream.events if event.kind == "log"} == ids


@each
def test_what_is_new_is_read_by_the_next_window(lab: Lab) -> None:
    rig = Rig(lab)
    rig.run()
    before = rig.facts()
    lab.more()
    assert complete(rig.run())
    assert rig.facts() - before


@each
def test_an_empty_source_is_complete_and_has_less(lab: Lab) -> None:
    rig = Rig(lab)
    rig.run()
    lab.empty()
    again = Rig(lab)
    records = again.run()
    assert complete(records)
    assert len(again.facts()) < len(rig.facts())


@each
def test_refused_altogether_is_never_nothing_found(lab: Lab) -> None:
    rig = Rig(lab)
    for how in ("denied", "failing"):
        lab.heal()
        lab.break_from(0, how)
        records = rig.run()
        assert records
        assert not any(record.state == "complete" for record in records)
        assert all(record.errors for record in records)
        assert not any(record.covers for record in records)
    lab.heal()
    clean = Rig(lab)
    clean.run()
    assert complete(rig.run())
    assert rig.facts() >= clean.facts()


def chosen(calls: int, way: int = 0, ways: int = 1) -> list[int]:
    """Which calls are broken in way number `way` of `ways`; over all ways the first and the last are among them."""
    steps = EVERY * ways - 1
    return list(range(calls)) if calls <= EVERY else sorted({n * (calls - 1) // steps for n in range(way, steps + 1, ways)})


@pytest.mark.parametrize("calls", [1, 5, 6, 7, 30, 31, 400])
def test_calls_are_chosen_evenly_from_first_to_last(calls: int) -> None:
    picked = [chosen(calls, way, len(HOWS)) for way in range(len(HOWS))]
    assert all(len(some) == min(calls, EVERY) for some in picked)
    assert {0, calls - 1} <= {number for some in picked for number in some} <= set(range(calls))
    assert {0, calls - 1} <= set(chosen(calls))


@each
@pytest.mark.parametrize("how", HOWS)
def test_a_fault_at_any_call_loses_nothing_and_is_never_complete(lab: Lab, how: How) -> None:
    clean = Rig(lab)
    lab.heal()
    clean.run()
    calls, every = lab.requests(), clean.facts()
    assert calls
    for number in chosen(calls, HOWS.index(how), len(HOWS)):
        rig = Rig(lab)
        lab.heal()
        lab.break_one(number, how)
        records = rig.run()
        # 1. Whoever claims to have read all has read all: calls that can be done without may fail.
        assert not complete(records) or rig.facts() >= every, f"call {number} {how}: complete without everything"
        assert complete(records) or any(record.errors for record in records)
        # 2. The next run has everything.
        lab.heal()
        rig.restart()
        rig.run()
        assert rig.facts() >= every, f"call {number} {how}: not read by the next run"


@each
def test_an_outage_that_begins_in_the_middle_loses_nothing(lab: Lab) -> None:
    clean = Rig(lab)
    lab.heal()
    clean.run()
    calls, every = lab.requests(), clean.facts()
    for number in chosen(calls):
        rig = Rig(lab)
        lab.heal()
        lab.break_from(number, "failing")
        records = rig.run()
        assert not complete(records) or rig.facts() >= every
        lab.heal()
        rig.run()
        assert rig.facts() >= every


class Killed(KeyboardInterrupt):
    """The process ends here."""


@each
def test_killed_at_any_publishing_and_restarted(lab: Lab) -> None:
    clean = Rig(lab)
    clean.run()
    every, batches = clean.facts(), len(clean.stream.batches)
    for number in chosen(batches):
        rig = Rig(lab)
        count = iter(range(batches))

        def before(_events: Any, number: int = number, count: Iterator[int] = count) -> None:
            if next(count, None) == number:
                raise Killed

        rig.stream.before = before
        with pytest.raises(Killed):
            rig.run()
        rig.stream.before = lambda _events: None
        rig.ledger.again = rig.unfinished()
        rig.restart()
        rig.run()
        assert rig.facts() >= every


@each
def test_hostile_text_arrives_as_it_is_or_as_a_dead_letter(lab: Lab) -> None:
    rig = Rig(lab)
    rig.run()
    for text in HOSTILE:
        before = len(rig.stream.events)
        if lab.hostile(text):
            records = rig.run()
            assert not any(record.state == "failed" for record in records)
            assert any(holds(e, text) for e in rig.stream.events[before:] if e.kind != "window"), text[:40]


@each
def test_a_check_calls_the_source_and_names_what_is_denied(lab: Lab) -> None:
    rig = Rig(lab)
    assert all(probe.text and probe.denied is None for probe in rig.collector.check())
    lab.break_from(0, "denied")
    rig.restart()
    kind = SOURCE_TYPES[rig.collector.type]
    allowed = {(p.action, p.resource) for p in kind.access(kind.settings.model_validate(dict(lab.settings))).permissions}
    said, denied = checked(rig)
    assert said or denied
    assert {(permission.action, permission.resource) for permission in denied} <= allowed
    assert not [secret for secret in lab.secrets if secret in said]


def checked(rig: Rig) -> tuple[str, list[Permission]]:
    """What a check of a source that denies everything says: why nothing can be read, or which permissions are missing."""
    try:
        probes = rig.collector.check()
    except CollectorError as error:
        return str(error), []
    return "", [probe.denied for probe in probes if probe.denied]


@each
def test_what_it_must_be_allowed_is_said_whole(lab: Lab) -> None:
    kind = SOURCE_TYPES[Rig(lab).collector.type]
    narrows = None if (key := kind.settings.model_fields.get("resources")) is None or key.is_required() else key
    whole = {key: value for key, value in lab.settings.items() if key != "resources" or narrows is None}
    access = kind.access(kind.settings.model_validate(whole))
    assert access.permissions
    assert all(permission.action and permission.why for permission in access.permissions)
    named = {known for permission in access.permissions for known in permission.types}
    assert [known for known in kind.types if not known.startswith("summary.") and not any(fits(n, known) for n in named)] == []
