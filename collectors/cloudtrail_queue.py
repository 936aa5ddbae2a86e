"""Notifications of new objects by SQS: S3's own events, CloudTrail's messages by SNS, or EventBridge's, instead of listing.

A message says where to look and nothing else: the object is listed by its key, in our bucket and below our prefix alone. Messages
are deleted by the window *after* the one that read them, once its cursor shows that it was published; else they come again, and
what they tell of is known. A message that never came loses nothing: once a day everything is listed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import unquote_plus, urlsplit

from collectors.aws import AwsError, Connection, explain, faults
from collectors.base import Permission, SourceUnreadable, Window
from collectors.bucket import Bucket
from collectors.json_text import strict
from collectors.listing import Listed, Refusal
from collectors.unreadable import Excerpt, Unreadable, shown

MAX_MESSAGES: Final = 20_000
"""Messages that one window takes; those left are for the next."""
_BATCH: Final = 10
_HOST: Final = re.compile(r"sqs\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")
_VALIDATION: Final = "CloudTrail validation message."


@dataclass(frozen=True, slots=True)
class Odd:
    """A message that was not understood: its bytes, where it came from, and why."""

    excerpt: Excerpt
    place: str
    reason: str


@dataclass(slots=True)
class Notices:
    """The quick listing of a bucket whose new objects are told of in a queue."""

    connection: Connection
    url: str
    bucket: Bucket
    clock: Callable[[], int]
    odd: list[Odd] = field(default_factory=list, init=False)
    _client: Any = field(default=None, init=False)
    _taken: list[str] = field(default_factory=list, init=False)
    _taken_at: int = field(default=0, init=False)

    @property
    def repeats(self) -> bool:
        """Not once a message is deleted."""
        return False

    def scan(self, window: Window, since: int) -> Iterator[Listed | Refusal] | None:  # noqa: ARG002  the contract has both
        """What the queue tells of. Raises SourceUnreadable."""
        # 1. What the window before took is durable if the cursor is younger than the taking; only then it is deleted.
        listed = window.cursor.get("listed")
        if isinstance(listed, int) and listed >= self._taken_at > 0:
            self._delete(self._taken)
        self._taken, self._taken_at, self.odd = [], self.clock(), []
        return self._told(window.end)

    def near(self, item: Listed) -> bool:  # noqa: ARG002  the contract has it
        """Never for certain: a message may be lost."""
        return False

    def check(self) -> None:
        """Receive without taking. Raises AwsError."""
        self._call("receive_message", MaxNumberOfMessages=1, VisibilityTimeout=0, WaitTimeSeconds=0)

    def permissions(self, types: tuple[str, ...]) -> tuple[Permission, ...]:
        """What is done with the queue."""
        place = urlsplit(self.url)
        account, _, name = place.path.strip("/").rpartition("/")
        found = _HOST.fullmatch(place.hostname or "")
        arn = f"arn:aws:sqs:{found['region'] if found else '*'}:{account}:{name}"
        take = Permission("sqs:ReceiveMessage", "learn of new log files", arn, types)
        return take, Permission("sqs:DeleteMessage", "take away what was read", arn, types)

    def _told(self, end: int) -> Iterator[Listed | Refusal]:
        """2. Take every message. 3. Look up what it tells of. 4. It is done with unless an object is younger than the window."""
        looked: dict[str, int] = {}
        for message in self._messages():
            body = str(message.get("Body", ""))
            try:
                keys = told_keys(body, self.bucket.name)
            except Unreadable as error:
                place = shown(f"SQS message {message.get('MessageId')}")
                self.odd.append(Odd(Excerpt.of([body.encode("utf-8", "surrogatepass")]), place, error.reason))
                keys = []
            for key in keys:
                if key not in looked and self._ours(key):
                    found = list(self._look(key))
                    looked[key] = max((item.modified for item in found), default=0)
                    yield from found
            if all(looked.get(key, 0) <= end for key in keys):
                self._taken.append(str(message["ReceiptHandle"]))

    def _ours(self, key: str) -> bool:
        return key.startswith(self.bucket.prefix) and self.bucket.namer(key) is not None

    def _look(self, key: str) -> Iterator[Listed]:
        page = next(self.bucket.pages(Prefix=key), {})
        return (self.bucket.listed(item) for item in page.get("Contents", ()) if item["Key"] == key)

    def _messages(self) -> Iterator[Mapping[str, Any]]:
        """Each message once, though a queue may hand it out again before the window ends."""
        seen: set[str] = set()
        while len(seen) < MAX_MESSAGES:
            answer = self._sure("receive_message", MaxNumberOfMessages=_BATCH, WaitTimeSeconds=0)
            new = {str(item["MessageId"]): item for item in answer.get("Messages", ()) if item["MessageId"] not in seen}
            if not new:
                return
            seen.update(new)
            yield from new.values()

    def _delete(self, receipts: list[str]) -> None:
        for first in range(0, len(receipts), _BATCH):
            some = receipts[first : first + _BATCH]
            entries = [{"Id": str(number), "ReceiptHandle": receipt} for number, receipt in enumerate(some)]
            self._sure("delete_message_batch", Entries=entries)

    def _sure(self, name: str, **how: Any) -> Any:
        try:
            return self._call(name, **how)
        except AwsError as error:
            raise SourceUnreadable(str(error)) from error

    def _call(self, name: str, **how: Any) -> Any:
        place = urlsplit(self.url)
        try:
            if self._client is None:
                found = _HOST.fullmatch(place.hostname or "")
                region = found["region"] if found else self.connection.region
                there = replace(self.connection, endpoint_url=f"{place.scheme}://{place.netloc}", region=region)
                self._client = there.client("sqs")
            return getattr(self._client, name)(QueueUrl=self.url, **how)
        except faults() as error:
            needs = "sqs:ReceiveMessage and sqs:DeleteMessage on the queue"
            raise explain(error, shown(f"SQS queue {place.path.strip('/')}"), needs) from error


def told_keys(body: str, bucket: str) -> list[str]:
    """The keys of new objects that a message tells of. Raises Unreadable: it is no notification, or of another bucket."""
    value = _object(body)
    if value.get("Type") == "Notification" and isinstance(value.get("Message"), str):
        if value["Message"] == _VALIDATION:
            return []
        value = _object(value["Message"])
    if value.get("Event") == "s3:TestEvent":
        return []
    try:
        places = list(_places(value))
    except (KeyError, TypeError, AttributeError) as error:
        raise Unreadable("is no notification of S3's or CloudTrail's") from error
    if any(not isinstance(key, str) or not key for _, key in places):
        raise Unreadable("tells of an object without a key")
    if any(name != bucket for name, _ in places):
        raise Unreadable("tells of another bucket, which is not looked at")
    return [key for _, key in places]


def _places(value: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    """(bucket, key) of each object, in any of the three forms. Raises KeyError, TypeError."""
    if "s3ObjectKey" in value:
        keys = value["s3ObjectKey"]
        yield from ((value["s3Bucket"], key) for key in (keys if isinstance(keys, list) else [keys]))
    elif value.get("source") == "aws.s3":
        detail = value["detail"]
        if value.get("detail-type") == "Object Created":
            yield detail["bucket"]["name"], detail["object"]["key"]
    else:
        for record in value["Records"]:
            if str(record["eventName"]).startswith(("ObjectCreated:", "s3:ObjectCreated:")):
                yield record["s3"]["bucket"]["name"], unquote_plus(record["s3"]["object"]["key"])


def _object(text: str) -> dict[str, Any]:
    value = strict(text.encode("utf-8", "surrogatepass"))
    if not isinstance(value, dict):
        raise Unreadable("is no JSON object")
    return value
