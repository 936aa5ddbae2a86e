"""Many networks at once find what each finds alone."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.rules.networks import NetworkIndex, address_of, inside
from pipeline.rules.values import Real

NETWORKS = [
    ip_network(text)
    for text in ("0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "::/0", "::ffff:0:0/96", "2001:db8::/32", "fe80::1/128")
]
TEXTS = st.one_of(
    st.ip_addresses().map(str),
    st.sampled_from(["10.1.2.3", "10.9.9.9", "::ffff:10.1.2.3", "fe80::1", "fe80::1%eth0", "010.1.2.3", "10.1.2", "x", "",
                     "1:2", " 10.1.2.3"]),
    st.text("0123456789.:abf%", max_size=20),
    st.sampled_from([None, True, 10, Real("10.1"), "1" * 100]),
)  # fmt: skip


@settings(deadline=None, max_examples=400)
@given(TEXTS)
def test_the_index_finds_the_networks_that_hold_an_address(value: object) -> None:
    index = NetworkIndex([(network, [number, number + 100]) for number, network in enumerate(NETWORKS)])
    found: set[int] = set()
    index.find(value, found)
    holding = {number for number, network in enumerate(NETWORKS) if inside(value, network)}
    assert found == holding | {number + 100 for number in holding}


def test_an_index_of_nothing_is_empty() -> None:
    assert not NetworkIndex([])
    assert NetworkIndex([(NETWORKS[0], [1])])


@pytest.mark.parametrize(
    ("text", "known"), [("10.1.2.3", True), ("10.1.2.300", False), ("::1", True), ("host", False), (Real("1.5"), False)]
)
def test_what_is_an_address(text: str, known: bool) -> None:
    assert (address_of(text) is not None) is known
