"""store/silences.py on every database: entries of the log, folded into what holds."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from store.engine import reading
from store.errors import StoreError
from store.fsck import verify
from store.records import DAY, HOUR
from store.silences import add_entry, newest, read_silences, revoke_entry
from tests.store.lab import Lab


def test_a_silence_holds_until_its_end_or_until_it_is_revoked(lab: Lab) -> None:
    first, one = add_entry({"account": "1", "key": ""}, lab.now, lab.now + HOUR, " moving ", "carol")
    second, two = add_entry({"mapping": "m"}, lab.now, lab.now + DAY, "x", "dave")
    lab.append(own=(one, two))
    with reading(lab.engine) as connection:
        found = {silence.id: silence for silence in read_silences(connection)}
        assert newest(connection) == found[second].idx
    assert list(found) == [second, first]
    assert (found[first].match, found[first].reason, found[first].by) == ({"account": "1"}, "moving", "carol")
    assert (found[first].holds(lab.now), found[first].holds(lab.now + HOUR)) == (True, False)
    with reading(lab.engine) as connection:
        gone = revoke_entry(connection, second, lab.now, "done", "erin")
    lab.append(own=(gone,))
    with reading(lab.engine) as connection:
        assert not next(s for s in read_silences(connection) if s.id == second).holds(lab.now)
        assert newest(connection) == found[second].idx + 1
        with pytest.raises(StoreError, match="ended already"):
            revoke_entry(connection, second, lab.now, "", "erin")
        with pytest.raises(StoreError, match="no silence"):
            revoke_entry(connection, "0" * 12, lab.now, "", "erin")
    verify(lab.engine, None)


def test_one_whose_detail_is_gone_silences_nothing(lab: Lab) -> None:
    _, own = add_entry({"account": "1"}, lab.now, lab.now + HOUR, "x", "carol")
    lab.append(own=(own,))
    lab.sql("UPDATE entry SET detail_salt = NULL, detail_block = NULL, detail_offset = NULL, detail_length = NULL")
    with reading(lab.engine) as connection:
        [silence] = read_silences(connection)
    assert not silence.holds(lab.now)


@pytest.mark.parametrize(
    ("match", "until", "reason", "said"),
    [
        ({}, HOUR, "x", "matches by one or more of"),
        ({"account": ""}, HOUR, "x", "matches by one or more of"),
        ({"subject": "s"}, HOUR, "x", "matches by one or more of"),
        ({"account": "1"}, 0, "x", "in the future"),
        ({"account": "1"}, 91 * DAY, "x", "within 90 days"),
        ({"account": "1"}, HOUR, "  ", "has a reason"),
        ({"account": "1" * 2000}, HOUR, "x", "at most 1000 characters"),
    ],
)
def test_a_silence_that_cannot_be(match: Mapping[str, str], until: int, reason: str, said: str) -> None:
    with pytest.raises(StoreError, match=said):
        add_entry(match, DAY, DAY + until, reason, "carol")
