"""IP addresses and the networks that hold them: one address looked up among many networks at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from pipeline.rules.values import Real

Network = IPv4Network | IPv6Network
_MAX_TEXT: Final = 64
_DOTTED: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")


def inside(value: object, network: Network) -> bool:
    """True when `value` is the text of an address in `network`."""
    address = address_of(value)
    if address is None:
        return False
    if isinstance(network, IPv4Network) and isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped in network  # ::ffff:192.0.2.1 is the host 192.0.2.1
    return address.version == network.version and address in network


def address_of(value: object) -> IPv4Address | IPv6Address | None:
    """The address that a text stands for, else None."""
    if not isinstance(value, str) or isinstance(value, Real) or len(value) > _MAX_TEXT:
        return None
    # What is neither of these is no address; the parser's own refusal costs ten times as much.
    return _parsed(value) if ":" in value or _DOTTED.fullmatch(value) else None


@lru_cache(maxsize=4096)
def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    """One address is asked about by every rule that names a network."""
    try:
        return ip_address(text)
    except ValueError:
        return None


class NetworkIndex:
    """Networks by version, length of prefix and leading bits. `find` costs one look-up for each length that occurs."""

    __slots__ = ("_four", "_six")

    def __init__(self, networks: Iterable[tuple[Network, Sequence[int]]]) -> None:
        self._four: dict[int, dict[int, list[int]]] = {}
        self._six: dict[int, dict[int, list[int]]] = {}
        for network, ids in networks:
            shift = network.max_prefixlen - network.prefixlen
            side = self._four if isinstance(network, IPv4Network) else self._six
            side.setdefault(shift, {}).setdefault(int(network.network_address) >> shift, []).extend(ids)

    def __bool__(self) -> bool:
        return bool(self._four or self._six)

    def find(self, value: object, found: set[int]) -> None:
        """Add the ids of every network that holds the address `value`."""
        address = address_of(value)
        if isinstance(address, IPv4Address):
            _look_up(self._four, int(address), found)
        elif address is not None:
            _look_up(self._six, int(address), found)
            if address.ipv4_mapped:
                _look_up(self._four, int(address.ipv4_mapped), found)


def _look_up(side: dict[int, dict[int, list[int]]], number: int, found: set[int]) -> None:
    for shift, networks in side.items():
        ids = networks.get(number >> shift)
        if ids:
            found.update(ids)
