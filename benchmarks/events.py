"""CloudTrail-like events from a seed: of every five, one is judged by a mapping; and hostile ones, in which nothing repeats."""

from __future__ import annotations

import base64
import gzip
import hashlib
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from benchmarks.mappings import ACTED, action, service
from store.records import Event

ACCOUNT: Final = "111122223333"
REGION: Final = "eu-west-1"
START: Final = datetime(2026, 3, 2, tzinfo=UTC)
JUDGED: Final = 5
"""One event in so many is judged."""
PER_FILE: Final = 200
_READS: Final = ("Describe", "List", "Get", "Head", "Lookup")
_THINGS: Final = ("Instances", "Buckets", "Policies", "Volumes", "Keys", "Functions", "Images", "Tables", "Queues", "Alarms")


def record(number: int, chance: random.Random) -> dict[str, Any]:
    """One record of about 1.3 KB, as CloudTrail writes it."""
    judged = number % JUDGED == 0
    rule = chance.randrange(ACTED)
    name = action(rule) if judged else f"{chance.choice(_READS)}{chance.choice(_THINGS)}"
    user = f"user-{chance.randrange(60)}"
    return {
        "eventVersion": "1.09",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": f"AROA{chance.randrange(10**12):012d}:{user}",
            "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/role-{chance.randrange(20)}/{user}",
            "accountId": ACCOUNT,
            "accessKeyId": f"ASIA{chance.randrange(10**12):012d}",
            "sessionContext": {
                "sessionIssuer": {"type": "Role", "arn": f"arn:aws:iam::{ACCOUNT}:role/role-1", "accountId": ACCOUNT},
                "attributes": {"creationDate": _time(number), "mfaAuthenticated": "false"},
            },
        },
        "eventTime": _time(number),
        "eventSource": service(rule) if judged else f"service-{chance.randrange(40)}.amazonaws.com",
        "eventName": name,
        "awsRegion": REGION,
        "sourceIPAddress": f"198.51.100.{chance.randrange(250)}",
        "userAgent": "aws-cli/2.17.9 md/Botocore#1.34 ua/2.0 os/linux#6.1 md/arch#x86_64 lang/python#3.11",
        "requestParameters": {"name": f"thing-{chance.randrange(500)}", "id": f"i-{chance.randbytes(9).hex()}", "filterSet": {}},
        "responseElements": None,
        "requestID": uuid(number, "request"),
        "eventID": uuid(number, "event"),
        "readOnly": not judged,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
        "additionalEventData": {"x-amz-id-2": base64.b64encode(chance.randbytes(57)).decode()},
        "tlsDetails": {"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256", "clientProvidedHostHeader": "x"},
    }


def hostile(number: int, chance: random.Random) -> dict[str, Any]:
    """A record in which every text is new, so that nothing remembered helps."""
    found = record(number, chance)
    return {name: _unlike(value, number, chance) for name, value in found.items()}


def crafted(number: int, chance: random.Random) -> dict[str, Any]:
    """A hostile record that mappings look at all the same: what it is about stays, all else is new."""
    found = record(number, chance)
    kept = ("eventSource", "eventName", "eventTime", "eventID")
    return {name: value if name in kept else _unlike(value, number, chance) for name, value in found.items()}


def _unlike(value: Any, number: int, chance: random.Random) -> Any:
    if isinstance(value, dict):
        return {name: _unlike(inner, number, chance) for name, inner in value.items()}
    return f"{value}{number}{chance.randrange(10**9)}" if isinstance(value, str) else value


def payloads(count: int, make: Any = record) -> list[bytes]:
    """The bytes of so many records."""
    return list(made(count, make))


def made(count: int, make: Any = record) -> Iterator[bytes]:
    """The bytes of so many records, one by one: a stage whose memory counts must not hold them all."""
    chance = random.Random(20260302)  # noqa: S311  the same events in every run
    for number in range(count):
        yield msgspec.json.encode(make(number, chance))


def events(bodies: Sequence[bytes], window: str = "bench") -> list[Event]:
    """The payloads as a collector hands them on."""
    return [event(number, body, window) for number, body in enumerate(bodies)]


def event(number: int, body: bytes, window: str) -> Event:
    """One payload as an event."""
    at = micros(number)
    return Event("bench", uuid(number, "event"), "log.aws.cloudtrail", at, body, window, at, None, ACCOUNT, REGION)


def micros(number: int) -> int:
    """When event `number` happened (microseconds): one a second."""
    return int(START.timestamp() + number) * 1_000_000


def write_files(bodies: Sequence[bytes], folder: Path) -> int:
    """Write the payloads as delivered files; returns how many."""
    count = 0
    for count, (number, some) in enumerate(_slices(bodies), 1):  # noqa: B007  counted, and returned after the loop
        at = START + timedelta(seconds=number)
        at -= timedelta(minutes=at.minute % 5, seconds=at.second)
        name = f"{ACCOUNT}_CloudTrail_{REGION}_{at:%Y%m%dT%H%MZ}_{number:016d}.json.gz"
        (folder / name).write_bytes(gzip.compress(b'{"Records":[' + b",".join(some) + b"]}", compresslevel=6, mtime=0))
    return count


def _slices(bodies: Sequence[bytes]) -> Iterator[tuple[int, Sequence[bytes]]]:
    for start in range(0, len(bodies), PER_FILE):
        yield start, bodies[start : start + PER_FILE]


def _time(number: int) -> str:
    return f"{START + timedelta(seconds=number):%Y-%m-%dT%H:%M:%SZ}"


def uuid(number: int, kind: str) -> str:
    """The id of that kind of record `number`."""
    text = hashlib.sha256(f"{kind}{number}".encode()).hexdigest()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:32]}"
