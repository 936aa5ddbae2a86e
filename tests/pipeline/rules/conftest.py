"""Small sets and short ways to ask a rule something."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from pipeline.rules.annex import THEMES
from pipeline.rules.conditions import compile_selection
from pipeline.rules.detection import Names
from pipeline.rules.evaluate import Explainer, closure
from pipeline.rules.mapping_set import MappingSet
from pipeline.rules.ruleset import RuleSet
from pipeline.rules.values import decode_payload
from pipeline.rules.view import View
from pipeline.rules.yamldoc import read_documents
from store.records import Event

ANNEX = "edition: ISO/IEC 27001:2022\ncontrols:\n" + "".join(
    f"- {{id: A.{clause}.{number}, title: Control {clause}.{number}, theme: {theme}, evidence: [automated, attestation],"
    f" attestation_max_age: 365d, about: About it., needs: [attestation]}}\n"
    for clause, (theme, count) in THEMES.items()
    for number in range(1, count + 1)
)

STOPPED = """\
title: CloudTrail stopped
id: 0c3b1f2e-5f0b-4b0e-9b53-6b3f0a4f6f01
status: stable
description: Someone stopped a trail.
date: 2026-11-22
tags: [iso27001-2022.a.8.15, iso27001-2022.a.8.16, attack.t1562.008]
logsource: {product: aws, service: cloudtrail}
detection:
  selection:
    eventSource: cloudtrail.amazonaws.com
    eventName: StopLogging
    errorCode: null
  condition: selection
level: high
rationale: A stopped trail records nothing.
strength: {A.8.15: strong, A.8.16: partial}
finding: not-satisfied
subject: requestParameters.name|tail
until: {eventName: StartLogging, errorCode: null}
tests:
  - {name: stopped, match: true, event: {eventSource: cloudtrail.amazonaws.com, eventName: StopLogging}}
  - {name: denied, match: false, event: {eventSource: cloudtrail.amazonaws.com, eventName: StopLogging, errorCode: AccessDenied}}
  - {name: started, match: until, event: {eventName: StartLogging}}
"""

THIRD_PARTY = """\
title: Root used
id: 8ad1600d-e9dc-4251-b0ee-a65268f29add
status: test
author: someone else
date: 2020/01/21
references:
    - https://example.org/root
tags:
    - attack.privilege-escalation
    - attack.t1078.004
logsource:
    product: aws
    service: cloudtrail
detection:
    selection_usertype:
        userIdentity.type: Root
    selection_eventtype:
        eventType: AwsServiceEvent
    condition: selection_usertype and not selection_eventtype
falsepositives:
    - AWS tasks that need root
level: medium
"""


@pytest.fixture
def annex() -> str:
    """A catalogue of the 93 controls."""
    return ANNEX


@pytest.fixture
def stopped() -> str:
    """A mapping of our own that lint has nothing against."""
    return STOPPED


@pytest.fixture
def third_party() -> str:
    """A rule as others publish it."""
    return THIRD_PARTY


@pytest.fixture
def make_set() -> Callable[..., MappingSet]:
    """A set of the given rule texts (named m0.yaml, m1.yaml …), with the catalogue."""

    def make(*texts: str, **more: object) -> MappingSet:
        return MappingSet(annex=ANNEX, files={f"m{index}.yaml": text for index, text in enumerate(texts)}, **more)  # type: ignore[arg-type]

    return make


@pytest.fixture
def compiled(make_set: Callable[..., MappingSet]) -> Callable[..., RuleSet]:
    """The rules compiled from the given texts."""
    return lambda *texts, **more: RuleSet.compile(make_set(*texts, **more))


@pytest.fixture
def event() -> Callable[..., Event]:
    """A CloudTrail event with this payload (JSON text, bytes or a value)."""

    def make(payload: object, *, type: str = "log.aws.cloudtrail", account: str = "111122223333") -> Event:
        data = payload if isinstance(payload, bytes) else (payload if isinstance(payload, str) else json.dumps(payload)).encode()
        return Event("trail", "1", type, 0, data, account=account)

    return make


@pytest.fixture
def holds() -> Callable[..., bool]:
    """Does a selection (YAML text) hold of an event (JSON text, or a value)?"""

    def ask(selection: str, payload: object, lists: dict[str, tuple[str, ...]] | None = None) -> bool:
        node = compile_selection(read_documents(selection)[0].data, Names(lists or {}), ()).node
        text = payload if isinstance(payload, str) else json.dumps(payload)
        return closure(node)(View(decode_payload(text.encode("utf-8", "surrogatepass"))))

    return ask


@pytest.fixture
def reason() -> Callable[[str, object], str]:
    """What is said of a selection that holds."""

    def ask(selection: str, payload: object) -> str:
        view = View(decode_payload(json.dumps(payload).encode()))
        node = compile_selection(read_documents(selection)[0].data, Names(), ()).node
        assert closure(node)(view)
        return Explainer(node)(view)

    return ask
