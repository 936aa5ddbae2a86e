"""alerts/email.py and alerts/smtp.py against a real SMTP server, with STARTTLS, TLS and AUTH."""

from __future__ import annotations

import email
import email.policy
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from structlog.testing import capture_logs

from alerts.base import Action, AlertError, Refused, Retry
from alerts.registry import read_routes
from tests.alerts.hostile import HOSTILE

USER, PASSWORD = "attestream", "pass w0rd!"
TO = ["first@example.org", "second@example.org"]
NAME = "smtp.example.test"


@dataclass
class Box:
    """What an SMTP server took. `refuse` gives the answer to a recipient."""

    messages: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    users: list[bytes] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    at_end: str = "250 taken"

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 fine"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        if self.at_end.startswith("250"):
            message = email.message_from_bytes(envelope.content, policy=email.policy.default)
            assert isinstance(message, EmailMessage)
            self.messages.append(message)
            self.recipients.append(envelope.rcpt_tos)
        return self.at_end

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        self.users.append(data.login)
        return AuthResult(success=(data.login, data.password) == (USER.encode(), PASSWORD.encode()), handled=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
    subprocess.run([*command, *names, "-keyout", folder / "key", "-out", folder / "cert"], check=True, capture_output=True)
    (folder / "both.pem").write_bytes((folder / "key").read_bytes() + (folder / "cert").read_bytes())
    return folder / "both.pem"


@pytest.fixture
def serve(certificate: Path) -> Iterator[Callable[..., tuple[Box, int]]]:
    """serve("starttls"): a server that takes mail after STARTTLS (or by tls, or none) and AUTH."""
    made: list[Controller] = []

    def start(security: str = "starttls") -> tuple[Box, int]:
        box, tls = Box(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        more: dict[str, Any] = {"ready_timeout": 120.0}
        if security != "none":
            more |= {"authenticator": box.authenticate, "auth_required": True}
        if security == "starttls":
            more |= {"tls_context": tls, "require_starttls": True}
        elif security == "tls":
            more |= {"ssl_context": tls, "auth_require_tls": False}
        controller = Controller(box, hostname="127.0.0.1", port=port, **more)
        controller.start()
        made.append(controller)
        return box, port

    yield start
    for controller in made:
        controller.stop()


def made(port: int, certificate: Path, **more: Any) -> Any:
    """The notifier of such a route; NAME is this machine."""
    settings: dict[str, Any] = {"name": "mail", "type": "email", "host": NAME, "port": port, "allow_private": True}
    settings |= {"user": USER, "password": PASSWORD, "sender": "attestream@example.org", "to": TO, "ca_file": str(certificate)}
    [route] = read_routes([{k: v for k, v in (settings | more).items() if v is not None}])
    notifier: Any = route.notifier
    return replace(notifier, server=replace(notifier.server, lookup=lambda *_: ["127.0.0.1"], total=120.0))


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_message_is_sent_with_tls_and_a_password(serve: Any, certificate: Path, make_alert: Any, security: str) -> None:
    box, port = serve(security)
    notifier, alert = made(port, certificate, security=security), make_alert()
    notifier.notify(alert)
    [message] = box.messages
    assert box.recipients == [TO]
    assert box.users == [USER.encode()]
    assert message["Subject"] == "[Attestream] Open (critical): Trail stopped from logging, account 111122223333"
    assert (message["From"], message["To"]) == ("attestream@example.org", ", ".join(TO))
    assert message["Message-ID"] == f"<{alert.id}@example.org>"
    assert message["Auto-Submitted"] == "auto-generated"
    plain, html = (message.get_body(kind).get_content() for kind in (("plain",), ("html",)))
    for body in (plain, html):
        for part in ("not satisfied for main", "A.8.15", alert.link, alert.key, "entry 4708"):
            assert part in body
    assert PASSWORD not in repr(notifier)


def test_what_is_said_of_one_key_is_one_thread(serve: Any, certificate: Path, make_alert: Any) -> None:
    box, port = serve()
    notifier = made(port, certificate)
    for alert in (make_alert(), make_alert(Action.RESOLVE, id="2" * 32), make_alert(key="finding/other/1", id="3" * 32)):
        notifier.notify(alert)
    first, second, other = (message["References"] for message in box.messages)
    assert first == second != other
    assert len({message["Message-ID"] for message in box.messages}) == 3


def test_texts_from_outside_are_neither_headers_nor_html(serve: Any, certificate: Path, make_alert: Any) -> None:
    box, port = serve()
    made(port, certificate).notify(make_alert(title=f"{HOSTILE} é", sentence=HOSTILE, subjects=(HOSTILE,), link=""))
    [message] = box.messages
    assert "<b>" not in message.get_body(("html",)).get_content()
    assert "&lt;b&gt;" in message.get_body(("html",)).get_content()
    assert message["Subject"].endswith("é, account 111122223333")
    assert message.keys().count("Subject") == 1


def test_a_digest_lists_its_lines(serve: Any, certificate: Path, make_alert: Any) -> None:
    box, port = serve()
    digest = make_alert(Action.DIGEST, counts={"high": 2}, top=(("Root signed in", 2),), lines=("A.8.15: satisfied before",))
    made(port, certificate).notify(digest)
    [message] = box.messages
    for kind in ("plain", "html"):
        body = message.get_body((kind,)).get_content()
        assert "Root signed in (2)" in body
        assert "A.8.15: satisfied before" in body


@pytest.mark.parametrize(
    ("refused", "kind"),
    [
        ({TO[0]: "550 no such person", TO[1]: "550 no such person"}, Refused),
        ({TO[0]: "450 later", TO[1]: "550 no such person"}, Retry),
    ],
)
def test_when_no_recipient_is_taken_it_is_tried_again(
    serve: Any, certificate: Path, make_alert: Any, refused: dict[str, str], kind: type[AlertError]
) -> None:
    box, port = serve()
    box.refuse = refused
    with pytest.raises(kind, match="takes none of the recipients"):
        made(port, certificate).notify(make_alert())
    assert box.messages == []


def test_one_recipient_that_is_refused_does_not_keep_it_from_others(serve: Any, certificate: Path, make_alert: Any) -> None:
    box, port = serve()
    box.refuse = {TO[0]: "550 no such person"}
    with capture_logs() as logs:
        made(port, certificate).notify(make_alert())
    assert box.recipients == [TO[1:]]
    assert [(line["event"], line["refused"], line["of"]) for line in logs] == [("recipients_refused", 1, 2)]


@pytest.mark.parametrize(("answer", "kind"), [("451 later", Retry), ("554 s3cr3t", Refused)])
def test_what_the_server_does_not_take(
    serve: Any, certificate: Path, make_alert: Any, answer: str, kind: type[AlertError]
) -> None:
    box, port = serve()
    box.at_end = answer
    with pytest.raises(kind) as error:
        made(port, certificate).notify(make_alert())
    assert answer[:3] in str(error.value)
    assert "s3cr3t" not in str(error.value)


def test_a_wrong_password_is_refused_and_not_repeated(serve: Any, certificate: Path, make_alert: Any) -> None:
    box, port = serve()
    with pytest.raises(Refused, match="did not accept user and password") as error:
        made(port, certificate, password="wr0ng").notify(make_alert())
    assert "wr0ng" not in str(error.value)
    assert box.messages == []


def test_a_server_without_starttls_gets_neither_password_nor_message(serve: Any, certificate: Path, make_alert: Any) -> None:
    box, port = serve("none")
    with pytest.raises(Refused, match="does not offer what is needed: STARTTLS"):
        made(port, certificate).notify(make_alert())
    assert (box.users, box.messages) == ([], [])


def test_without_tls_only_where_it_is_allowed(serve: Any, certificate: Path, make_alert: Any) -> None:
    box, port = serve("none")
    made(port, certificate, security="none", user=None, password=None, allow_http=True).notify(make_alert())
    assert len(box.messages) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_of_somebody_else_is_not_trusted(serve: Any, certificate: Path, make_alert: Any, security: str) -> None:
    box, port = serve(security)
    with pytest.raises(Retry, match="certificate is not trusted"):
        made(port, certificate, security=security, host="other.example.test").notify(make_alert())
    assert (box.users, box.messages) == ([], [])


def test_an_address_that_must_not_be_called_is_not(serve: Any, certificate: Path, make_alert: Any) -> None:
    box, port = serve()
    notifier = made(port, certificate, allow_private=None)
    with pytest.raises(Refused, match="must not be called"):
        notifier.notify(make_alert())
    assert box.users == []


def test_a_server_that_drips_is_cut_off(certificate: Path, make_alert: Any) -> None:
    """A byte now and then keeps each reading alive, and would hold up the route for ever."""
    over = threading.Event()

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            while not over.wait(0.05):
                connection.sendall(b"2")

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        thread = threading.Thread(target=drip, args=(listener,), daemon=True)
        thread.start()
        notifier = made(listener.getsockname()[1], certificate)
        notifier = replace(notifier, server=replace(notifier.server, total=0.5))
        try:
            with pytest.raises(Retry, match=r"broke off|did not take"):
                notifier.notify(make_alert())
        finally:
            over.set()
            thread.join()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"host": "127.0.0.1", "allow_private": None}, "host: 127.0.0.1 is not a public address"),
        ({"host": "smtp.example.test/x"}, "host: "),
        ({"host": "smtp.example.test:25"}, "host: "),
        ({"hosts": ["other.example.test"]}, "host: smtp.example.test is not among the route's hosts"),
        ({"password": None}, "set one of password and password_file, with user"),
        ({"user": None}, "password goes with user"),
        ({"security": "none"}, "security: none sends in the clear"),
        ({"security": "none", "allow_http": True}, "security: none would send the password in the clear"),
        ({"to": []}, "to: "),
        ({"to": ["a@example.org\r\nBcc: evil@example.org"]}, "to.0: "),
        ({"sender": "Attestream <a@example.org>"}, "sender: "),
        ({"password": "pässword"}, "password: user and password are ASCII"),
    ],
)
def test_settings_that_cannot_be_used(certificate: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(AlertError) as error:
        made(25, certificate, **changes)
    assert said in str(error.value)
    assert PASSWORD not in str(error.value)
