"""What small servers for AWS APIs have in common: who asks and in which Region, STS, the list of Regions, refusals.

Signatures are not checked. The account is that of the role whose credentials are used, as STS handed them out, else the server's.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs

from attestream.demo.servers.serving import Asked, JsonServer, Reply

_SCOPE: Final = re.compile(r"Credential=(?P<key>[^/,]+)/[0-9]{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
_ROLE: Final = re.compile(r"arn:aws:iam::(?P<account>[0-9]{12}):role/(?P<name>.+)")


class Refused(Exception):
    """An answer with an error code of AWS's."""

    def __init__(self, code: str, status: int = 400, message: str = "") -> None:
        super().__init__(message or code)
        self.code, self.status = code, status


@dataclass(frozen=True, slots=True)
class Call:
    """One call: `operation` is the path of REST services, else the operation's name; `body` its parameters."""

    account: str
    region: str
    service: str
    operation: str
    body: Mapping[str, Any]


class AwsServer(JsonServer):
    """Answers STS and DescribeRegions itself, and gives every other call to `call`."""

    def __init__(
        self,
        account: str = "111122223333",
        regions: Sequence[str] = ("eu-west-1", "us-east-1"),
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(clock)
        self.account, self.regions = account, tuple(regions)

    def call(self, call: Call) -> dict[str, Any]:
        """What the service answers. Raises Refused."""
        raise NotImplementedError

    def answer(self, asked: Asked) -> Reply:
        """Find out who asks for what, and answer it."""
        scope = _SCOPE.search(asked.headers.get("authorization", ""))
        if scope is None:
            return _refusal(Refused("MissingAuthenticationToken", 403, "Missing Authentication Token"))
        key = scope["key"]
        account = key[4:16] if re.fullmatch(r"ASIA[0-9]{12}", key) else self.account
        if scope["service"] in ("sts", "ec2"):
            return self._query(account, parse_qs(asked.body.decode("utf-8", "replace")))
        target = asked.headers.get("x-amz-target", "")
        operation = target.rpartition(".")[2] if target else asked.path
        try:
            value = self.call(Call(account, scope["region"], scope["service"], operation, asked.json()))
        except Refused as error:
            return _refusal(error)
        return Reply(200, value, {"Content-Type": "application/x-amz-json-1.1" if target else "application/json"})

    def _query(self, account: str, form: Mapping[str, Sequence[str]]) -> Reply:
        action = next(iter(form.get("Action", ())), "")
        if action == "GetCallerIdentity":
            arn = f"arn:aws:sts::{account}:assumed-role/reader/attestream"
            inner = f"<Arn>{arn}</Arn><UserId>AROA:attestream</UserId><Account>{account}</Account>"
        elif action == "AssumeRole" and (role := _ROLE.fullmatch(next(iter(form.get("RoleArn", ())), ""))):
            inner = (
                f"<Credentials><AccessKeyId>ASIA{role['account']}</AccessKeyId><SecretAccessKey>none</SecretAccessKey>"
                "<SessionToken>none</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
            )
        elif action == "DescribeRegions":
            items = "".join(f"<item><regionName>{region}</regionName></item>" for region in self.regions)
            return _xml(f"<{action}Response><requestId>r</requestId><regionInfo>{items}</regionInfo></{action}Response>")
        else:
            return Reply(400, b"<ErrorResponse><Error><Code>InvalidAction</Code></Error></ErrorResponse>")
        return _xml(f"<{action}Response><{action}Result>{inner}</{action}Result></{action}Response>")


def _xml(text: str) -> Reply:
    return Reply(200, text.encode(), {"Content-Type": "text/xml"})


def _refusal(error: Refused) -> Reply:
    return Reply(error.status, {"__type": error.code, "Message": str(error)}, {"x-amzn-ErrorType": error.code})
