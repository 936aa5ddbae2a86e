"""alerts/compose.py and alerts/summary.py: what is told of controls, sources, the log and a first window."""

from __future__ import annotations

from typing import Any

import pytest

from store.records import HOUR, MINUTE

ACCOUNT = "111122223333"
WEST, EAST = f"{ACCOUNT}/eu-west-1", f"{ACCOUNT}/us-east-1"


def test_a_control_that_goes_stale_triggers_and_recovers(world: Any, make_desk: Any) -> None:
    desk = make_desk(link="https://attestream.example.org/")
    world.control("A.8.15", "satisfied", "stale", 5)
    [alert] = desk.run()
    assert (alert.action, alert.key, alert.level, alert.title) == ("trigger", "control/A.8.15/stale", "medium", "A.8.15 is stale")
    assert alert.link == "https://attestream.example.org/controls/A.8.15"
    world.control("A.8.15", "stale", "satisfied", 65)
    [alert] = desk.run()
    assert (alert.action, alert.level, alert.until - alert.since) == ("resolve", "medium", HOUR)
    assert alert.sentence == "A.8.15 is no longer stale, it is satisfied (2024-10-04 00:05:00 to 01:05:00 UTC)."


def test_a_stale_control_that_becomes_not_satisfied_is_no_longer_stale(world: Any, desk: Any) -> None:
    world.control("A.8.15", "satisfied", "stale")
    desk.run()
    world.control("A.8.15", "stale", "not-satisfied", 5)
    assert [a.action for a in desk.run()] == ["resolve"]


def test_a_control_that_a_finding_changed_is_told_by_the_finding(world: Any, desk: Any) -> None:
    world.control("A.8.15", "satisfied", "not-satisfied", delivery="told")
    assert desk.run() == []


@pytest.mark.parametrize(("what", "fine", "bad"), [("failing", "collecting", "failing"), ("gap", "complete", "gap")])
def test_a_source_that_fails_triggers_and_recovers(world: Any, desk: Any, what: str, fine: str, bad: str) -> None:
    world.source(what, fine, bad, "trail: 3 windows in a row could not be read: AccessDenied")
    [alert] = desk.run()
    assert (alert.action, alert.key, alert.level) == ("trigger", f"source/trail//{what}", "high")
    assert "AccessDenied" in alert.sentence
    world.source(what, fine, bad, "trail: again", 3)
    assert [a.action for a in desk.run()] == ["update"]
    world.source(what, bad, fine, "trail: collecting again", 30)
    [alert] = desk.run()
    assert (alert.action, alert.before, alert.after) == ("resolve", bad, fine)


def test_a_source_that_failed_and_recovered_before_it_was_told_is_one_message(world: Any, desk: Any) -> None:
    world.source("failing", "collecting", "failing", "trail: could not be read")
    world.source("failing", "failing", "collecting", "trail: collecting again", 30)
    [alert] = desk.run()
    assert (alert.action, alert.brief, alert.until - alert.since) == ("resolve", True, 30 * MINUTE)
    assert alert.sentence.startswith(
        "trail: could not be read; then: trail: collecting again (2024-10-04 00:00:00 to 00:30:00 UTC)"
    )


def test_what_has_no_end_triggers_each_time(world: Any, desk: Any) -> None:
    for at in (0, 5):
        world.source("stream", "complete", "lost", "partition 3 of the stream: offsets 5 to 9 were deleted", at)
        assert [a.action for a in desk.run()] == ["trigger"]


@pytest.mark.parametrize(("kind", "what"), [("source", "unreadable"), ("conflict", "conflict")])
def test_what_is_seen_again_updates_and_ends_with_a_window_without_it(world: Any, desk: Any, kind: str, what: str) -> None:
    said = []
    for at, (before, after) in enumerate([("", what), ("", what), (what, "complete"), ("", what)]):
        world.source(what, before, after, "trail: 2 files could not be understood", at, kind="source" if after != what else kind)
        said += [a.action for a in desk.run()]
    assert said == ["trigger", "update", "resolve", "trigger"]


