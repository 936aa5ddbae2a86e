"""Files of the Statement of Applicability and the risk register: what is wrong is named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestream.errors import SettingsError
from attestream.stated_files import SoaRow, read_risk_file, read_soa_file, soa_csv
from store.errors import StoreError
from store.stated_views import SoaView
from store.statements import checked

CONTROLS = ("A.5.1", "A.7.4", "A.8.15")


def plain(text: str) -> bool:
    try:
        return checked(text, "text", needed=True) == text
    except StoreError:
        return False


texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\r"), min_size=1, max_size=40).filter(plain)


@given(
    rows=st.lists(
        st.tuples(
            st.booleans(),
            texts,
            texts,
            texts,
            st.lists(st.from_regex("[A-Za-z0-9][A-Za-z0-9._/-]{0,9}", fullmatch=True), unique=True),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_what_is_printed_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[bool, str, str, str, list[str]]]
) -> None:
    views = [SoaView(control, a, j, i, o, r) for control, (a, j, i, o, r) in zip(CONTROLS, rows, strict=False)]
    file = tmp_path_factory.mktemp("soa") / "soa.csv"
    file.write_bytes(soa_csv(views).encode())
    assert read_soa_file(file, CONTROLS) == [
        SoaRow(v.control, v.applicable, v.justification, v.implementation, v.owner, tuple(v.risks)) for v in views
    ]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("soa.csv", "controll,applicable\n", "soa.csv:1: unknown column 'controll'; did you mean 'control'"),
        ("soa.csv", "applicable,justification\n", "soa.csv:1: the header must name at least control"),
        (
            "soa.csv",
            "control,applicable,justification\nA.5.1,yes,x\nA.5.11,yes,x\n",
            "soa.csv:3: no control 'A.5.11'; did you mean",
        ),
        ("soa.csv", "control,applicable,justification\nA.5.1,perhaps,x\n", "soa.csv:2: applicable must be yes or no"),
        ("soa.csv", "control,applicable,justification\nA.7.4,no,\n", "soa.csv:2: justification: say it"),
        ("soa.csv", "control,applicable,justification\nA.7.4,no\n", "soa.csv:2: 2 cells, and 3 columns"),
        ("soa.csv", "control,applicable,justification\nA.7.4,no,x\nA.7.4,no,x\n", "A.7.4 is there twice"),
        ("soa.csv", "control,applicable,justification,risks\nA.7.4,no,x,R!\n", "'R!' is no id of a risk"),
        ("soa.csv", 'control,applicable,justification\nA.7.4,no,"x\n', "not valid CSV"),
        (
            "soa.yaml",
            "controls:\n  - {control: A.5.1, applicable: yes}\n  - {control: A.7.4, aplicable: no}\n",
            "soa.yaml:3: unknown",
        ),
        ("soa.yaml", "controls: {A.5.1: yes}\n", "must hold a list under controls:"),
        ("soa.yaml", "controls: [1]\n", "a row is a map"),
        ("soa.yaml", "controls: [\n", "not valid YAML"),
        ("soa.txt", "", "must be .csv or .yaml"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, name: str, content: str, says: str) -> None:
    file = tmp_path / name
    file.write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        read_soa_file(file, CONTROLS)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("risk,title,controls\nR 1,x,A.5.1\n", "'R 1' is no id of a risk"),
        ("risk,title,controls\nR-1,x,\n", "name at least one control"),
        ("risk,title,controls\nR-1,x,A.5.1 A.9.9\n", "register.csv:2: no control 'A.9.9'"),
        ("risk,title,controls\nR-1,,A.5.1\n", "register.csv:2: title"),
    ],
)
def test_what_is_wrong_with_a_register_is_named(tmp_path: Path, content: str, says: str) -> None:
    file = tmp_path / "register.csv"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        read_risk_file(file, CONTROLS)
    assert says in str(caught.value)


def test_a_file_that_is_missing_too_large_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        read_soa_file(tmp_path / "none.csv", CONTROLS)
    (tmp_path / "large.csv").write_bytes(b"x" * (4 << 20) + b"x")
    with pytest.raises(SettingsError, match="larger than"):
        read_soa_file(tmp_path / "large.csv", CONTROLS)
    (tmp_path / "latin.csv").write_bytes(b"control\n\xe4\n")
    with pytest.raises(SettingsError, match="not UTF-8"):
        read_soa_file(tmp_path / "latin.csv", CONTROLS)
