"""A fresh AWS account of moto's for each test, read through a proxy that can deny, break or invent answers."""

from __future__ import annotations

import itertools
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import boto3
import pytest
from botocore.config import Config

from collectors.aws_account import AwsAccount
from collectors.base import Collector, Window
from collectors.registry import build, read_settings
from collectors.report import Silent, WindowReport
from store.records import Event, PartRecord

REGION = "eu-west-1"
_ACCOUNTS = itertools.count(200000000001)


@dataclass(frozen=True)
class Request:
    """`operation`: GetBucket… of query and JSON services; "GET /path?query" of REST services. `body`: parameters, decoded."""

    service: str
    region: str
    operation: str
    body: Mapping[str, Any]


Answer = tuple[int, Mapping[str, str], bytes]


class Proxy(ThreadingHTTPServer):
    """Passes requests on to moto, unless one of `answers` has an answer."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = target
        self.answers: list[Callable[[Request], Answer | None]] = []
        self.seen: list[Request] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Proxy

    def do_GET(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = self._request(data)
        self.server.seen.append(request)
        made = next((answer for answer in (answers(request) for answers in self.server.answers) if answer is not None), None)
        status, headers, body = made or self._ask(data)
        self.send_response_only(status)
        for key, value in headers.items():
            if key.lower() not in ("content-length", "connection", "transfer-encoding"):
                self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT = do_HEAD = do_DELETE = do_GET

    def _request(self, data: bytes) -> Request:
        scope = self.headers.get("Authorization", "").partition("Credential=")[2].split(",")[0].split("/")
        region, service = (scope[2], scope[3]) if len(scope) > 4 else ("", "")
        target = self.headers.get("X-Amz-Target")
        if target:
            return Request(service, region, target.rpartition(".")[2], json.loads(data or b"{}"))
        form = {key: values[0] for key, values in parse_qs(data.decode("utf-8", "replace")).items()}
        if "Action" in form:
            return Request(service, region, form["Action"], form)
        return Request(service, region, f"{self.command} {self.path}", json.loads(data) if data[:1] == b"{" else {})

    def _ask(self, data: bytes) -> Answer:
        headers = {key: value for key, value in self.headers.items() if key.lower() not in ("host", "connection")}
        request = urllib.request.Request(self.server.target + self.path, data or None, headers, method=self.command)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), error.read()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@dataclass
class Seen:
    """What one look brought."""

    events: list[Event]
    report: WindowReport

    def subjects(self, kind: str) -> dict[str, dict[str, Any]]:
        """Values by subject of one resource kind ("iam.user")."""
        return {str(e.subject): json.loads(e.payload) for e in self.events if e.type == f"snapshot.aws.{kind}"}

    def only(self, kind: str) -> dict[str, Any]:
        """The value of the one subject of a kind."""
        [value] = self.subjects(kind).values()
        return value

    def event(self, kind: str) -> Event:
        [event] = [event for event in self.events if event.type == f"snapshot.aws.{kind}"]
        return event

    def summaries(self, kind: str) -> list[dict[str, Any]]:
        return [json.loads(event.payload) for event in self.events if event.type == f"summary.aws.{kind}"]

    def summary(self, kind: str) -> dict[str, Any]:
        [value] = self.summaries(kind)
        return value

    def parts(self, kind: str) -> list[PartRecord]:
        return [part for part in self.report.parts if part.type == f"snapshot.aws.{kind}"]

    def part(self, kind: str) -> PartRecord:
        [part] = self.parts(kind)
        return part

    @property
    def said(self) -> str:
        return "\n".join(self.report.errors)


@dataclass
class World:
    """One account. `client` goes to moto directly; `look` reads through the proxy."""

    proxy: Proxy
    account: str
    keys: Mapping[str, str]
    now: int = 1_800_000_000_000_000
    secrets: list[str] = field(default_factory=list)

    def client(self, service: str, region: str = REGION) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.proxy.target,
            region_name=region,
            aws_access_key_id=self.keys["AccessKeyId"],
            aws_secret_access_key=self.keys["SecretAccessKey"],
            aws_session_token=self.keys["SessionToken"],
            config=Config(read_timeout=20),
        )

    @property
    def role(self) -> str:
        return f"arn:aws:iam::{self.account}:role/reader"

    def collector(self, *resources: str, **settings: Any) -> Collector:
        values = {
            "name": "cloud",
            "type": "aws-account",
            "endpoint_url": self.proxy.url,
            "accounts": [{"role_arn": self.role}],
            "regions": [REGION],
            "max_attempts": 1,
            "resources": list(resources),
        }
        collector = build(read_settings(values | settings), lambda: self.now)
        assert isinstance(collector, AwsAccount)
        return replace(collector, pause=lambda _seconds: None)

    def look(self, *resources: str, **settings: Any) -> Seen:
        """Look once at these services or kinds ("s3", "iam.user")."""
        report = WindowReport(Silent(), {})
        window = Window("attempt", "cloud", self.now - 1, self.now, {})
        return Seen(list(self.collector(*resources, **settings).collect(window, report)), report)

    def answer(self, matches: Callable[[Request], bool] | str, answer: Answer | Callable[[Request], Answer]) -> None:
        """Answer some operation in moto's place. `matches`: a test of the request, or the operation (or how it begins)."""
        fits = matches if callable(matches) else lambda request: request.operation.startswith(matches)
        self.proxy.answers.insert(0, lambda asked: (answer(asked) if callable(answer) else answer) if fits(asked) else None)

    def fake(self, operation: Callable[[Request], bool] | str, value: Any, status: int = 200) -> None:
        """Answer with JSON."""
        self.answer(operation, (status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(value).encode()))

    def refuse(self, operation: Callable[[Request], bool] | str, code: str = "AccessDenied", status: int = 403) -> None:
        """Answer with an error that query, XML and JSON services word alike for the SDK: code in body and header."""

        def refusal(asked: Request) -> Answer:
            headers = {"x-amzn-ErrorType": code}
            if asked.service in ("iam", "sts", "rds", "sns", "elasticloadbalancing", "autoscaling", "cloudformation"):
                body = f"<ErrorResponse><Error><Code>{code}</Code><Message>hidden words</Message></Error></ErrorResponse>"
            elif asked.service == "ec2":
                body = f"<Response><Errors><Error><Code>{code}</Code><Message>hidden words</Message></Error></Errors></Response>"
            elif asked.service in ("s3", "cloudfront", "route53"):
                body = f"<Error><Code>{code}</Code><Message>hidden words</Message></Error>"
            else:
                return status, headers, json.dumps({"__type": code, "message": "hidden words"}).encode()
            return status, {"Content-Type": "text/xml"}, body.encode()

        self.answer(operation, refusal)


@pytest.fixture(scope="session")
def aws_proxy(moto_url: str) -> Iterator[Proxy]:
    server = Proxy(moto_url)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(10)


@pytest.fixture
def world(aws_proxy: Proxy) -> Iterator[World]:
    account = str(next(_ACCOUNTS))
    aws_proxy.answers.clear()
    aws_proxy.seen.clear()
    sts = boto3.client("sts", endpoint_url=aws_proxy.target, region_name="us-east-1")
    answer = sts.assume_role(RoleArn=f"arn:aws:iam::{account}:role/reader", RoleSessionName="maker")
    yield World(aws_proxy, account, answer["Credentials"])
    aws_proxy.answers.clear()