def test_a_recovery_of_what_never_was_is_not_told(world: Any, desk: Any) -> None:
    world.source("gap", "gap", "complete", "trail: the gap is filled")
    assert desk.run() == []
    assert world.states("desk") == ["cancelled"]


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("log/integrity", ("", "refused", "")),
        ("log/clock", ("agrees", "clock", "agrees")),
        ("route/x", ("", "undeliverable", "")),
    ],
)
def test_the_log_itself_is_told(world: Any, desk: Any, key: str, words: tuple[str, str, str]) -> None:
    world.drift("log", key, words[0], words[1], level="critical", text="refused to sign the log")
    [alert] = desk.run()
    assert (alert.action, alert.key, alert.level) == ("trigger", key, "critical")
    world.drift("log", key, words[1], words[2], 5, level="critical", text="the log is whole again and signed")
    assert [a.action for a in desk.run()] == ["resolve"]


def test_the_first_window_is_one_summary_of_what_is_open(world: Any, make_desk: Any) -> None:
    desk = make_desk(link="https://attestream.example.org")
    world.mapping("root-used", "Root account used", "critical", ("A.8.2",))
    world.mapping("bucket-public", "Bucket made public", "high", ("A.8.3", "A.8.12"))
    for number in range(4):
        world.finding("bucket-public", f"b{number}", "not-assessed", "not-satisfied", delivery="summary", level="high")
    world.finding("bucket-public", "b0", "not-satisfied", "closed", 3, delivery="summary")
    world.finding("root-used", ACCOUNT, "not-assessed", "not-satisfied", delivery="summary", level="critical")
    world.finding("root-used", "9", "not-assessed", "not-satisfied", delivery="summary", account="999900001111", source="other")
    assert desk.run() == []
    world.baseline(WEST)
    world.baseline(EAST)
    [alert] = desk.run()
    assert (alert.action, alert.key, alert.level) == ("summary", "source/trail//baseline", "critical")
    assert (alert.counts, alert.subject_count) == ({"critical": 1, "high": 3}, 4)
    assert alert.top == (("Root account used", 1), ("Bucket made public", 3))
    assert alert.controls == ("A.8.2", "A.8.3", "A.8.12")
    assert alert.link == "https://attestream.example.org/sources/trail"
    assert (
        "4 findings are open (1 critical, 3 high). Most severe: Root account used (1); Bucket made public (3)." in alert.sentence
    )
    assert world.states("desk").count("delivered") == 2


def test_a_first_window_without_anything_open_says_so(world: Any, desk: Any) -> None:
    world.baseline(WEST)
    [alert] = desk.run()
    assert (alert.counts, alert.level) == ({}, "informational")
    assert alert.sentence == f"trail: the first window of {WEST} was read; nothing is open."


def test_a_summary_holds_what_its_route_asks_for(world: Any, make_desk: Any) -> None:
    world.mapping("root-used", "Root account used", "critical", ("A.8.2",))
    world.mapping("bucket-public", "Bucket made public", "high", ("A.8.3",))
    world.finding("bucket-public", "b", "not-assessed", "not-satisfied", delivery="summary")
    world.finding("root-used", ACCOUNT, "not-assessed", "not-satisfied", delivery="summary")
    world.baseline(WEST)
    desk = make_desk(level="critical")
    [alert] = desk.run()
    assert (alert.counts, alert.controls) == ({"critical": 1}, ("A.8.2",))


def test_a_summary_without_anything_its_route_asks_for_is_not_told(world: Any, make_desk: Any) -> None:
    world.baseline(WEST)
    desk = make_desk(controls=frozenset({"A.5.1"}))
    assert desk.run() == []
    assert world.rows("desk")[0].error == "nothing that this route asks for is open in it"


