"""One message to one SMTP server: connects to checked addresses only, in bounded time, never without the TLS asked for."""

from __future__ import annotations

import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Final, Literal

from alerts.base import Refused, Retry
from alerts.guard import Lookup, Target, resolve, system_lookup

Security = Literal["starttls", "tls", "none"]
CONNECT: Final = 10.0
TOTAL: Final = 40.0
"""Seconds for one message, whatever the server does."""


@dataclass(frozen=True, slots=True)
class Server:
    """An SMTP server, by name and port of `target`. `tls` is None only for `security` none."""

    target: Target
    security: Security
    tls: ssl.SSLContext | None = None
    user: str = ""
    password: str = field(default="", repr=False)
    lookup: Lookup = system_lookup
    total: float = TOTAL


def send(server: Server, message: EmailMessage, sender: str, to: Sequence[str]) -> int:
    """Send it; returns how many recipients were refused while others were taken. Raises Retry and Refused."""
    who = server.target.authority
    try:
        with _talking(server) as smtp:
            return len(smtp.send_message(message, sender, list(to)))
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        raise _fault(f"{who} takes none of the recipients", min(codes, default=450)) from error
    except smtplib.SMTPAuthenticationError as error:
        raise _fault(f"{who} did not accept user and password", error.smtp_code) from error
    except smtplib.SMTPNotSupportedError as error:
        raise Refused(f"{who} does not offer what is needed: {_missing(server)}") from error
    except smtplib.SMTPServerDisconnected as error:
        raise Retry(f"{who} broke off or did not answer in time") from error
    except smtplib.SMTPResponseException as error:
        raise _fault(f"{who} did not take the message", error.smtp_code) from error
    except smtplib.SMTPException as error:
        raise Retry(f"{who} did not take the message") from error
    except ssl.SSLCertVerificationError as error:
        raise Retry(f"{who} could not be reached: its certificate is not trusted ({error.verify_message})") from error
    except TimeoutError as error:
        raise Retry(f"{who} did not answer in time") from error
    except OSError as error:
        raise Retry(f"{who} could not be reached: {(error.strerror or 'the connection broke').lower()}") from error


def _missing(server: Server) -> str:
    return "STARTTLS, or a way to sign in" if server.security == "starttls" else "a way to sign in"


def _fault(text: str, code: int) -> Retry | Refused:
    """A code of 5xx is for good; 4xx, and what is no code at all, may be tried again. The server's words are not repeated."""
    return Refused(f"{text} ({code})") if 500 <= code < 600 else Retry(f"{text} ({code})")


@contextmanager
def _talking(server: Server) -> Iterator[smtplib.SMTP]:
    """A session after EHLO, TLS and AUTH. It is cut when its time is up, even in the middle of a line."""
    # 1. The name is resolved once, each of its addresses is checked, and only these are connected to.
    addresses = resolve(server.target, server.lookup)
    deadline = time.monotonic() + server.total
    smtp = smtplib.SMTP(local_hostname="localhost", timeout=server.total)
    smtp._host = server.target.host  # type: ignore[attr-defined]  # what TLS asks the certificate for
    smtp.sock = _connect(addresses, server, deadline)
    cut = threading.Timer(max(0.0, deadline - time.monotonic()), _cut, (smtp,))
    cut.daemon = True
    cut.start()
    try:
        # 2. Greeting, TLS and AUTH; what is not offered is refused, there is no going on without it.
        code, _ = smtp.getreply()
        if code != 220:
            raise smtplib.SMTPConnectError(code, b"")
        if server.security == "starttls":
            smtp.ehlo_or_helo_if_needed()
            smtp.starttls(context=server.tls)
        if server.user:
            smtp.login(server.user, server.password)
        yield smtp
        # 3. What the server took it has, whatever becomes of the good-bye.
        with suppress(smtplib.SMTPException, OSError):
            smtp.quit()
    finally:
        cut.cancel()
        smtp.close()


def _connect(addresses: Sequence[str], server: Server, deadline: float) -> socket.socket:
    last: OSError = TimeoutError()
    for address in addresses:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        try:
            made = socket.create_connection((address, server.target.port), min(CONNECT, left))
        except OSError as error:
            last = error
            continue
        made.settimeout(server.total)
        if server.security != "tls":
            return made
        assert server.tls is not None
        try:
            return server.tls.wrap_socket(made, server_hostname=server.target.host)
        except BaseException:
            made.close()
            raise
    raise last


def _cut(smtp: smtplib.SMTP) -> None:
    sock = smtp.sock
    if sock is not None:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
