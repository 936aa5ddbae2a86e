"""What is no answer of AWS's is told from an empty one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.aws_answers import NoAnswer, check

HTML = (
    b"<html><body>Sign in</body></html>",
    b"<!DOCTYPE html>\n<html></html>",
    b"\xef\xbb\xbf \n<HTML>",
    b"<?xml version='1.0'?>\n<!-- a -->\n<html xmlns='x'/>",
)
PROTOCOLS = ("query", "ec2", "json", "rest-json", "rest-xml")


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("body", HTML)
def test_a_page_is_no_answer(protocol: str, body: bytes) -> None:
    with pytest.raises(NoAnswer):
        check(body, protocol, "ListUsers")
    with pytest.raises(NoAnswer):
        check(body, protocol, "GetBucketPolicy", raw=True)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("body", [b"", b"   ", b"Bad gateway", b"<", b"<!"])
def test_neither_is_nothing_or_plain_text(protocol: str, body: bytes) -> None:
    with pytest.raises(NoAnswer):
        check(body, protocol, "ListUsers")


@pytest.mark.parametrize("body", [b"<ListUsersResponse/>", b"<?xml version='1.0'?>\n<a:ListUsersResponse xmlns:a='b'>"])
def test_an_answer_is_known_by_its_frame(body: bytes) -> None:
    check(body, "query", "ListUsers")
    with pytest.raises(NoAnswer):
        check(body, "query", "ListRoles")


@pytest.mark.parametrize("body", [b"[]", b"null", b'"text"', b"1", b'{"a": 1', b'{"a": 1}}', b"\xff{}"])
def test_json_services_answer_with_an_object(body: bytes) -> None:
    with pytest.raises(NoAnswer):
        check(body, "json", "DescribeTrails")


@given(st.dictionaries(st.text(), st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5), max_size=5))
def test_every_object_is_an_answer(value: dict[str, object]) -> None:
    check(json.dumps(value).encode(), "json", "DescribeTrails")


@given(st.binary(max_size=200), st.sampled_from(PROTOCOLS))
def test_no_bytes_do_more_than_be_refused(body: bytes, protocol: str) -> None:
    try:
        check(body, protocol, "ListUsers")
    except NoAnswer:
        assert not body.lstrip().startswith(b"<ListUsersResponse>")


def test_a_text_of_somebody_s_own_may_be_anything_but_a_page() -> None:
    check(b'{"Version": "2012-10-17"}', "rest-xml", "GetBucketPolicy", raw=True)
    check(b"", "rest-xml", "GetBucketPolicy", raw=True)
