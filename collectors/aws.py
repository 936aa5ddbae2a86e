"""The AWS SDK behind types of ours: clients with timeouts and retries, and a clear sentence for what AWS answers.

boto3 is imported when a client is made: it is large, and most commands need none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from collectors.aws_answers import guard
from collectors.base import CollectorError


class AwsError(CollectorError):
    """What AWS, or the way to it, answered. `code` is AWS's error code, or the SDK's class; the message is a sentence."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Connection:
    """How AWS is reached. Credentials are found by the SDK (environment, profile, role); seconds for timeouts."""

    region: str | None = None
    profile: str | None = None
    endpoint_url: str | None = None
    max_attempts: int = 5
    connect_timeout: float = 5.0
    read_timeout: float = 30.0

    def client(self, service: str, max_attempts: int | None = None) -> Any:
        """Return a boto3 client. Raises AwsError, e.g. for a profile that does not exist."""
        try:
            session = self._session()
            region = self.region or session.region_name or "us-east-1"
        except faults(ValueError) as error:
            raise explain(error, "AWS", "") from error
        return self.of(session, service, region, max_attempts)

    def of(self, session: Any, service: str, region: str, max_attempts: int | None = None) -> Any:
        """Return a client of a boto3 session. Raises AwsError."""
        from botocore.config import Config

        config = Config(
            connect_timeout=self.connect_timeout,
            read_timeout=self.read_timeout,
            retries={"mode": "standard", "total_max_attempts": max_attempts or self.max_attempts},
            user_agent_extra="attestream",
            s3={"addressing_style": "path"} if self.endpoint_url else None,
        )
        try:
            client = session.client(service, region_name=region, endpoint_url=self.endpoint_url, config=config)
        except faults(ValueError) as error:
            raise explain(error, "AWS", "") from error
        guard(client)
        if service == "s3control" and self.endpoint_url is not None:
            client.meta.events.register("before-call.s3-control", self._without_account)
        return client

    def _without_account(self, params: dict[str, Any], **_more: Any) -> None:
        """S3 Control puts the account before the host's name: an endpoint of one's own is asked as it is written."""
        assert self.endpoint_url is not None, "registered for such endpoints"
        params["url"] = self.endpoint_url.rstrip("/") + params["url_path"]

    def session(self, role_arn: str | None, external_id: str | None, name: str) -> Any:
        """A boto3 session of the own identity, or of a role whose credentials the SDK fetches and renews. Raises AwsError."""
        try:
            own = self._session()
            if role_arn is None:
                return own
            return self._assumed(own, role_arn, external_id, name)
        except faults(ValueError) as error:
            raise explain(error, "AWS", "") from error

    def _assumed(self, own: Any, role_arn: str, external_id: str | None, name: str) -> Any:
        import boto3
        from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

        def sts(_service: str, **_how: Any) -> Any:
            return self.of(own, "sts", self.region or own.region_name or "us-east-1")

        more = {"RoleSessionName": name, **({"ExternalId": external_id} if external_id is not None else {})}
        fetcher = AssumeRoleCredentialFetcher(sts, own.get_credentials(), role_arn, extra_args=more)
        inner = _inner()
        inner._credentials = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")  # the SDK has no other door
        return boto3.Session(botocore_session=inner, region_name=self.region or own.region_name)

    def identity(self) -> str:
        """As whom AWS sees us (an ARN); where STS cannot be asked, the end of the access key's id. Raises AwsError."""
        sts = self.client("sts", max_attempts=2)
        try:
            return str(sts.get_caller_identity()["Arn"])
        except faults(KeyError):
            return self._key()

    def _key(self) -> str:
        try:
            credentials = self._session().get_credentials()
            key = str(credentials.get_frozen_credentials().access_key) if credentials else ""
        except faults() as error:
            raise explain(error, "AWS", "") from error
        return f"access key ending in {key[-4:]}" if key else "no credentials"

    def _session(self) -> Any:
        import boto3

        return boto3.Session(botocore_session=_inner(), profile_name=self.profile, region_name=self.region)


def _inner() -> Any:
    from botocore.session import get_session

    inner = get_session()
    inner.register_component("data_loader", _descriptions(inner.get_config_variable("data_path")))
    return inner


@cache
def _descriptions(path: str | None) -> Any:
    """The SDK's descriptions of services, parsed once for all sessions: each would hold tens of MB of its own."""
    from botocore.loaders import create_loader

    return create_loader(path)


def faults(*more: type[Exception]) -> tuple[type[Exception], ...]:
    """The exceptions by which the SDK reports a failed call or a broken body (a few operations it parses by ElementTree, and lets
    its errors out), and `more`."""
    from xml.etree.ElementTree import ParseError

    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError
    from urllib3.exceptions import HTTPError

    return BotoCoreError, ClientError, ResponseParserError, HTTPError, ParseError, OSError, *more


