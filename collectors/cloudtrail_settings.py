"""Settings that both CloudTrail file sources have for digests, and what is made of them for a window."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from collectors.base import Window
from collectors.cloudtrail_audit import Audit, Originals
from collectors.cloudtrail_chain import Chains
from collectors.cloudtrail_keys import Keys
from collectors.delivered import Open
from collectors.gz import Limits
from collectors.settings import DeliveredFilesSettings


def _word(value: Any) -> Any:
    return "off" if value is False else value  # YAML reads the word off as false


Digests = Annotated[Literal["auto", "require", "off"], BeforeValidator(_word)]
"""Check digests where there are any; demand them, and signatures that can be checked; leave them alone."""


class TrailFilesSettings(DeliveredFilesSettings):
    """What cloudtrail-files and cloudtrail-s3 share: whether digests are checked, and with which keys."""

    digests: Digests = "auto"
    public_keys_file: Path | None = None
    digest_bucket: str | None = Field(default=None, pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")


class Auditor:
    """Makes the audit of each window; None where digests are off."""

    __slots__ = ("grace", "keys", "limits", "mode", "originals")

    def __init__(self, settings: TrailFilesSettings, originals: Originals, keys: Keys) -> None:
        self.mode, self.grace = settings.digests, settings.overlap // 2
        self.limits = Limits(settings.max_file_size, settings.max_ratio)
        self.originals, self.keys = originals, keys

    def audit(self, window: Window, opener: Open, listed: int, now: int) -> Audit | None:
        """For one window, listed at `listed`."""
        if self.mode == "off":
            return None
        chains = Chains.of(window.cursor, window.start, self.keys)
        required = self.mode == "require"
        return Audit(window, self.originals, chains, opener, self.limits, required, listed, self.grace, now)
