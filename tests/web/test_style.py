"""The style sheet: nothing from elsewhere, and every text can be read on its ground."""

from __future__ import annotations

import re

import pytest

from web.templating import HERE, STATIC

CSS = (STATIC / "style.css").read_text()
LIGHT, DARK = CSS.split("prefers-color-scheme: dark", 1)
TEXT_ON_GROUND = [
    ("ink", "paper"),
    ("ink", "sheet"),
    ("ink", "wash"),
    ("soft", "paper"),
    ("soft", "sheet"),
    ("soft", "wash"),
    ("good", "paper"),
    ("good", "good-wash"),
    ("bad", "paper"),
    ("bad", "wash"),
    ("bad", "bad-wash"),
    ("sheet", "bad"),
    ("late", "paper"),
    ("late", "late-wash"),
    ("none", "paper"),
    ("soft", "none-wash"),
    ("paper", "ink"),
    ("good", "sheet"),
    ("bad", "sheet"),
]


def tokens(text: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", text.split("}", 1)[0]))


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), TEXT_ON_GROUND)
def test_text_has_the_contrast_of_wcag_aa(scheme: str, text: str, ground: str) -> None:
    colours = tokens(scheme)
    assert contrast(colours[text], colours[ground]) >= 4.5


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_edges_of_fields_and_focus_can_be_seen(scheme: str) -> None:
    colours = tokens(scheme)
    assert contrast(colours["edge"], colours["paper"]) >= 3
    assert contrast(colours["focus"], colours["paper"]) >= 3


def test_dark_has_every_token_of_light() -> None:
    assert set(tokens(DARK)) == set(tokens(LIGHT))


def test_colours_are_named_once() -> None:
    rules = LIGHT.split("}", 1)[1] + DARK.split("}", 1)[1]
    assert not re.findall(r"#[0-9a-fA-F]{3,8}\b", rules)


def test_nothing_is_loaded_from_elsewhere() -> None:
    assert not re.findall(r"url\(|@import|@font-face|https?:", CSS)


def test_every_class_of_the_templates_is_styled_or_known() -> None:
    named = set()
    for template in (HERE / "templates").glob("*.html"):
        for value in re.findall(r'class="([^"{}]*)"', template.read_text()):
            named.update(value.split())
    styled = set(re.findall(r"\.([a-z][\w-]*)", CSS))
    assert named - styled <= {"checks", "crumb"}
