"""Why a control has its state."""

from __future__ import annotations

from dataclasses import replace

import pytest

from store.records import HOUR
from tests.web.makers import MAPPINGS, NOW, catalogue, control_status, finding, source
from web.views.reason import Voices, met, needs_in_words, why

LOGGING = replace(catalogue()["A.8.15"], needs=("aws-account", "cloudtrail-files", "cloudtrail-s3", "jira", "attestation"))
STOPPED = MAPPINGS[0]
TRAIL = source("org-trail", "cloudtrail-lookup", "collecting", None)


def said(state: str, voices: Voices = Voices(), sources: tuple[object, ...] = (), **counts: int) -> str:
    return why(LOGGING, control_status("A.8.15", state, **counts), voices, sources, NOW)  # type: ignore[arg-type]


def test_needs_name_a_family_once() -> None:
    assert needs_in_words(LOGGING.needs) == ["aws-account", "cloudtrail", "jira"]
    assert needs_in_words(["attestation"]) == []


def test_any_way_of_a_family_meets_the_need() -> None:
    assert met(LOGGING.needs, [TRAIL]) == ["org-trail"]
    assert met(LOGGING.needs, [replace(TRAIL, configured=False)]) == []
    assert met(LOGGING.needs, [replace(TRAIL, type="github")]) == []
    assert met(["jira"], [TRAIL]) == []


def test_not_satisfied_names_the_newest() -> None:
    findings = [finding(n, MAPPINGS[n], "x", "not-satisfied", NOW - (n + 1) * HOUR) for n in range(2)]
    assert said("not-satisfied", Voices(against=findings), bad=2) == (
        "2 findings speak against it; the newest: CloudTrail trail stopped, since 14:00 (60 min)."
    ).replace("60 min", "1 h")
    assert said("not-satisfied", bad=1) == "1 finding speaks against it."


def test_stale_names_what_fell_silent() -> None:
    silent = finding(1, STOPPED, "p", "stale", NOW - 30 * HOUR, silence=True)
    assert said("stale", Voices(stale=[silent]), late=1) == (
        "1 voice that should speak for it fell silent: CloudTrail trail stopped (123456789012/eu-west-1), since Mon 09:00 (30 h)."
    )


def test_satisfied_says_who_spoke() -> None:
    silence = finding(1, STOPPED, "p", "satisfied", NOW, silence=True)
    spoken = finding(2, MAPPINGS[1], "b", "satisfied", NOW)
    assert said("satisfied", Voices(silences=[silence], spoken=[spoken])) == (
        "1 mapping watched and found nothing over covered time and 1 finding says so; nothing speaks against it."
    )
    assert said("satisfied") == "Something spoke for it, and nothing speaks against it."


def test_not_applicable() -> None:
    assert said("not-applicable") == "The Statement of Applicability excludes it. Its evidence stays visible."


@pytest.mark.parametrize(
    ("needs", "sources", "mappings", "counts", "reason"),
    [
        (("aws-account", "jira"), (), (), {}, "No source for it: aws-account or jira would speak."),
        (
            LOGGING.needs,
            (),
            (),
            {},
            "No source for it: aws-account, cloudtrail or jira would speak; so would a person's statement (an attestation).",
        ),
        (
            ("attestation",),
            (TRAIL,),
            (),
            {},
            "No source can speak to it: it needs a person's statement (an attestation), and there is none.",
        ),
        (("cloudtrail-s3",), (TRAIL,), (STOPPED,), {}, "1 mapping could speak through org-trail and has not yet."),
        (("cloudtrail-s3",), (TRAIL,), (), {}, "No mapping over org-trail speaks to it."),
        (
            ("cloudtrail-s3", "jira"),
            (TRAIL,),
            (MAPPINGS[3],),
            {},
            "org-trail gives evidence, but only of a kind that claims nothing; cloudtrail or jira could say more.",
        ),
        (
            ("jira",),
            (TRAIL,),
            (STOPPED,),
            {"accepted": 3},
            "3 findings accepted by exception speak neither way; nothing else speaks for it.",
        ),
    ],
)
def test_not_assessed_says_what_would_speak(
    needs: object, sources: object, mappings: object, counts: dict[str, int], reason: str
) -> None:
    info = replace(LOGGING, needs=needs)  # type: ignore[arg-type]
    voices = Voices(mappings=mappings)  # type: ignore[arg-type]
    assert why(info, control_status("A.8.15", "not-assessed", **counts), voices, sources, NOW) == reason  # type: ignore[arg-type]
