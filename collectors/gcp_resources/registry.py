"""Every resource kind that gcp-iam reads, in the order in which they are read: one line per file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from collectors.gcp_resources import assets, identity, services
from collectors.gcp_resources.base import Resource

_ALL: Final[tuple[Resource, ...]] = (*identity.RESOURCES, *services.RESOURCES, *assets.RESOURCES)
RESOURCES: Final[Mapping[str, Resource]] = {resource.key: resource for resource in _ALL}


def chosen(names: tuple[str, ...]) -> tuple[Resource, ...]:
    """The kinds that a setting names: a service ("iam") or one kind ("iam.role"), with those that they stand under; all for none.

    Raises ValueError.
    """
    for name in names:
        if not any(_named(name, resource) for resource in _ALL):
            known = sorted({resource.service for resource in _ALL})
            raise ValueError(f"{name!r} is no resource kind: write a service ({', '.join(known)}) or e.g. iam.service-account")
    wanted = {resource.key for resource in _ALL if not names or any(_named(name, resource) for name in names)}
    wanted |= {RESOURCES[key].under for key in wanted if RESOURCES[key].under}
    return tuple(resource for resource in _ALL if resource.key in wanted)


def _named(name: str, resource: Resource) -> bool:
    return name in (resource.service, resource.key)