def test_what_the_summary_told_is_resolved_when_it_recovers(world: Any, desk: Any) -> None:
    world.mapping("m", "M")
    world.finding("m", "a", "not-assessed", "not-satisfied", delivery="summary")
    world.finding("m", "b", "not-assessed", "not-satisfied", delivery="summary")
    world.baseline(WEST)
    assert [a.action for a in desk.run()] == ["summary"]
    world.finding("m", "a", "not-satisfied", "closed", 9)
    [alert] = desk.run()
    assert (alert.action, alert.subjects, alert.left) == ("update", ("b",), ("a",))
    world.finding("m", "b", "not-satisfied", "closed", 19)
    assert [(a.action, a.brief) for a in desk.run()] == [("resolve", False)]


def test_what_joins_what_the_summary_told_is_a_trigger(world: Any, desk: Any) -> None:
    world.mapping("m", "M")
    world.finding("m", "a", "not-assessed", "not-satisfied", delivery="summary")
    world.baseline(WEST)
    desk.run()
    world.finding("m", "b", "not-assessed", "not-satisfied", 9)
    [alert] = desk.run()
    assert (alert.action, alert.subjects) == ("trigger", ("a", "b"))


def test_a_late_alert_says_when_it_happened_and_when_it_was_known(world: Any, desk: Any) -> None:
    world.pass_(600)
    world.finding("m", "a", "not-assessed", "not-satisfied", 0)
    [alert] = desk.run()
    assert "since 2024-10-04 00:00:00 UTC" in alert.sentence
    assert alert.sentence.endswith("Known at 2024-10-04 10:00:00 UTC.")


def test_what_a_payload_says_is_shown_and_not_obeyed(world: Any, desk: Any) -> None:
    world.finding("m", "a\x1b[31m\r\nINFO forged\u202e", "not-assessed", "not-satisfied")
    [alert] = desk.run()
    assert alert.subjects == ("a\ufffd[31m\ufffd\ufffdINFO forged\ufffd",)
    assert alert.sentence.isprintable()


def test_links_quote_what_they_are_made_of(world: Any, make_desk: Any) -> None:
    desk = make_desk(link="https://attestream.example.org/base/")
    world.finding("../../x?y#z", "a", "not-assessed", "not-satisfied")
    world.finding("../../x?y#z", "b", "not-assessed", "not-satisfied")
    [alert] = desk.run()
    assert alert.link == "https://attestream.example.org/base/mappings/..%2F..%2Fx%3Fy%23z"


def test_a_resolve_is_told_as_its_trigger_was_whoever_saw_it_and_whatever_the_mapping_says_by_now(world: Any, desk: Any) -> None:
    """What names an alert at its receiver must be the same in the end, or it is never resolved there."""
    world.finding("m", "a", "not-assessed", "not-satisfied", title="Trail stopped", level="critical", source="trail")
    world.finding("m", "a", "not-satisfied", "retired", 5, title="gone", level="informational", controls="", source="lookup")
    world.finding("n", "b", "not-assessed", "not-satisfied", title="Trail stopped", level="critical")
    first = desk.run()
    world.finding("n", "b", "not-satisfied", "retired", 5, title="no longer held", level="informational", controls="")
    [last] = desk.run()
    brief = next(alert for alert in first if alert.mapping == "m")
    for alert in (brief, last):
        assert (alert.action, alert.level, alert.controls, alert.title) == ("resolve", "critical", ("A.8.15",), "Trail stopped")


@pytest.mark.parametrize(
    ("kind", "page"), [("attestation", "records/attestations/3f9a12c0"), ("exception", "records/exceptions"), ("log", "log")]
)
def test_what_people_stated_is_linked_to_where_it_is_renewed(world: Any, make_desk: Any, kind: str, page: str) -> None:
    desk = make_desk(link="https://attestream.example.org")
    source = "" if kind == "log" else "attestream"
    world.drift(kind, f"{kind}/3f9a12c0/end", "valid", "expiring", level="medium", text="it ends soon", source=source)
    assert [alert.link for alert in desk.run()] == [f"https://attestream.example.org/{page}"]
