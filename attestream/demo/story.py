"""What goes wrong in the fortnight, and the live act after it: scripted, each at its own distance from now.

| when (before now) | what | in the end |
|---|---|---|
| 11 days | root signs in | quiet since: closes after seven covered days |
| 9 days | the trail is stopped, and started 47 minutes later | closed by the start |
| 8 days | a Region delivers nothing for three hours | a hole: silence says nothing there |
| 6 days | a snapshot is shared with a foreign account | open |
| 5 days | k.brandt signs in at the console with a password alone | open |
| 4 days | a bucket is made public, and its policy deleted 3 hours later | closed by the deletion |
| 3 days | a key is made public, and its policy put back 2 hours later | closed by the new policy |
| 2 days | SSH is opened to the world | open |
| 34 hours | an access key is made for somebody else | open |
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass

from attestream.demo import operations as ops
from attestream.demo.actors import (
    Actor,
    long_key,
    role_session,
    root,
    user_at_console,
    user_at_sign_in,
    user_by_key,
    user_with_mfa,
)
from attestream.demo.cloudtrail import Call
from attestream.demo.world import (
    ACCOUNT,
    BRANDT,
    BUCKETS,
    CLI,
    DAY,
    DEPLOY_BOT,
    FERRARI,
    FOREIGN_ACCOUNT,
    GLOBAL_REGION,
    HAAS,
    HOME_REGION,
    HOUR,
    KELLER,
    KEY_INVOICES,
    KEY_ORDERS,
    LINDQVIST,
    MINUTE,
    MOREAU,
    NOWAK,
    OFFICE,
    PLATFORM_ADMIN,
    PRESS_BUCKET,
    SATO,
    SECOND,
    SECURITY_GROUP,
    SHARED_SNAPSHOT,
    STRANGE_ADDRESS,
    TRAIL_ARN,
    User,
)

TRAIL_OFF = (9 * DAY, 9 * DAY - 47 * MINUTE)  # before now: stopped, started
HOLE = (8 * DAY, 8 * DAY - 3 * HOUR)  # before now: from, to
HOLE_REGION = HOME_REGION
ORDERS_BUCKET = BUCKETS[0]


@dataclass(frozen=True, slots=True)
class Happening:
    """A scripted event: a `name` for programs, a `title` for people, and the calls that it consists of."""

    name: str
    title: str
    calls: tuple[Call, ...]


def story(now: int, chance: random.Random) -> tuple[Happening, ...]:
    """The happenings of the two weeks before `now`, oldest first (the hole is not a happening: it is what is missing)."""
    return (
        _root_signs_in(now - 11 * DAY),
        _trail_stopped(now - TRAIL_OFF[0]),
        _trail_started(now - TRAIL_OFF[1]),
        _snapshot_shared(now - 6 * DAY, chance),
        _password_alone(now - 5 * DAY),
        _bucket_made_public(now - 4 * DAY, PRESS_BUCKET),
        _bucket_repaired(now - 4 * DAY + 3 * HOUR, PRESS_BUCKET),
        _key_made_public(now - 3 * DAY, KEY_ORDERS),
        _key_repaired(now - 3 * DAY + 2 * HOUR, KEY_ORDERS),
        _port_opened(now - 2 * DAY, chance),
        _key_for_another(now - 34 * HOUR),
    )


def last_act(at: int) -> tuple[tuple[Happening, ...], tuple[Happening, ...]]:
    """The live act, delivered at `at`: first what goes wrong, then what is put right. That root signed in cannot be put right:
    it is answered for, by the ticket that asks about it.

    The trail is stopped last: a stopped trail would not have recorded the rest."""
    wrong = (
        _root_signs_in(at - 5 * MINUTE - 20 * SECOND),
        _bucket_made_public(at - 5 * MINUTE, ORDERS_BUCKET),
        _second_factor_removed(at - 5 * MINUTE + 10 * SECOND, FERRARI),
        _key_made_public(at - 5 * MINUTE + 20 * SECOND, KEY_INVOICES),
        _trail_stopped(at - 4 * MINUTE + 40 * SECOND),
    )
    right = (
        _trail_started(at - MINUTE),
        _bucket_repaired(at - 50 * SECOND, ORDERS_BUCKET),
        _second_factor_back(at - 35 * SECOND, FERRARI),
        _key_repaired(at - 20 * SECOND, KEY_INVOICES),
    )
    return wrong, right


def _root_signs_in(at: int) -> Happening:
    session = root(at)
    looked = ops.read("account", "GetContactInformation")
    calls = (
        Call(at, GLOBAL_REGION, root(), ops.console_login(f"arn:aws:iam::{ACCOUNT}:mfa/root-account-mfa-device")),
        Call(at + 70 * SECOND, GLOBAL_REGION, session, looked),
    )
    return Happening("root-signed-in", "The root user signed in at the console", calls)


def _trail_stopped(at: int) -> Happening:
    bot = user_by_key(DEPLOY_BOT, STRANGE_ADDRESS)
    calls = (
        Call(at - 40 * SECOND, GLOBAL_REGION, bot, ops.read("sts", "GetCallerIdentity")),
        Call(at - 20 * SECOND, HOME_REGION, bot, ops.read("cloudtrail", "DescribeTrails")),
        Call(at, HOME_REGION, bot, ops.change("cloudtrail", "StopLogging", {"name": TRAIL_ARN})),
    )
    return Happening("trail-stopped", "deploy-bot stopped the trail org-trail from an unknown address", calls)


def _trail_started(at: int) -> Happening:
    calls = (
        Call(at, HOME_REGION, _admin(NOWAK, at), ops.change("cloudtrail", "StartLogging", {"name": TRAIL_ARN})),
        # Both Regions speak again at once: the pause stays under an hour for each of them.
        Call(at + 15 * SECOND, GLOBAL_REGION, user_with_mfa(NOWAK, at - 5 * MINUTE), ops.read("iam", "ListAccessKeys")),
    )
    return Happening("trail-started", "a.nowak started the trail org-trail again", calls)


def _snapshot_shared(at: int, chance: random.Random) -> Happening:
    shared = ops.share_snapshot(SHARED_SNAPSHOT, FOREIGN_ACCOUNT, _request_id(chance))
    actor = user_at_console(MOREAU, at - 12 * MINUTE, OFFICE[1])
    title = f"l.moreau shared a disk snapshot with the foreign account {FOREIGN_ACCOUNT}"
    return Happening("snapshot-shared", title, (Call(at, HOME_REGION, actor, shared),))


def _password_alone(at: int) -> Happening:
    call = Call(at, GLOBAL_REGION, user_at_sign_in(BRANDT, STRANGE_ADDRESS), ops.console_login(None))
    return Happening("console-without-mfa", "k.brandt signed in at the console with a password alone", (call,))


def _bucket_made_public(at: int, name: str) -> Happening:
    arn = f"arn:aws:s3:::{name}"
    statement = {"Sid": "PressKit", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"{arn}/*"}
    request = {"bucketPolicy": {"Version": "2012-10-17", "Statement": [statement]}}
    made = ops.bucket("PutBucketPolicy", name, "policy", request, read_only=False)
    call = Call(at, HOME_REGION, user_at_console(HAAS, at - 7 * MINUTE), made)
    return Happening("bucket-made-public", f"r.haas opened the bucket {name} to everyone", (call,))


def _bucket_repaired(at: int, name: str) -> Happening:
    gone = ops.bucket("DeleteBucketPolicy", name, "policy", read_only=False)
    call = Call(at, HOME_REGION, _admin(NOWAK, at), gone)
    return Happening("bucket-repaired", f"a.nowak deleted the policy that opened {name}", (call,))


def _second_factor_removed(at: int, user: User) -> Happening:
    taken = ops.iam("DeactivateMFADevice", user, serialNumber=ops.mfa_arn(user))
    call = Call(at, GLOBAL_REGION, user_with_mfa(LINDQVIST, at - 9 * MINUTE), taken)
    return Happening("mfa-removed", f"j.lindqvist took the second factor of {user.name} away", (call,))


def _second_factor_back(at: int, user: User) -> Happening:
    given = ops.iam("EnableMFADevice", user, serialNumber=ops.mfa_arn(user))
    call = Call(at, GLOBAL_REGION, user_with_mfa(LINDQVIST, at - 12 * MINUTE), given)
    return Happening("mfa-back", f"{user.name} registered a second factor again", (call,))


def _key_made_public(at: int, key: str) -> Happening:
    call = Call(at, HOME_REGION, _admin(KELLER, at), ops.put_key_policy(key, public=True))
    return Happening("key-made-public", f"m.keller let everyone use the key {key}", (call,))


def _key_repaired(at: int, key: str) -> Happening:
    call = Call(at, HOME_REGION, _admin(NOWAK, at), ops.put_key_policy(key, public=False))
    return Happening("key-repaired", f"a.nowak put the policy of the key {key} back", (call,))


def _port_opened(at: int, chance: random.Random) -> Happening:
    opened = ops.open_port(SECURITY_GROUP, 22, "0.0.0.0/0", "temporary, debugging", _request_id(chance))
    call = Call(at, HOME_REGION, user_at_console(FERRARI, at - 20 * MINUTE, OFFICE[1]), opened)
    return Happening("port-opened", f"t.ferrari opened SSH to the world in {SECURITY_GROUP}", (call,))


def _key_for_another(at: int) -> Happening:
    made = ops.create_access_key(SATO, long_key(SATO), at)
    call = Call(at, GLOBAL_REGION, user_with_mfa(LINDQVIST, at - 4 * MINUTE), made)
    return Happening("access-key-for-another", "j.lindqvist made an access key for p.sato", (call,))


def _admin(person: User, at: int) -> Actor:
    """The privileged role in the hands of a person, taken a little earlier with a second factor."""
    return role_session(PLATFORM_ADMIN, person.name, at - 3 * MINUTE, OFFICE[0], CLI, mfa=True)


def _request_id(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))
