"""Who makes a call: CloudTrail's userIdentity in its kinds, with the address and the user agent that go with it.

Key ids are spelled AKIAEXAMPLE…/ASIAEXAMPLE…: long enough for AWS's pattern, and never a real key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from attestream.demo.world import ACCOUNT, CLI, FIREFOX, OFFICE, Role, User, moment

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Actor:
    """`identity` is the userIdentity element; `kind` says how the calls came: by the network with a key ("api"),
    through the console ("console"), or from AWS itself ("service")."""

    identity: Json
    address: str
    agent: str
    kind: Literal["api", "console", "service"] = "api"


def user_by_key(user: User, address: str = OFFICE[0], agent: str = CLI) -> Actor:
    """An IAM user with its long-lived access key."""
    return Actor({**_user(user), "accessKeyId": long_key(user), "userName": user.name}, address, agent)


def user_with_mfa(user: User, since: int, address: str = OFFICE[0]) -> Actor:
    """An IAM user at the command line, with short keys that were given for a second factor at `since`."""
    at_console = user_at_console(user, since, address)
    return Actor(at_console.identity, address, CLI)


def user_at_console(user: User, since: int, address: str = OFFICE[0]) -> Actor:
    """An IAM user in a console session that began at `since`."""
    attributes = {"creationDate": _iso(since), "mfaAuthenticated": "true" if user.mfa else "false"}
    identity = {**_user(user), "accessKeyId": short_key(user.number, since), "userName": user.name}
    return Actor({**identity, "sessionContext": {"attributes": attributes}}, address, FIREFOX, "console")


def user_at_sign_in(user: User, address: str = OFFICE[0]) -> Actor:
    """An IAM user while signing in: there is no key yet."""
    return Actor({**_user(user), "userName": user.name}, address, FIREFOX, "console")


def root(since: int | None = None, address: str = OFFICE[2]) -> Actor:
    """The account's root user, while signing in or (with `since`) in its console session."""
    arn = f"arn:aws:iam::{ACCOUNT}:root"
    identity: Json = {"type": "Root", "principalId": ACCOUNT, "arn": arn, "accountId": ACCOUNT}
    if since is None:
        return Actor({**identity, "accessKeyId": ""}, address, FIREFOX, "console")
    attributes = {"creationDate": _iso(since), "mfaAuthenticated": "true"}
    identity |= {"accessKeyId": short_key(1, since), "sessionContext": {"attributes": attributes}}
    return Actor(identity, address, FIREFOX, "console")


def role_session(role: Role, session: str, since: int, address: str, agent: str, *, mfa: bool = False) -> Actor:
    """A session of a role, assumed at `since` by something outside AWS (or by our own code inside it)."""
    return Actor(_role(role, session, since, mfa=mfa), address, agent)


def service_session(role: Role, session: str, since: int, service: str) -> Actor:
    """A session of a role that an AWS service uses on our behalf."""
    host = f"{service}.amazonaws.com"
    identity = _role(role, session, since, mfa=False)
    del identity["accessKeyId"]  # AWS does not name the key of its own services
    return Actor({**identity, "invokedBy": host}, host, host, "service")


def aws_service(service: str) -> Actor:
    """An AWS service that calls with its own principal."""
    host = f"{service}.amazonaws.com"
    return Actor({"type": "AWSService", "invokedBy": host}, host, host, "service")


def service_event(service: str | None) -> Actor:
    """The actor of an AwsServiceEvent: AWS acts for the account by itself; `service` None is spelled "AWS Internal"."""
    host = f"{service}.amazonaws.com" if service else "AWS Internal"
    return Actor({"accountId": ACCOUNT, "invokedBy": host}, host, host, "service")


def other_account(account: str, principal: str, address: str, agent: str) -> Actor:
    """A principal of another account, as our account's record of a cross-account call names it."""
    return Actor({"type": "AWSAccount", "principalId": principal, "accountId": account}, address, agent)


def long_key(user: User) -> str:
    return f"AKIAEXAMPLE{user.number:09d}"


def short_key(number: int, since: int) -> str:
    return f"ASIAEXAMPLE{(number * 7_919_017 + since // 1_000_000) % 10**9:09d}"


def _user(user: User) -> Json:
    return {"type": "IAMUser", "principalId": user.principal, "arn": user.arn, "accountId": ACCOUNT}


def _role(role: Role, session: str, since: int, *, mfa: bool) -> Json:
    issuer = {"type": "Role", "principalId": role.principal, "arn": role.arn, "accountId": ACCOUNT, "userName": role.name}
    attributes = {"creationDate": _iso(since), "mfaAuthenticated": "true" if mfa else "false"}
    return {
        "type": "AssumedRole",
        "principalId": f"{role.principal}:{session}",
        "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role.name}/{session}",
        "accountId": ACCOUNT,
        "accessKeyId": short_key(role.number, since),
        "sessionContext": {"sessionIssuer": issuer, "attributes": attributes},
    }


def _iso(at: int) -> str:
    return moment(at).strftime("%Y-%m-%dT%H:%M:%SZ")
