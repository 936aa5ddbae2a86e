"""Safe YAML: plain values, lines, limits."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.rules.values import Real
from pipeline.rules.yamldoc import MAX_DEPTH, YamlError, read_documents


def one(text: str) -> object:
    return read_documents(text)[0].data


def test_scalars_keep_what_the_author_wrote() -> None:
    text = "[~, yes, 'yes', 5, -7, 012, 1:30, 0x1F, 2026-01-02, 1.50, 1e3, .inf, 9007199254740993, !!str 5]"
    assert one(text) == [
        None,
        True,
        "yes",
        5,
        -7,
        "012",
        "1:30",
        "0x1F",
        "2026-01-02",
        "1.50",
        "1e3",
        ".inf",
        9007199254740993,
        "5",
    ]
    assert isinstance(one("[1.50]")[0], Real)  # type: ignore[index]


def test_lines_of_keys_and_elements() -> None:
    document = read_documents("a:\n  b:\n    - x\n    - c: 1\n      d: 2\n---\ne: 1\n")
    assert [each.data for each in document] == [{"a": {"b": ["x", {"c": 1, "d": 2}]}}, {"e": 1}]
    assert document[0].line_of(("a", "b", 1, "d")) == 5
    assert document[0].line_of(("a", "b", 0)) == 3
    assert document[0].line_of(("a", "nothing", "there")) == 1
    assert document[1].line_of(("e",)) == 7


def test_aliases_are_shared_values() -> None:
    assert one("a: &x [1, 2]\nb: *x\n") == {"a": [1, 2], "b": [1, 2]}


BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: [1, 2", 1, "not valid YAML"),
        ("a: 1\nb: 2\na: 3\n", 3, "twice"),
        ("a: 1\nb: !!python/object:os.system x\n", 2, "not allowed"),
        ("a: &x [*x]\n", 1, "ends before it"),
        ("a: *nothing\n", 1, "ends before it"),
        ("base: &b {x: 1}\nc:\n  <<: *b\n", 3, "merge keys"),
        ("? [a]\n: 1\n", 1, "plain text"),
        ("[" * 80 + "]" * 80, 1, "deeper"),
        (BOMB, 6, "aliases expanded"),
        ("a: \x00", 1, "not valid YAML"),
    ],
)
def test_refused_with_the_line(text: str, line: int, words: str) -> None:
    with pytest.raises(YamlError, match=words) as caught:
        read_documents(text)
    assert caught.value.line == line


def test_depth_at_the_limit_is_taken() -> None:
    text = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert json.dumps(one(text)).count("[") == MAX_DEPTH


@settings(deadline=None)
@given(st.text(alphabet="ab:-[]{}*&!|>'\"#%@, \n\t?<~0.1", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        documents = read_documents(text)
    except YamlError as error:
        documents, lines = [], [error.line]
    else:
        lines = [line for document in documents for line in document.lines.values()]
    assert all(document.data is not None for document in documents)
    assert all(1 <= line <= text.count("\n") + 1 for line in lines)


WORDS = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=8)


@settings(deadline=None)
@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), WORDS),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3)),
        max_leaves=10,
    ).filter(lambda value: value is not None)
)
def test_json_reads_as_itself(value: object) -> None:
    # JSON as json writes it is YAML: escapes and all.
    assert one(json.dumps(value)) == value
