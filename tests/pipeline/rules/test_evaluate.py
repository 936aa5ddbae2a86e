"""Field semantics, one line each: a selection, an event, whether it holds."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable

import pytest

Holds = Callable[..., bool]

CASES = [
    # Text: without case, whole value.
    ("a: Root", '{"a": "rOOT"}', True),
    ("a: Root", '{"a": "Roots"}', False),
    ("a: Größe", '{"a": "GRÖSSE"}', False),  # ß stays one character
    ("a: GRÖßE", '{"a": "größe"}', True),
    ("a: ΟΔΟΣ", '{"a": "οδος"}', True),
    ("a|cased: Root", '{"a": "root"}', False),
    ("a|cased: Root", '{"a": "Root"}', True),
    ("a|contains|cased: oo", '{"a": "ROOT"}', False),
    ("a|cased|contains: oo", '{"a": "Root"}', True),
    ("a: ''", '{"a": ""}', True),
    ("a: ''", '{"a": null}', False),
    ("a: ''", "{}", False),
    # Wildcards and escapes.
    ("a: s3:*", '{"a": "S3:GetObject"}', True),
    ("a: s3:*", '{"a": "ec2:Run"}', False),
    ("a: '*Object'", '{"a": "s3:GetObject"}', True),
    ("a: 's?:*ect'", '{"a": "s3:GetObject"}', True),
    ("a: 's??:*'", '{"a": "s3:GetObject"}', False),
    ("a: '*'", '{"a": ""}', True),
    ("a: '*'", '{"a": null}', False),
    ("a: '?'", '{"a": "ö"}', True),
    ("a: '*\\**'", '{"a": "x*y"}', True),
    ("a: '*\\**'", '{"a": "xy"}', False),
    ("a: 'what\\?'", '{"a": "what?"}', True),
    ("a: 'what\\?'", '{"a": "whats"}', False),
    ("a: 'C:\\Windows'", '{"a": "c:\\\\windows"}', True),
    ("a: 'C:\\\\*'", '{"a": "c:\\\\windows"}', True),
    ("a: 'x*y'", '{"a": "x\\n\\ny"}', True),
    ("a: '*aa*a'", '{"a": "aa"}', False),
    # Lists mean any, |all means all.
    ("a: [x, y]", '{"a": "y"}', True),
    ("a: [x, y]", '{"a": "z"}', False),
    ("a|contains|all: [x, y]", '{"a": "yx"}', True),
    ("a|contains|all: [x, y]", '{"a": "x"}', False),
    ("a|all: [x, y]", '{"a": ["x", "y"]}', True),
    ("a: [x, null]", "{}", True),
    ("a: [x, '5', 7]", '{"a": 7}', True),
    # Positions.
    ("a|contains: mid", '{"a": "a MID b"}', True),
    ("a|contains: m*d", '{"a": "a mxxd b"}', True),
    ("a|startswith: Del", '{"a": "deleteTrail"}', True),
    ("a|startswith: Del", '{"a": "xDel"}', False),
    ("a|endswith: .zip", '{"a": "A.ZIP"}', True),
    ("a|endswith: .zip", '{"a": "a.zip.txt"}', False),
    ("a|contains: 444", '{"a": "port 4444"}', True),
    # Numbers equal their text; digits beyond 2^53 are exact; a boolean is none.
    ("a: 5", '{"a": "5"}', True),
    ("a: '5'", '{"a": 5}', True),
    ("a: 5", '{"a": 5.0}', True),
    ("a: '5'", '{"a": 5.0}', True),
    ("a: 5.0", '{"a": 5}', True),
    ("a: 5", '{"a": "5.0"}', True),
    ("a: '5.0'", '{"a": "5"}', False),
    ("a: 1.10", '{"a": "1.1"}', True),
    ("a: '1.10'", '{"a": "1.1"}', False),
    ("a: '1.10'", '{"a": 1.10}', True),
    ("a: 1", '{"a": true}', False),
    ("a: '1*'", '{"a": 100}', True),
    ("a: '1e3'", '{"a": 1000}', True),
    ("a: 1000", '{"a": 1e3}', True),
    ("a: 0", '{"a": -0.0}', True),
    ("a: 7", '{"a": "007"}', False),
    ("a: 012345670123", '{"a": "012345670123"}', True),
    ("a: 9007199254740993", '{"a": 9007199254740993}', True),
    ("a: 9007199254740993", '{"a": 9007199254740992}', False),
    ("a: 9007199254740993", '{"a": "9007199254740993"}', True),
    ("a: '9007199254740993'", '{"a": 9007199254740993}', True),
    ("a: '9007199254740993'", '{"a": 9007199254740992}', False),
    ("a: 123456789012345678901234567890", '{"a": 123456789012345678901234567890}', True),
    ("a: 0.1234567890123456789", '{"a": 0.1234567890123456789}', True),
    ("a: 0.1234567890123456789", '{"a": 0.1234567890123456780}', False),
    ("a|gt: 9007199254740992", '{"a": 9007199254740993}', True),
    ("a|gt: 9007199254740993", '{"a": 9007199254740993}', False),
    ("a|gt: 5", '{"a": 1e999999}', True),
    ("a|gt: 5", '{"a": 1e99999999999999999999}', False),
    # Booleans and their text.
    ("a: true", '{"a": true}', True),
    ("a: true", '{"a": "True"}', True),
    ("a: 'false'", '{"a": false}', True),
    ("a: false", '{"a": null}', False),
    ("a: false", '{"a": 0}', False),
    # Comparisons.
    ("a|gt: 5", '{"a": 6}', True),
    ("a|gt: 5", '{"a": 5}', False),
    ("a|gte: 5", '{"a": "5"}', True),
    ("a|lt: 5", '{"a": 4.9}', True),
    ("a|lte: 5", '{"a": 5.1}', False),
    ("a|lt: 5", '{"a": "four"}', False),
    ("a|lt: 5", '{"a": null}', False),
    ("a|lt: 5", "{}", False),
    ("a|gt: 0", '{"a": true}', False),
    ("a|gt: 5", '{"a": [1, 7]}', True),
    # Null and exists.
    ("a: null", "{}", True),
    ("a: null", '{"a": null}', True),
    ("a: null", '{"a": ""}', False),
    ("a: null", '{"a": []}', False),
    ("a: null", '{"a": [1, null]}', True),
    ("a.b: null", '{"a": "text"}', True),
    ("a|exists: true", '{"a": null}', True),
    ("a|exists: true", '{"a": []}', True),
    ("a|exists: true", '{"a": {}}', True),
    ("a|exists: true", "{}", False),
    ("a|exists: false", "{}", True),
    ("a|exists: false", '{"a": null}', False),
    ("a|contains: u", '{"a": null}', False),
    ("a|re: '.*'", '{"a": null}', False),
    ("a|neq: x", "{}", True),
    ("a|neq: x", '{"a": "X"}', False),
    ("a|neq: [x, y]", '{"a": "y"}', False),
    ("a|neq: [x, y]", '{"a": "z"}', True),
    ("a|neq: null", '{"a": 1}', True),
    ("a|neq: null", "{}", False),
    ("a|contains|neq: x", '{"a": "axb"}', False),
    # Regular expressions: case counts unless |i; found anywhere.
    ("a|re: 'st[ao]p'", '{"a": "xstopx"}', True),
    ("a|re: '^st[ao]p$'", '{"a": "xstopx"}', False),
    ("a|re: 'STOP'", '{"a": "stop"}', False),
    ("a|re|i: 'STOP'", '{"a": "stop"}', True),
    ("a|re: '^b'", '{"a": "a\\nb"}', False),
    ("a|re|m: '^b'", '{"a": "a\\nb"}', True),
    ("a|re: 'a.b'", '{"a": "a\\nb"}', False),
    ("a|re|s: 'a.b'", '{"a": "a\\nb"}', True),
    ("a|re|i|m|s: '^B.C'", '{"a": "a\\nb\\nc"}', True),
    ("a|re: '^4\\d+$'", '{"a": 4624}', True),
    ("a|re: 'a\\*b\\\\c'", '{"a": "a*b\\\\c"}', True),
    ("a|re: ['x', 'y']", '{"a": "y"}', True),
    ("a|re|startswith: 'b|c'", '{"a": "abc"}', False),
    ("a|re|startswith: 'b|a'", '{"a": "abc"}', True),
    ("a|re|endswith: 'b|c'", '{"a": "abcd"}', False),
    ("a|re|contains: 'b'", '{"a": "abc"}', True),
    ("a|re: 'x'", '{"a": "\\ud800x"}', True),
    # Networks.
    ("a|cidr: 10.0.0.0/8", '{"a": "10.1.2.3"}', True),
    ("a|cidr: 10.0.0.0/8", '{"a": "11.1.2.3"}', False),
    ("a|cidr: 2001:db8::/32", '{"a": "2001:DB8:0::1"}', True),
    ("a|cidr: 2001:db8::/32", '{"a": "2001:db9::1"}', False),
    ("a|cidr: 2001:db8::/32", '{"a": "10.0.0.1"}', False),
    ("a|cidr: 10.0.0.0/8", '{"a": "::ffff:10.0.0.1"}', True),
    ("a|cidr: 0.0.0.0/0", '{"a": "cloudtrail.amazonaws.com"}', False),
    ("a|cidr: 0.0.0.0/0", '{"a": 5}', False),
    ("a|cidr: [192.168.0.0/16, 10.0.0.0/8]", '{"a": "10.0.0.1"}', True),
    # Other fields.
    ("a|fieldref: b", '{"a": "x", "b": "X"}', True),
    ("a|fieldref|cased: b", '{"a": "x", "b": "X"}', None),
    ("a|cased|fieldref: b", '{"a": "x", "b": "X"}', False),
    ("a|fieldref: b", '{"a": "x", "b": "x*"}', False),
    ("a|fieldref: b", '{"a": "xy", "b": "x"}', False),
    ("a|fieldref: b", '{"a": 5, "b": "5"}', True),
    ("a|fieldref: b", "{}", False),
    ("a|fieldref: b", '{"a": null, "b": null}', False),
    ("a|fieldref: b.c", '{"a": ["x", "y"], "b": {"c": ["z", "y"]}}', True),
    ("a|fieldref|startswith: b", '{"a": "xy", "b": "X"}', True),
    ("a|fieldref|endswith: b", '{"a": "xy", "b": "x"}', False),
    # Dashes.
    ("a|windash|contains: ' -foo'", '{"a": "x /foo"}', True),
    ("a|windash|contains: ' -foo'", '{"a": "x \\u2013foo"}', True),
    ("a|windash|contains: ' -foo'", '{"a": "x \\u2015FOO"}', True),
    ("a|windash|contains: ' -foo'", '{"a": "x +foo"}', False),
    ("a|windash|contains|all: [' -a', ' -b']", '{"a": "x /a -b"}', True),
    ("a|windash|contains|all: [' -a', ' -b']", '{"a": "x /a"}', False),
    # Parts of a time, in UTC.
    ("t|minute: 5", '{"t": "2023-07-10T23:05:09Z"}', True),
    ("t|hour: 23", '{"t": "2023-07-10T23:05:09Z"}', True),
    ("t|hour: 23", '{"t": "2023-07-11T01:05:09+02:00"}', True),
    ("t|day: 10", '{"t": "2023-07-10T23:05:09.123456789Z"}', True),
    ("t|week: 28", '{"t": "2023-07-10"}', True),
    ("t|month: 7", '{"t": "2023-07-10 23:05:09"}', True),
    ("t|year: 2023", '{"t": 1689030309}', True),
    ("t|year: 2023", '{"t": 1689030309123}', True),
    ("t|hour: [22, 23]", '{"t": "2023-07-10T23:05:09Z"}', True),
    ("t|hour|gte: 20", '{"t": "2023-07-10T23:05:09Z"}', True),
    ("t|hour|lt: 20", '{"t": "2023-07-10T23:05:09Z"}', False),
    ("t|hour: 23", '{"t": "soon"}', False),
    ("t|hour: 23", '{"t": "2023-99-99T23:05:09Z"}', False),
    ("t|hour: 0", '{"t": null}', False),
    # Lists in the event, of objects too.
    ("a: x", '{"a": ["y", "X"]}', True),
    ("a: x", '{"a": [["y"], ["x"]]}', True),
    ("a.b: x", '{"a": [{"b": "y"}, {"b": "x"}]}', True),
    ("a.b.c: x", '{"a": [{"b": [{"c": "y"}]}, {"b": [{"c": ["x"]}]}]}', True),
    ("a.b: x", '{"a": [{"c": "x"}, 5]}', False),
    ("a.b: null", '{"a": [{"b": 1}, {"c": 1}]}', True),
    ("a.b: null", '{"a": [{"b": 1}]}', False),
    ("a.b: null", '{"a": []}', True),
    ("a.b|exists: true", '{"a": [{"c": 1}, {"b": null}]}', True),
    ("a.b|exists: false", '{"a": [{"c": 1}, {"b": null}]}', False),
    ("a: x", '{"a": {"x": "x"}}', False),
    # Keys with dots of their own.
    ("a.b: x", '{"a.b": "x"}', True),
    ("labels.authorization.k8s.io/decision: allow", '{"labels": {"authorization.k8s.io/decision": "allow"}}', True),
    ("a.b: x", '{"a": {"c": 1}, "a.b": "x"}', True),
    ("a.b: y", '{"a": {"b": "x"}, "a.b": "y"}', False),
    ("A: x", '{"a": "x"}', False),
    # Keywords: part of any value, however deep; keys are no values.
    ("[needle]", '{"a": [{"b": "hayNEEDLEhay"}]}', True),
    ("[needle]", '{"needle": 1}', False),
    ("needle", '{"a": "a needle"}', True),
    ("[one, two]", '{"a": "two"}', True),
    ("'|all': [one, two]", '{"a": "one", "b": {"c": "two"}}', True),
    ("'|all': [one, two]", '{"a": "one"}', False),
    ("['n*le']", '{"a": "a needle in"}', True),
    ("[4624]", '{"a": {"EventID": 4624}}', True),
    ("['462']", '{"a": {"EventID": 4624}}', True),
    ("'|re': 'n[e]+dle'", '{"a": "a needle"}', True),
    ("'|startswith': needle", '{"a": "a needle"}', False),
    ("'|cased': Needle", '{"a": "needle"}', False),
    ("'|cidr': 10.0.0.0/8", '{"a": {"b": "10.0.0.1"}}', True),
    # Maps: all must hold; lists of maps: any.
    ("{a: 1, b: 2}", '{"a": 1, "b": 2}', True),
    ("{a: 1, b: 2}", '{"a": 1}', False),
    ("[{a: 1}, {b: 2}]", '{"b": 2}', True),
    ("[{a: 1}, {b: 2, c: 3}]", '{"b": 2}', False),
    ("[{a: 1}, word]", '{"b": "a word"}', True),
]


@pytest.mark.parametrize(("selection", "payload", "expected"), CASES)
def test_field_semantics(holds: Holds, selection: str, payload: str, expected: bool | None) -> None:
    if expected is None:
        with pytest.raises(Exception, match="incompatible"):
            holds(selection, payload)
    else:
        assert holds(selection, payload) is expected


def b64(data: bytes) -> str:
    return b64encode(data).decode()


@pytest.mark.parametrize("text", ["foobar", "abc", "größer", "http://", "☃ snow"])
@pytest.mark.parametrize(
    ("modifiers", "charset", "mark"),
    [
        ("", "utf-8", b""),
        ("wide|", "utf-16-le", b""),
        ("utf16le|", "utf-16-le", b""),
        ("utf16be|", "utf-16-be", b""),
        ("utf16|", "utf-16-le", b"\xff\xfe"),
    ],
)
def test_base64(holds: Holds, text: str, modifiers: str, charset: str, mark: bytes) -> None:
    data = mark + text.encode(charset)
    whole = {"a": b64(data)}
    assert holds(f"a|{modifiers}base64: '{text}'", whole)
    assert not holds(f"a|{modifiers}base64: '{text}!'", whole)
    for offset in range(5):
        around = {"a": "x" + b64(b"z" * offset * 3 + b"z" * (offset % 3) + data + b"more")}
        assert holds(f"a|{modifiers}base64offset|contains: '{text}'", around)
    assert not holds(f"a|{modifiers}base64offset|contains: '{text}'", {"a": b64(b"zzzzzzzzzzzz")})


def test_wide_alone_has_a_nul_after_each_letter(holds: Holds) -> None:
    assert holds("a|wide|contains: ab", {"a": "xa\0b\0"})
    assert not holds("a|wide|contains: ab", {"a": "xab"})
    assert holds("a|utf16le: ab", {"a": "a\0b\0"})
    assert holds("a|utf16be: ab", {"a": "\0a\0b"})


def test_escaped_wildcards_are_encoded_as_themselves(holds: Holds) -> None:
    assert holds("a|base64: 'a\\*b'", {"a": b64(b"a*b")})


EXPAND = {"admins": ("alice", "ops-*"), "nets": ("10.0.0.0/8", "2001:db8::/32"), "odd": ("a.b",)}


@pytest.mark.parametrize(
    ("selection", "payload", "expected"),
    [
        ("a|expand: '%admins%'", {"a": "Alice"}, True),
        ("a|expand: '%admins%'", {"a": "ops-7"}, True),
        ("a|expand: '%admins%'", {"a": "bob"}, False),
        ("a|expand: 'user/%admins%'", {"a": "user/alice"}, True),
        ("a|expand|endswith: '/%admins%'", {"a": "arn:user/alice"}, True),
        ("a|contains|expand: '%admins%'", {"a": "xalicex"}, True),
        ("a|cidr|expand: '%nets%'", {"a": "10.2.3.4"}, True),
        ("a|expand|cidr: ['%nets%', 192.168.0.0/16]", {"a": "192.168.0.1"}, True),
        ("a|re|expand: '^x-%odd%$'", {"a": "x-a.b"}, True),
        ("a|re|expand: '^x-%odd%$'", {"a": "x-acb"}, False),
        ("a|expand: '%admins%@%odd%'", {"a": "alice@a.b"}, True),
        ("a|expand: 50%", {"a": "50%"}, True),
        ("a: '%admins%'", {"a": "%admins%"}, True),
        ("'|expand': '%admins%'", {"a": "about alice here"}, True),
    ],
)
def test_placeholders(holds: Holds, selection: str, payload: object, expected: bool) -> None:
    assert holds(selection, payload, EXPAND) is expected


def test_numbers_of_thousands_of_digits(holds: Holds) -> None:
    many = "9" * 5000
    assert holds("a|gt: 5", f'{{"a": {many}}}')
    assert holds("a|startswith: '999'", f'{{"a": {many}}}')
    assert not holds("a: 9", f'{{"a": {many}}}')


@pytest.mark.parametrize(
    ("selection", "payload", "expected"),
    [
        (
            "{eventName: StopLogging, errorCode: null}",
            {"eventName": "StopLogging"},
            "eventName = StopLogging; errorCode is absent",
        ),
        ("{a|contains: x, b|exists: true}", {"a": "axb", "b": {}}, "a = axb; b is there"),
        ("a|neq: y", {"a": "x"}, "a = x, not y"),
        ("a|neq: y", {}, "a is absent"),
        ("a: null", {"a": None}, "a is null"),
        ("a.b: x", {"a": [{"b": "w"}, {"b": "X"}]}, "a.b = X"),
        ("[{a: 1}, {b: 2}]", {"a": 1, "b": 2}, "a = 1"),
        ("[word]", {"k": "a word"}, "a value fits *word*: a word"),
        ("a|fieldref: b", {"a": "x", "b": "x"}, "a = x, like the value of b"),
        ("a: '*'", {"a": "evil\x1b[31m\n\u202e"}, "a = evil\\x1b[31m\\n\\u202e"),
    ],
)
def test_reason_names_the_atoms_that_held(
    reason: Callable[[str, object], str], selection: str, payload: object, expected: str
) -> None:
    assert reason(selection, payload) == expected


def test_reason_cuts_long_values(reason: Callable[[str, object], str]) -> None:
    assert reason("a: x*", {"a": "x" * 5000}) == "a = " + "x" * 119 + "…"


def test_reason_of_a_filter_says_what_was_there(reason: Callable[[str, object], str]) -> None:
    selection = "{s: {type: Root}, f: {eventType: [AwsServiceEvent, Other]}, condition: s and not f}"
    assert reason(selection, {"type": "Root", "eventType": "AwsApiCall"}) == (
        "type = Root; eventType = AwsApiCall, not AwsServiceEvent or Other"
    )