_CREDENTIALS: Final = (
    "does not accept the credentials ({code}): renew them, or correct the source's profile or the environment's AWS_ settings"
)
_REGION: Final = "is in another Region ({code}): set the source's region to the bucket's"
_THROTTLED: Final = "throttled us ({code}) through every retry: nothing is lost, the next run asks again; a longer schedule helps"
_BROKEN: Final = "answered with an error of its own ({code}) through every retry: nothing is lost, the next run asks again"
_REFUSED: Final = "refused the request ({code}): check the source's settings"
_NETWORK: Final = (
    "cannot be reached or broke off ({code}): check network, proxy and endpoint_url; nothing is lost, the next run asks again"
)
_SENTENCES: Final[Mapping[str, str]] = {
    "NoSuchBucket": "does not exist (NoSuchBucket): correct the source's bucket",
    "NoSuchKey": "is not there any more (NoSuchKey)",
    "NoSuchVersion": "is not there any more (NoSuchVersion)",
    "404": "is not there (404)",
    "PreconditionFailed": "was replaced while it was read; it will be read again",
    "412": "was replaced while it was read; it will be read again",
    "InvalidObjectState": "is archived (Glacier) and cannot be read: restore it, or set the source's since to a later day",
    "ResponseParserError": "answered with what is no answer of AWS's: correct endpoint_url, or the proxy on the way",
    "RequestTimeTooSkewed": "says that this machine's clock is wrong: set the clock (NTP)",
    "NoCredentialsError": "was not called, for there are no AWS credentials: give the service a role, a profile or AWS_ settings",
    "PartialCredentialsError": "was not called, for the AWS credentials are incomplete: complete the profile or AWS_ settings",
    "ProfileNotFound": "was not called, for the source's profile is not in the AWS configuration: correct it",
    "CredentialRetrievalError": "was not called, for credentials could not be fetched: check the role or the profile's process",
    "UnauthorizedSSOTokenError": "was not called, for the SSO session is over: sign in again (aws sso login)",
    "SSOTokenLoadError": "was not called, for there is no SSO session: sign in (aws sso login)",
    "TokenRetrievalError": "was not called, for the SSO session is over: sign in again (aws sso login)",
    **dict.fromkeys(("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"), _CREDENTIALS),
    **dict.fromkeys(("TokenRefreshRequired", "UnrecognizedClientException", "InvalidClientTokenId"), _CREDENTIALS),
    **dict.fromkeys(("PermanentRedirect", "301", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"), _REGION),
    **dict.fromkeys(("SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests"), _THROTTLED),
    **dict.fromkeys(("503", "429", "RequestThrottled", "ServiceUnavailable", "BandwidthLimitExceeded"), _THROTTLED),
}
_DENIED: Final = frozenset(
    {"AccessDenied", "403", "AllAccessDisabled", "AccountProblem", "AccessDeniedException", "Forbidden"}
    | {"UnauthorizedOperation", "AuthorizationError", "NotAuthorized", "UnauthorizedException"}
)


def is_denial(error: AwsError) -> bool:
    """Did AWS refuse a permission? Not: credentials that it does not know, or a call that broke."""
    return error.code in _DENIED


def explain(error: Exception, what: str, permission: str) -> AwsError:
    """Return the error as a sentence about `what` ("S3 bucket x"): what is wrong and what to do.

    `permission` names what a denied call needs ("s3:ListBucket on arn:..."). Of AWS's own message nothing is repeated.
    """
    code = _code(error)
    if code in _DENIED:
        return AwsError(f"{what} denies access ({code}): allow {permission} to the identity that reads it", code)
    words = _SENTENCES.get(code)
    if words is None and code.startswith("KMS."):
        words = "is encrypted with a KMS key that cannot be used ({code}): allow kms:Decrypt on that key"
    if words is None:
        words = _other(error)
    return AwsError(f"{what} {words.format(code=code)}", code)


def _code(error: Exception) -> str:
    response = getattr(error, "response", None)
    if isinstance(response, Mapping):
        code = str(response.get("Error", {}).get("Code") or response.get("ResponseMetadata", {}).get("HTTPStatusCode") or "")
        return "".join(char for char in code if char.isalnum() or char in "._-")[:64] or "unknown"
    return type(error).__name__


def _other(error: Exception) -> str:
    response = getattr(error, "response", None)
    if isinstance(response, Mapping):
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return _BROKEN if isinstance(status, int) and status >= 500 else _REFUSED
    if isinstance(error, ValueError):
        return "was not called, for endpoint_url or region is not valid ({code}): correct it"
    return _NETWORK
