"""Two weeks that are the same for the same (seed, now), covered but for the one hole, with the load of a working life."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter, defaultdict
from datetime import UTC, datetime

import pytest

from attestream.demo.history import history, live_act
from attestream.demo.period import period_until
from attestream.demo.story import HOLE, HOLE_REGION
from attestream.demo.world import ACCOUNT, DAY, GLOBAL_REGION, HOUR, MINUTE, REGIONS

NAME = re.compile(
    rf"AWSLogs/{ACCOUNT}/CloudTrail/(?P<region>[a-z]+-[a-z]+-\d)/(?P<day>\d{{4}}/\d\d/\d\d)/"
    rf"{ACCOUNT}_CloudTrail_(?P=region)_(?P<time>\d{{8}}T\d{{4}})Z_[A-Za-z0-9]{{16}}\.json\.gz"
)


def named(key):
    found = NAME.fullmatch(key)
    assert found, key
    at = datetime.strptime(found["time"], "%Y%m%dT%H%M").replace(tzinfo=UTC)
    assert found["day"] == f"{at:%Y/%m/%d}"
    return found["region"], int(at.timestamp()) * 1_000_000


def event_time(record):
    return int(datetime.fromisoformat(record["eventTime"]).timestamp()) * 1_000_000


def pauses(delivered):
    """(Region, from, to) between deliveries that follow each other in one Region."""
    by_region = defaultdict(list)
    for file in delivered:
        by_region[named(file.key)[0]].append(file.delivered_at)
    return [(region, a, b) for region, times in by_region.items() for a, b in itertools.pairwise(times)]


def test_the_same_seed_and_now_give_the_same_bytes(seed, now, delivered):
    assert tuple(history(seed, now)) == delivered
    assert live_act(seed, now) == live_act(seed, now)


def test_another_seed_gives_other_records_of_the_same_story(seed, now, delivered, read_records, records):
    other = read_records(history(seed + 1, now))
    assert not {record["eventID"] for record in other} & {record["eventID"] for record in records}
    stops = [[r["eventTime"] for r in some if r["eventName"] == "StopLogging"] for some in (records, other)]
    assert stops[0] == stops[1]


def test_names_are_those_of_cloudtrail_and_unique(delivered):
    assert len({file.key for file in delivered}) == len(delivered)
    for file in delivered:
        region, at = named(file.key)
        assert region in REGIONS
        assert at == file.delivered_at
        assert at % (5 * MINUTE) == 0


def test_files_come_oldest_first_within_two_weeks_and_none_after_now(delivered, now):
    times = [file.delivered_at for file in delivered]
    assert times == sorted(times)
    assert now - 14 * DAY < times[0] < now - 14 * DAY + HOUR
    assert now - 15 * MINUTE < times[-1] <= now


def test_an_event_is_delivered_within_a_quarter_of_an_hour_by_its_own_region(delivered, read_records):
    for file in delivered:
        region, at = named(file.key)
        for record in read_records([file]):
            assert record["awsRegion"] == region
            assert 5 * MINUTE <= at - event_time(record) <= 15 * MINUTE + 1_000_000


def test_every_region_delivers_at_least_hourly_but_for_one_hole(delivered, now):
    long = [pause for pause in pauses(delivered) if pause[2] - pause[1] > HOUR]
    assert len(long) == 1
    region, begin, end = long[0]
    assert region == HOLE_REGION
    assert begin - 30 * MINUTE <= now - HOLE[0]
    assert now - HOLE[1] <= end
    assert 2.5 * HOUR <= end - begin <= 4 * HOUR


def test_every_full_hour_has_a_file_in_each_region_outside_the_hole(delivered, now):
    seen = {(named(file.key)[0], file.delivered_at // HOUR) for file in delivered}
    hours = range(delivered[0].delivered_at // HOUR + 1, now // HOUR)
    missing = {(region, hour) for region in REGIONS for hour in hours} - seen
    assert {region for region, _ in missing} == {HOLE_REGION}
    assert {hour for _, hour in missing} <= set(range((now - HOLE[0]) // HOUR, (now - HOLE[1]) // HOUR + 1))


@pytest.mark.parametrize("shift", range(0, 24 * 8, 19))
def test_size_coverage_and_end_hold_at_any_hour_and_weekday(shift, now):
    moment = now + shift * HOUR + shift * 7 * MINUTE
    files = list(history(shift, moment))
    assert 8_000 <= sum(file.records for file in files) <= 12_000
    long = [pause for pause in pauses(files) if pause[2] - pause[1] > HOUR]
    assert [pause[0] for pause in long] == [HOLE_REGION]
    for region in REGIONS:
        last = max(file.delivered_at for file in files if named(file.key)[0] == region)
        assert moment - 15 * MINUTE < last <= moment


def test_nights_weekends_and_the_quiet_day_are_quiet(records, now):
    by_day = Counter(record["eventTime"][:10] for record in records)
    period = period_until(now)
    whole = [day for day in period.days() if period.start <= day and day + DAY <= period.end]
    count = {day: by_day[f"{datetime.fromtimestamp(day / 1e6, UTC):%Y-%m-%d}"] for day in whole}
    working = [count[day] for day in whole if day in set(period.working_days())]
    idle = [count[day] for day in whole if day not in set(period.working_days())]
    assert len(idle) == 5  # two weekends and the quiet day
    assert period.quiet in count
    assert 1.5 * max(idle) < min(working)
    by_hour = Counter(int(record["eventTime"][11:13]) for record in records)
    assert sum(by_hour[h] for h in (21, 22, 23, 2)) * 2 < sum(by_hour[h] for h in (8, 9, 10, 13))


def test_event_ids_are_unique_and_no_value_looks_like_a_real_key(records):
    assert len({record["eventID"] for record in records}) == len(records)
    text = json.dumps(records)
    assert {key[4:11] for key in re.findall(r"\b(?:AKIA|ASIA|AIDA|AROA)[A-Z0-9]{16,17}\b", text)} == {"EXAMPLE"}
    addresses = {record["sourceIPAddress"] for record in records}
    documentation = ("192.0.2.", "198.51.100.", "203.0.113.")
    assert all(one.startswith(documentation) or one.endswith(".amazonaws.com") or one == "AWS Internal" for one in addresses)


def test_global_services_are_recorded_in_the_global_region(records):
    somewhere = {r["awsRegion"] for r in records if r["eventSource"] in {"iam.amazonaws.com", "signin.amazonaws.com"}}
    assert somewhere == {GLOBAL_REGION}


def test_the_live_act_is_delivered_by_now_and_follows_the_history(seed, now, delivered, records, read_records):
    wrong, right = live_act(seed, now)
    keys = {file.key for file in delivered}
    for file in wrong.files + right.files:
        assert named(file.key)[1] == file.delivered_at <= now < file.delivered_at + 5 * MINUTE
        assert file.key not in keys
    first, then = read_records(wrong.files), read_records(right.files)
    assert max(map(event_time, records)) < min(map(event_time, first))
    assert max(map(event_time, first)) < min(map(event_time, then))
    assert {"PutKeyPolicy", "StopLogging"} <= {record["eventName"] for record in first}
    assert {"PutKeyPolicy", "StartLogging"} <= {record["eventName"] for record in then}
    assert wrong.titles != right.titles
