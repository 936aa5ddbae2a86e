"""store/links.py: a finding's linked ticket closes it when it is done, once, and not where only a next sighting may."""

from __future__ import annotations

from dataclasses import replace

import pytest

from store.engine import reading
from store.errors import StoreError, VerificationError
from store.fsck import verify
from store.links import links_of
from store.records import HOUR, MINUTE
from store.statements import TicketLink
from tests.store.lab import MAPPINGS, T0, Lab

ALICE = "111122223333/alice"
TICKET = "jira.example.org/SEC-12"
LINK = TicketLink("open", ALICE, TICKET, "carol")


def opened(lab: Lab, id_: str = "a", at: int = 0) -> None:
    lab.append(lab.judged(lab.event(id_, T0 + at), "open"))


def looked(lab: Lab, done: int | None, name: str = TICKET, at: int = 0) -> None:
    """An observation of the ticket that no mapping judges."""
    event = lab.event(
        f"{name}@{lab.now + at}", lab.now + at, type="ticket.jira.issue", subject=name, region="", account="jira.example.org"
    )
    lab.append(lab.judged(event)._replace(done=done))


def handle(lab: Lab) -> bytes:
    [(found,)] = lab.sql("SELECT handle FROM handle WHERE name = ?", ALICE)
    return bytes(found)


def test_a_done_ticket_closes_its_finding_at_that_time_and_once(lab: Lab) -> None:
    lab.activate()
    opened(lab)
    assert lab.append(links=(LINK,)).after - lab.append(links=(LINK,)).before == 0, "the second time it is there"
    lab.wait(HOUR)
    looked(lab, None)
    assert lab.states()["open", ALICE] == "not-satisfied"
    done = lab.now - MINUTE
    looked(lab, done, at=1)
    assert lab.states()["open", ALICE] == "closed"
    assert lab.rows("open")[-1] == (done, "closed")
    with reading(lab.engine) as connection:
        [link] = links_of(connection, "open", handle(lab))
    assert (link.ticket, link.by, link.done) == (TICKET, "carol", True)
    verify(lab.engine, None)
    # It is used up: the same ticket, still done, does not close what opens later.
    lab.wait(HOUR)
    opened(lab, "b", lab.now - T0)
    looked(lab, done, at=2)
    assert lab.states()["open", ALICE] == "not-satisfied"
    # Until somebody links it again.
    lab.wait(MINUTE)
    lab.append(links=(LINK,))
    looked(lab, done, at=3)
    assert lab.states()["open", ALICE] == "closed"
    verify(lab.engine, None)


def test_what_came_after_the_ticket_was_done_stays_open(lab: Lab) -> None:
    lab.activate()
    opened(lab)
    lab.append(links=(LINK,))
    lab.wait(HOUR)
    opened(lab, "b", lab.now - T0)
    looked(lab, lab.now - MINUTE, at=1)
    assert [state for _, state in lab.rows("open")] == ["not-satisfied", "closed", "not-satisfied"]


def test_a_snapshot_waits_for_its_next_sighting(lab: Lab) -> None:
    lab.activate([replace(MAPPINGS[0], kind="snapshot", types=("snapshot.aws.iam.user",))])
    opened(lab)
    lab.append(links=(LINK,))
    lab.wait(HOUR)
    looked(lab, lab.now)
    assert lab.states()["open", ALICE] == "not-satisfied"


def test_other_tickets_close_nothing(lab: Lab) -> None:
    lab.activate()
    opened(lab)
    lab.append(links=(LINK,))
    looked(lab, lab.now, "jira.example.org/SEC-13")
    assert lab.states()["open", ALICE] == "not-satisfied"


@pytest.mark.parametrize(
    ("link", "said"),
    [
        (replace(LINK, subject="nobody"), "has no finding about nobody"),
        (replace(LINK, ticket=""), "1 to 500 characters"),
        (replace(LINK, ticket="a\nb"), "on one line"),
    ],
)
def test_what_cannot_be_linked_is_refused(lab: Lab, link: TicketLink, said: str) -> None:
    lab.activate()
    opened(lab)
    with pytest.raises(StoreError, match=said):
        lab.append(links=(link,))


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE ticket_link SET mapping = 'two'", "linked to another finding"),
        ("UPDATE ticket_link SET ticket = x'00000000000000000000000000000000'", "has another ticket"),
        ("DELETE FROM ticket_link", "the row of its link is missing"),
        ("UPDATE ticket_link SET done_idx = idx", "it is no closing"),
    ],
)
def test_verify_finds_rows_that_say_otherwise(lab: Lab, statement: str, said: str) -> None:
    lab.activate()
    opened(lab)
    lab.append(links=(LINK,))
    verify(lab.engine, None)
    lab.sql(statement)
    with pytest.raises(VerificationError, match=said):
        verify(lab.engine, None)
