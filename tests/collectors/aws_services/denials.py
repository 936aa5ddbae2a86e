"""Refuses one declared call at a time, and checks that what it would have told is missed by name and never read as none."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import botocore.session

from collectors.aws_account import AwsAccount
from collectors.aws_services.base import Call, Resource
from collectors.base import Collector, Window
from collectors.report import Silent, WindowReport
from tests.aws_world import Request, Seen, World


@cache
def _model(service: str) -> Any:
    """The SDK's description of a service; that of EC2 takes a third of a second to read."""
    return botocore.session.get_session().get_service_model(service)


def matches(call: Call) -> Callable[[Request], bool]:
    """Does a request make this call?"""
    service = _model(call.service)
    operation = service.operation_model(call.operation)
    path = re.sub(r"\\\{\w+\\?\+?\\\}", ".+", re.escape(operation.http["requestUri"].partition("?")[0]))
    rest = re.compile(f"{operation.http['method']} {path}/?")

    def fits(asked: Request) -> bool:
        if asked.service != service.signing_name:
            return False
        if service.resolved_protocol.startswith("rest"):
            return rest.fullmatch(asked.operation.partition("?")[0]) is not None
        return asked.operation == call.operation or asked.operation.endswith(f"/operation/{call.operation}")

    return fits


def _look(world: World, collector: Collector) -> Seen:
    report = WindowReport(Silent(), {})
    return Seen(list(collector.collect(Window("attempt", "cloud", world.now - 1, world.now, {}), report)), report)


def check_denials(world: World, resources: Sequence[Resource]) -> None:
    """Refuse each call of each kind, one after another. The account must have been filled, so that every call is made."""
    every = world.collector(*(resource.key for resource in resources))
    assert isinstance(every, AwsAccount)
    for resource in resources:
        collector = replace(every, resources=(resource,))  # one session for all looks: to make one costs more than to look
        whole = _look(world, collector)
        assert whole.report.errors == (), resource.key
        for call in resource.calls:
            world.refuse(matches(call), "AccessDenied" if call.service in ("ec2", "rds") else "AccessDeniedException")
            _check(world, collector, resource, call, set(whole.subjects(resource.key)))
            world.proxy.answers.pop(0)


def _check(world: World, collector: Collector, resource: Resource, call: Call, subjects: set[str]) -> None:
    seen, which = _look(world, collector), f"{resource.key} without {call.operation}"
    # 1. It is said, with the permission that is missing and without AWS's words.
    assert seen.report.partial, which
    assert call.permission in seen.said, which
    assert "hidden words" not in seen.said, which
    part = seen.part(resource.key)
    if not part.complete:
        # 2. The list itself: nothing counts as gone, and nothing is summed up.
        assert not part.enumerates, which
        assert seen.summaries(resource.key) == [], which
        return
    # 3. A detail: every subject is there, and whoever lacks something says what.
    found = seen.subjects(resource.key)
    assert set(found) == subjects, which
    unread = [value for value in found.values() if value.get("_unread")]
    assert unread, which
    assert [name for value in unread for name in value["_unread"] if name.partition(".")[0] in value] == [], which
    # 4. A check, which looks at the first of each kind, names the permission where the first one needs it.
    if next(iter(found.values())) in unread:
        assert call.permission in [probe.denied.action for probe in collector.check() if probe.denied], which
