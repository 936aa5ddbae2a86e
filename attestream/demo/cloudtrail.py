"""CloudTrail records: what was done (`Operation`), by whom (`actors.Actor`), when and where (`Call`), as AWS writes it.

The shape is that of the AWS CloudTrail user guide's record contents: field order, which fields appear for which kind of
event, compact JSON, times to the second.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass
from typing import Any

from attestream.demo.actors import Actor
from attestream.demo.world import ACCOUNT, moment

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be done. `service` is the first label of the event source ("kms" of kms.amazonaws.com);
    `resources` are (type, ARN) pairs; `details` makes it an event of the service itself (serviceEventDetails)."""

    service: str
    name: str
    request: Json | None = None
    response: Json | None = None
    read_only: bool = True
    resources: tuple[tuple[str, str], ...] = ()
    additional: Json | None = None
    details: Json | None = None
    event_type: str = "AwsApiCall"


@dataclass(frozen=True, slots=True)
class Call:
    """An operation as it happened: `at` in microseconds UTC; `error` is (code, message) of a call that was refused; a
    failed sign-in has a message and no code."""

    at: int
    region: str
    actor: Actor
    operation: Operation
    error: tuple[str | None, str] | None = None


def record(call: Call, ids: random.Random) -> Json:
    """The record of a call; `ids` gives the request's and the event's id."""
    op, actor = call.operation, call.actor
    out: Json = {
        "eventVersion": "1.11",
        "userIdentity": actor.identity,
        "eventTime": moment(call.at).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": f"{op.service}.amazonaws.com",
        "eventName": op.name,
        "awsRegion": call.region,
        "sourceIPAddress": actor.address,
        "userAgent": actor.agent,
    }
    if call.error:
        code, message = call.error
        out |= {"errorCode": code, "errorMessage": message} if code else {"errorMessage": message}
    out["requestParameters"] = op.request
    out["responseElements"] = None if call.error and call.error[0] else op.response
    if op.additional is not None:
        out["additionalEventData"] = op.additional
    if op.event_type == "AwsApiCall":
        out["requestID"] = _id(ids)
    out["eventID"] = _id(ids)
    out["readOnly"] = op.read_only
    if op.resources:
        out["resources"] = [{"accountId": ACCOUNT, "type": kind, "ARN": arn} for kind, arn in op.resources]
    out |= {"eventType": op.event_type, "managementEvent": True, "recipientAccountId": ACCOUNT}
    if actor.identity.get("type") == "AWSService":
        out["sharedEventID"] = _id(ids)
    if op.details is not None:
        out["serviceEventDetails"] = op.details
    out["eventCategory"] = "Management"
    return out | _ending(call)


def _ending(call: Call) -> Json:
    """What follows eventCategory: TLS for calls over the network, the console's mark for calls made by the console."""
    if call.actor.kind == "console" and call.operation.event_type == "AwsApiCall":
        return {"sessionCredentialFromConsole": "true"}
    if call.actor.kind == "service":
        return {}
    service = call.operation.service
    host = f"{service}.{call.region}.amazonaws.com"
    if service == "signin":
        host = "signin.aws.amazon.com"
    elif service == "iam":
        host = "iam.amazonaws.com"
    tls = {"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256", "clientProvidedHostHeader": host}
    return {"tlsDetails": tls}


def _id(ids: random.Random) -> str:
    return str(uuid.UUID(int=ids.getrandbits(128), version=4))
