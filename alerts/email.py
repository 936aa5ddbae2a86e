"""Notifier `email`: one message per alert by SMTP, in plain text and HTML, with TLS unless that was lifted."""

from __future__ import annotations

import hashlib
import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import structlog
from pydantic import Field, SecretStr, model_validator

from alerts.base import Alert, Notifier, RouteInvalid
from alerts.build import target_of, trust
from alerts.render import facts, headline, lines, text_of
from alerts.route_type import RouteType
from alerts.secret import password_of, read_secret
from alerts.settings import CallSettings
from alerts.smtp import Security, Server, send
from store.records import SECOND
from store.times import Clock, wall_clock

_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}
_ADDRESS: Final = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}$"
Mailbox = Annotated[str, Field(pattern=_ADDRESS)]


class EmailSettings(CallSettings):
    """email: through the SMTP server `host`, from `sender` to all in `to`."""

    type: Literal["email"]
    host: str = Field(min_length=1, max_length=253)
    port: int | None = Field(default=None, ge=1, le=65535)
    security: Security = "starttls"
    user: str = Field(default="", max_length=320)
    password: SecretStr | None = None
    password_file: Path | None = None
    sender: Mailbox
    to: tuple[Mailbox, ...] = Field(min_length=1, max_length=50)

    @model_validator(mode="after")
    def _safe(self) -> EmailSettings:
        password_of(self.user, self.password, self.password_file)
        if self.security == "none" and not self.allow_http:
            raise ValueError("security: none sends in the clear (allow_http: true lifts this for a route)")
        if self.security == "none" and self.user:
            raise ValueError("security: none would send the password in the clear; leave user out, or use starttls or tls")
        return self


@dataclass(frozen=True, slots=True)
class EmailNotifier:
    """Sends to all recipients in one go."""

    server: Server
    sender: str
    to: Sequence[str]
    clock: Clock = wall_clock
    _log: Any = field(default_factory=lambda: structlog.get_logger("alerts"))

    def notify(self, alert: Alert) -> None:
        """Send it. Done when the server took it for at least one recipient; those that it refuses are logged by their number."""
        message = compose(alert, self.sender, self.to, self.clock())
        refused = send(self.server, message, self.sender, self.to)
        if refused:
            self._log.error("recipients_refused", host=self.server.target.authority, refused=refused, of=len(self.to))


def compose(alert: Alert, sender: str, to: Sequence[str], now: int) -> EmailMessage:
    """The message. What is said of one key is one thread; what is sent again has the same Message-ID."""
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(addr_spec=sender)
    message["To"] = [Address(addr_spec=address) for address in to]
    message["Subject"] = f"[Attestream] {headline(alert)}"
    message["Date"] = format_datetime(datetime.fromtimestamp(now // SECOND, UTC))
    domain = sender.rpartition("@")[2]
    message["Message-ID"] = f"<{alert.id}@{domain}>"
    thread = f"<{_thread(alert)}@{domain}>"
    message["In-Reply-To"] = message["References"] = thread
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(f"{text_of(alert)}\n-- \n{alert.key}\n{alert.id}\n")
    message.add_alternative(_html(alert), subtype="html")
    return message


def _thread(alert: Alert) -> str:
    return hashlib.sha256(f"{alert.origin}\n{alert.key}".encode("utf-8", "replace")).hexdigest()[:32]


def _html(alert: Alert) -> str:
    """The alert as a page of its own, without anything that would be fetched; every text is quoted."""
    cells = '<tr><th align="left" valign="top">{}</th><td>{}</td></tr>'
    rows = "".join(cells.format(html.escape(label), html.escape(value)) for label, value in facts(alert))
    items = "".join(f"<li>{html.escape(line)}</li>" for line in lines(alert))
    link = f'<p><a href="{html.escape(alert.link)}">Open in Attestream</a></p>' if alert.link else ""
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(headline(alert))}</title></head>'
        f"<body><h2>{html.escape(headline(alert))}</h2><p>{html.escape(alert.sentence)}</p>"
        f'<table cellpadding="4">{rows}</table>{f"<ul>{items}</ul>" if items else ""}{link}'
        f"<p><small>{html.escape(alert.key)}<br>{html.escape(alert.id)}</small></p></body></html>"
    )


def _build(settings: EmailSettings) -> Notifier:
    port = settings.port if settings.port is not None else _PORTS[settings.security]
    target = target_of("host", f"https://{settings.host}:{port}/", settings)
    if target.path != "/" or target.host != settings.host.lower().strip("[]"):
        raise RouteInvalid("host: the name of a host, without a port or a path")
    password = ""
    if settings.user:
        password = read_secret("password", settings.password, settings.password_file)
        if not (password.isascii() and settings.user.isascii()):
            raise RouteInvalid("password: user and password are ASCII")
    tls = trust(settings.ca_file) if settings.security != "none" else None
    return EmailNotifier(Server(target, settings.security, tls, settings.user, password), settings.sender, settings.to)


TYPE: Final = RouteType("email", "an e-mail by SMTP, in plain text and HTML", EmailSettings, _build)
