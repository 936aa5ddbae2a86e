"""alerts/guard.py: which URLs and addresses may be called."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.base import Refused, Retry
from alerts.guard import Rules, check_address, check_url, resolve

OPEN = Rules(allow_private=True, allow_http=True)

FORM = [
    "", "https", "https:", "https:/", "https://", "https:///", "https:///path", "//hooks.example.org/", "hooks.example.org",
    "ftp://hooks.example.org/", "file:///etc/passwd", "gopher://hooks.example.org/", "HTTPS://hooks.example.org/",
    "javascript:alert(1)", "https:hooks.example.org", "https:\\\\hooks.example.org\\", "https://hooks.example.org\\@evil.test/",
    "https://user@hooks.example.org/", "https://user:pass@hooks.example.org/", "https://hooks.example.org@127.0.0.1/",
    "https://hooks.example.org:@127.0.0.1/", "https://hooks.example.org#@127.0.0.1/", "https://hooks.example.org/#fragment",
    "https://hooks.example.org/a b", "https://hooks.example.org/\t", "https://hooks.example.org/\r\nHost: evil", " https://hooks.example.org/",
    "https://hooks.example.org/\x00", "https://hooks.example.org./", "https://hooks..example.org/", "https://.example.org/",
    "https://hooks_x.example.org/", "https://-hooks.example.org/", "https://hooks%2eexample%2eorg/", "https://%31%32%37.0.0.1/",
    "https://hooks.example.org:0/", "https://hooks.example.org:65536/", "https://hooks.example.org:0443/", "https://hooks.example.org:/",
    "https://hooks.example.org:443a/", "https://hooks.example.org:-1/", "https://hooks.example.org:443:80/", "https://hooks.example.org/%zz",
    "https://hööks.example.org/", "https://ｈooks.example.org/", "https://１２７.0.0.1/", "https://①②⑦.⓪.⓪.①/", "https://127。0。0。1/",
    "https://hooks.example.org/" + "a" * 2048, "https://" + "a" * 64 + ".example.org/", "https://hooks.example.org/<script>",
    "https://[::1", "https://::1/", "https://[127.0.0.1]/x", "https://[hooks.example.org]/", "https://[]/", "https://[::1]evil/",
]  # fmt: skip

ODD_ADDRESSES = [
    "https://2130706433/", "https://0x7f000001/", "https://0x7f.0.0.1/", "https://0177.0.0.1/", "https://127.1/", "https://127.0.1/",
    "https://127.000.000.001/", "https://017700000001/", "https://0x7f.1/", "https://8.8.8.08/", "https://8.8.2056/", "https://134744072/",
    "https://1.2.3.4.5/", "https://256.1.1.1/", "https://8.8.8.8./", "https://hooks.example.0x7f/", "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:8.8.8.8]/", "https://[::ffff:7f00:1]/", "https://[::127.0.0.1]/", "https://[0:0:0:0:0:0:0:1]/",
    "https://[2606:4700:0:0:0:0:0:1111]/", "https://[fe80::1%25eth0]/", "https://[fe80::1%eth0]/", "https://[2606:4700::1111%1]/",
]  # fmt: skip

NEAR = [
    "https://127.0.0.1/", "https://127.8.8.8/", "https://10.0.0.1/", "https://172.16.0.1/", "https://172.31.255.255/", "https://192.168.1.1/",
    "https://100.64.0.1/", "https://192.0.2.1/", "https://198.18.0.1/", "https://203.0.113.9/", "https://[::1]/", "https://[fd12::1]/",
    "https://[fc00::1]/", "https://[2001:db8::1]/", "https://[2002:7f00:1::]/", "https://[2001::1]/", "https://localhost/", "https://intranet/",
    "https://printer.local/", "https://db.internal/", "https://x.localhost/", "https://nas.home.arpa/", "http://hooks.example.org/",
]  # fmt: skip

NEVER = [
    "https://169.254.169.254/latest/meta-data/", "https://169.254.170.2/", "https://169.254.1.1/", "https://100.100.100.200/",
    "https://168.63.129.16/", "https://192.0.0.192/", "https://[fd00:ec2::254]/", "https://[fe80::1]/", "https://[fd20:ce::254]/",
    "https://metadata.google.internal/", "https://metadata/", "https://instance-data/", "https://0.0.0.0/", "https://[::]/",
    "https://224.0.0.1/", "https://255.255.255.255/", "https://240.0.0.1/", "https://[ff02::1]/", "https://[64:ff9b::a9fe:a9fe]/",
]  # fmt: skip


@pytest.mark.parametrize("url", [*FORM, *ODD_ADDRESSES, *NEAR, *NEVER])
def test_hostile_urls_are_refused(url: str) -> None:
    with pytest.raises(Refused):
        check_url(url, Rules())


@pytest.mark.parametrize("url", [*FORM, *ODD_ADDRESSES, *NEVER])
def test_no_setting_of_a_route_lets_these_pass(url: str) -> None:
    with pytest.raises(Refused):
        check_url(url, OPEN)


@pytest.mark.parametrize("url", NEAR)
def test_what_is_near_may_be_allowed_for_a_route(url: str) -> None:
    assert check_url(url, OPEN).path == "/"


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("https://hooks.example.org", "hooks.example.org", 443, "/"),
        ("https://Hooks.Example.ORG:8443/a/b%20c?d=e&f", "hooks.example.org", 8443, "/a/b%20c?d=e&f"),
        ("https://xn--hks-sna0g.example.org/services/T0/B0/x@y:z", "xn--hks-sna0g.example.org", 443, "/services/T0/B0/x@y:z"),
        ("https://8.8.8.8/", "8.8.8.8", 443, "/"),
        ("https://[2606:4700::1111]:9443/x", "2606:4700::1111", 9443, "/x"),
        ("https://hooks.example.org?q", "hooks.example.org", 443, "/?q"),
    ],
)
def test_usual_urls_pass(url: str, host: str, port: int, path: str) -> None:
    target = check_url(url, Rules())
    assert (target.host, target.port, target.path) == (host, port, path)


@pytest.mark.parametrize(
    ("host", "passes"),
    [
        ("hooks.example.org", True),
        ("a.b.example.net", True),
        ("example.net", False),
        ("evil-example.net", False),
        ("hooks.example.org.evil.test", False),
        ("8.8.8.8", False),
    ],
)
def test_only_listed_hosts_pass(host: str, passes: bool) -> None:
    rules = Rules(hosts=("Hooks.example.org", "*.example.net"))
    if passes:
        assert check_url(f"https://{host}/", rules).host == host
    else:
        with pytest.raises(Refused, match="among"):
            check_url(f"https://{host}/", rules)


def test_a_name_is_refused_for_any_bad_address_and_asked_for_once() -> None:
    asked = []

    def lookup(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["93.184.216.34", "10.0.0.7"]

    with pytest.raises(Refused, match=r"10\.0\.0\.7"):
        resolve(check_url("https://hooks.example.org/", Rules()), lookup)
    assert asked == [("hooks.example.org", 443)]


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "127.0.0.1", "::1", "::ffff:10.0.0.1", "fe80::1%eth0", "not an address", "64:ff9b::7f00:1"]
)
def test_what_a_name_may_not_resolve_to(address: str) -> None:
    with pytest.raises(Refused):
        resolve(check_url("https://hooks.example.org/", Rules()), lambda *_: [address])


def test_public_addresses_of_both_kinds_and_translated_ones_pass() -> None:
    found = ["93.184.216.34", "2606:4700::1111", "64:ff9b::5db8:d822"]
    assert resolve(check_url("https://hooks.example.org/", Rules()), lambda *_: found) == found


def test_a_name_that_cannot_be_resolved_is_tried_again() -> None:
    def lookup(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    with pytest.raises(Retry, match=r"hooks\.example\.org could not be resolved"):
        resolve(check_url("https://hooks.example.org/", Rules()), lookup)
    with pytest.raises(Retry):
        resolve(check_url("https://hooks.example.org/", Rules()), lambda *_: [])


def test_no_error_repeats_the_path_of_a_url() -> None:
    for url in (
        "http://hooks.example.org/s3cr3t",
        "https://u:s3cr3t@h.example.org/",
        "https://10.0.0.1/s3cr3t",
        "https://h.example.org/s3cr3t#x",
    ):
        with pytest.raises(Refused) as refused:
            check_url(url, Rules())
        assert "s3cr3t" not in str(refused.value)


@given(st.ip_addresses())
def test_an_address_that_passes_is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    try:
        check_address(address, Rules())
    except Refused:
        return
    inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in ipaddress.ip_network("64:ff9b::/96") else address
    assert inner.is_global
    bad = ("is_private", "is_loopback", "is_link_local", "is_multicast", "is_reserved", "is_unspecified")
    assert not any(getattr(inner, name) for name in bad)


@given(st.text(max_size=60))
def test_any_text_passes_or_is_refused(text: str) -> None:
    for url in (text, f"https://{text}", f"https://{text}/"):
        try:
            target = check_url(url, Rules())
        except Refused:
            continue
        assert url.lower().startswith(f"https://{target.host}") or f"[{target.host}]" in url.lower()
