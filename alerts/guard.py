"""Where an outgoing request may go: which URLs, and which addresses behind a name.

A request leaves the machine that keeps the evidence, so it may not be turned against what is near that machine: only https, only
to hosts that are listed, never to a private, loopback or link-local address or a cloud's metadata service, however it is written.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from alerts.base import Refused, Retry

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Lookup = Callable[[str, int], Sequence[str]]
"""Addresses (text) of a host name. Raises OSError."""

MAX_URL: Final = 2048
_URL: Final = re.compile(
    r"(https?)://(\[[^\]/?#@]*\]|[^\[\]:/?#@]*)(?::([^/?#@]*))?((?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?)"
    r"((?:\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?)"
)
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_PORT: Final = re.compile(r"[1-9][0-9]{0,4}")
_NUMERIC: Final = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)")
_NEAR: Final = ("localhost", "local", "localdomain", "internal", "intranet", "lan", "home.arpa", "onion")
_METADATA_NAMES: Final = ("metadata", "metadata.google.internal", "instance-data", "instance-data.ec2.internal")

_METADATA: Final = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fd00:42::42",
    )
)
_NEVER: Final = tuple(
    ipaddress.ip_network(text)
    for text in ("0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "::/128", "fe80::/10", "fec0::/10", "ff00::/8")
)
"""No receiver of ours is there, whatever a route allows."""
_NOT_PUBLIC: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "64:ff9b:1::/48", "fc00::/7",
    )
)  # fmt: skip
_TRANSLATED: Final = ipaddress.IPv6Network("64:ff9b::/96")
_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
"""The only addresses of IPv6 that are given out to the public."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a route allows beyond the default. `hosts`: names, or `*.example.org` for any below; empty: the URL's own host."""

    hosts: tuple[str, ...] = ()
    allow_private: bool = False
    allow_http: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that passed. `host` is lower case, an IPv6 address without brackets; `path` includes the query."""

    scheme: str
    host: str
    port: int
    path: str = field(repr=False)  # it may hold a token
    rules: Rules

    @property
    def literal(self) -> Address | None:
        """The address, where the host is one."""
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None

    @property
    def authority(self) -> str:
        """What may be said of it in errors: no path, it may hold a token."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"https": 443, "http": 80}[self.scheme] else f"{host}:{self.port}"


def check_url(url: str, rules: Rules) -> Target:
    """Read a URL. Raises Refused for one that may not be called or that two readers could read differently."""
    # 1. Its form: ASCII, no user, no fragment, nothing that is decoded to something else.
    if len(url) > MAX_URL:
        raise Refused(f"a URL has at most {MAX_URL} characters")
    if not url.isascii() or not url.isprintable():
        raise Refused("a URL is printable ASCII; write a host name of other letters in its xn-- form")
    found = _URL.fullmatch(url)
    if found is None:
        raise Refused("not a URL that can be called: https://host/path, without user, fragment, spaces or backslashes")
    scheme, host, port_text, path, query = found.groups()
    if scheme == "http" and not rules.allow_http:
        raise Refused("https only (allow_http: true lifts this for a route)")
    if port_text is not None and (not _PORT.fullmatch(port_text) or int(port_text) > 65535):
        raise Refused("the port is no number between 1 and 65535")
    port = int(port_text) if port_text is not None else {"https": 443, "http": 80}[scheme]
    # 2. Its host: a name or a plainly written address.
    host = _host(host.lower(), rules)
    # 3. The list of hosts.
    if rules.hosts and not any(_listed(host, pattern.lower()) for pattern in rules.hosts):
        raise Refused(f"{host} is not among the route's hosts")
    return Target(scheme, host, port, (path or "/") + query, rules)


def _host(host: str, rules: Rules) -> str:
    if host.startswith("["):
        return str(_literal(host[1:-1], rules, version=6))
    labels = host.split(".")
    if _NUMERIC.fullmatch(labels[-1]):  # what ends in a number is an address to some readers
        return str(_literal(host, rules, version=4))
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise Refused("the host is no name of letters, digits and hyphens (no trailing dot, no underscore, no percent signs)")
    if host in _METADATA_NAMES:
        raise Refused(f"{host} is a metadata service")
    near = len(labels) == 1 or any(host.endswith(f".{suffix}") for suffix in _NEAR)
    if near and not rules.allow_private:
        raise Refused(f"{host} is a name of this machine or network (allow_private: true lifts this for a route)")
    return host


def _literal(text: str, rules: Rules, version: int) -> Address:
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        raise Refused("the host is neither a name nor an address in its usual form (four decimal numbers, or IPv6)") from error
    if address.version != version or str(address) != text or getattr(address, "scope_id", None) is not None:
        raise Refused("the address is not in its usual form, short and without a zone, or in the wrong place")
    check_address(address, rules)
    return address


def _listed(host: str, pattern: str) -> bool:
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


def check_address(address: Address, rules: Rules) -> None:
    """Raises Refused for an address that must not be called. An address that carries another one is judged by that too."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None or (int(address) >> 32 == 0 and int(address) > 1):
            raise Refused("an IPv4 address written as IPv6 is not called")
        if address in _TRANSLATED:
            check_address(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF), rules)
            return
    if address in _METADATA or any(address in network for network in _NEVER):
        raise Refused(f"{address} is a link-local, metadata, multicast or reserved address")
    public = address.is_global and (address.version == 4 or address in _UNICAST)
    if not rules.allow_private and (not public or any(address in network for network in _NOT_PUBLIC)):
        raise Refused(f"{address} is not a public address (allow_private: true lifts this for a route)")


def system_lookup(host: str, port: int) -> Sequence[str]:
    """Addresses of a name as the system resolves it."""
    found: list[Any] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def resolve(target: Target, lookup: Lookup = system_lookup) -> Sequence[str]:
    """The addresses to connect to, resolved this once. Raises Refused if any of them must not be called, Retry for none.

    One bad address among good ones refuses the name: whoever answers for it could choose the order.
    """
    if target.literal is not None:
        return [target.host]
    try:
        found = lookup(target.host, target.port)
    except (OSError, UnicodeError) as error:
        raise Retry(f"{target.host} could not be resolved") from error
    if not found:
        raise Retry(f"{target.host} has no address")
    for text in found:
        try:
            address = ipaddress.ip_address(text)
        except ValueError as error:
            raise Refused(f"{target.host} resolved to something that is no address") from error
        try:
            check_address(address, target.rules)
        except Refused as error:
            raise Refused(f"{target.host} resolves to an address that must not be called: {error}") from error
    return list(found)
