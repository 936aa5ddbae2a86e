"""Reading sets from folders, and what is refused on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.rules.problems import RulesError
from pipeline.rules.reader import MAX_FILE, builtin_mappings, read_set


@pytest.fixture
def folder(tmp_path: Path, annex: str, stopped: str) -> Path:
    root = tmp_path / "mine"
    (root / "aws" / "cloudtrail").mkdir(parents=True)
    (root / "profiles").mkdir()
    (root / "annex_a.yaml").write_text(annex)
    (root / "aws" / "cloudtrail" / "stopped.yaml").write_text(stopped)
    (root / "profiles" / "gcp.yaml").write_text("logsource: {product: gcp}")
    (root / "README.md").write_text("not a mapping")
    (root / ".git").mkdir()
    (root / ".git" / "x.yaml").write_text("hidden")
    return root


def test_a_folder_becomes_texts_by_path(folder: Path, annex: str, stopped: str) -> None:
    found = read_set([folder], {"admins": ["alice"]})
    assert found.annex == annex
    assert found.files == {"mine/aws/cloudtrail/stopped.yaml": stopped}
    assert found.profiles["mine/profiles/gcp.yaml"] == "logsource: {product: gcp}"
    assert found.lists == {"admins": ("alice",)}


def test_the_set_does_not_depend_on_where_it_lies(folder: Path, tmp_path: Path) -> None:
    before = read_set([folder]).digest
    (tmp_path / "elsewhere").mkdir()
    assert read_set([folder.rename(tmp_path / "elsewhere" / "mine")]).digest == before


def test_two_folders_of_one_name_stay_apart(folder: Path, tmp_path: Path, stopped: str) -> None:
    other = tmp_path / "other" / "mine"
    other.mkdir(parents=True)
    (other / "a.yml").write_text(stopped)
    assert set(read_set([folder, other]).files) == {"mine/aws/cloudtrail/stopped.yaml", "mine~2/a.yml"}


def test_the_profiles_of_the_product_are_always_there(folder: Path) -> None:
    builtin = read_set([builtin_mappings()]).profiles
    assert "control_mappings/profiles/gcp.audit.yaml" in builtin
    assert read_set([folder]).profiles == {**builtin, "mine/profiles/gcp.yaml": "logsource: {product: gcp}"}


def test_one_file_may_be_named(folder: Path, stopped: str) -> None:
    assert read_set([folder / "aws/cloudtrail/stopped.yaml"]).files == {"stopped.yaml": stopped}


def test_line_ends_and_marks_of_other_systems(folder: Path) -> None:
    (folder / "w.yaml").write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert read_set([folder]).files["mine/w.yaml"] == "a: 1\nb: 2\n"


def test_a_link_out_of_the_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_text("a: 1")
    (folder / "x.yaml").symlink_to(tmp_path / "secret.yaml")
    with pytest.raises(RulesError, match=r"x\.yaml: a link that leads out"):
        read_set([folder])


def test_a_linked_folder_out_of_the_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (folder / "sub").symlink_to(tmp_path / "outside", target_is_directory=True)
    with pytest.raises(RulesError, match="sub: a link that leads out"):
        read_set([folder])


def test_links_within_the_folder_are_taken_and_do_not_loop(folder: Path) -> None:
    (folder / "again").symlink_to(folder / "aws", target_is_directory=True)
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "same.yaml").symlink_to(folder / "aws/cloudtrail/stopped.yaml")
    assert set(read_set([folder]).files) == {"mine/aws/cloudtrail/stopped.yaml", "mine/same.yaml"}


def test_a_large_file_is_refused(folder: Path) -> None:
    (folder / "big.yaml").write_bytes(b"#" * MAX_FILE)
    read_set([folder])
    (folder / "big.yaml").write_bytes(b"#" * (MAX_FILE + 1))
    with pytest.raises(RulesError, match=r"big\.yaml: larger than"):
        read_set([folder])


def test_text_that_is_not_utf8_is_refused(folder: Path) -> None:
    (folder / "l.yaml").write_bytes(b"a: \xe9")
    with pytest.raises(RulesError, match=r"l\.yaml: not UTF-8"):
        read_set([folder])


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match="no such folder"):
        read_set([tmp_path / "nothing"])


def test_a_file_that_cannot_be_read_is_refused(folder: Path) -> None:
    (folder / "l.yaml").symlink_to(folder / "gone.yaml")
    with pytest.raises(RulesError, match=r"l\.yaml: cannot be read: No such file"):
        read_set([folder])


def test_a_second_catalogue_is_refused(folder: Path, tmp_path: Path, annex: str) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "annex_a.yaml").write_text(annex)
    with pytest.raises(RulesError, match="a second annex_a"):
        read_set([folder, tmp_path / "b"])


OVERLAY = "rules: {rules}\nmap:\n  - where: {{path: '*'}}\n    controls: [A.8.15]\n"


@pytest.fixture
def sigma(tmp_path: Path, third_party: str) -> Path:
    rules = tmp_path / "sigma" / "rules" / "cloud" / "aws"
    rules.mkdir(parents=True)
    (rules / "root.yml").write_text(third_party)
    return tmp_path / "sigma"


@pytest.mark.parametrize(
    ("rules", "below"),
    [
        ("../sigma/rules/cloud", "aws/root.yml"),
        ("../sigma/rules/**/*.yml", "cloud/aws/root.yml"),
        ("../sigma/rules/cloud/aws/root.yml", "root.yml"),
        ("[../sigma/rules/cloud, ../sigma/rules/cloud/aws]", "aws/root.yml"),
    ],
)
def test_an_overlay_brings_the_rules_it_names(folder: Path, sigma: Path, third_party: str, rules: str, below: str) -> None:
    (folder / "overlay.yaml").write_text(OVERLAY.format(rules=rules))
    found = read_set([folder])
    assert set(found.overlays) == {"mine/overlay.yaml"}
    assert found.overlay_rules == {"mine/overlay.yaml": {below: third_party}}


def test_rules_below_the_same_folder_are_not_read_twice(folder: Path, sigma: Path) -> None:
    sigma.rename(folder / "sigma")
    (folder / "overlay.yaml").write_text(OVERLAY.format(rules="sigma/rules"))
    found = read_set([folder])
    assert set(found.files) == {"mine/aws/cloudtrail/stopped.yaml"}
    assert set(found.overlay_rules["mine/overlay.yaml"]) == {"cloud/aws/root.yml"}


@pytest.mark.parametrize(
    ("rules", "words"), [("../nothing/*", "names no rule file"), ("5", "must name a folder"), ("[]", "must name")]
)
def test_an_overlay_without_rules_is_refused(folder: Path, rules: str, words: str) -> None:
    (folder / "overlay.yaml").write_text(OVERLAY.format(rules=rules))
    with pytest.raises(RulesError, match=rf"overlay\.yaml: .*{words}"):
        read_set([folder])
