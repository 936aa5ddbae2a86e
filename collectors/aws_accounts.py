"""Several accounts and Regions: each account by its own identity or by an assumed role with an external id.

Temporary credentials are renewed by the SDK before they end. A role that cannot be assumed is an error of that account alone.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from collectors.aws import AwsError, Connection, explain, faults
from collectors.secret import MAX_SECRET
from collectors.settings import AwsSettings

SESSION: Final = "attestream"
_ROLE: Final = re.compile(r"arn:(?P<partition>aws[a-z-]*):iam::(?P<account>[0-9]{12}):role/[A-Za-z0-9+=,.@_/-]{1,576}")


class AccountSettings(BaseModel):
    """One account that is read by assuming a role in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role_arn: str
    external_id_file: Path | None = None

    @field_validator("role_arn")
    @classmethod
    def _role(cls, value: str) -> str:
        if _ROLE.fullmatch(value) is None:
            raise ValueError("is no role: write arn:aws:iam::111122223333:role/NAME")
        return value

    @property
    def account(self) -> str:
        """The account's id."""
        found = _ROLE.fullmatch(self.role_arn)
        assert found is not None, "validated"
        return found["account"]


class AwsAccountsSettings(AwsSettings):
    """What sources over several accounts and Regions have. Without `accounts` the account of the own identity is read.

    `regions`: those named, else every Region that is enabled for the account.
    """

    accounts: tuple[AccountSettings, ...] = Field(default=(), max_length=1000)
    regions: tuple[str, ...] = Field(default=(), max_length=100)

    @field_validator("regions")
    @classmethod
    def _regions(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [region for region in value if re.fullmatch(r"[a-z]{2}(-[a-z]+)+-[0-9]{1,2}", region) is None]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is no Region: write e.g. eu-west-1")
        return value

    @model_validator(mode="after")
    def _once(self) -> AwsAccountsSettings:
        names = [item.account for item in self.accounts]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"account {min(twice)} stands twice under accounts")
        return self

    def sessions(self) -> tuple[Session, ...]:
        """A session for each account; nothing is called."""
        if not self.accounts:
            return (Session(self.connection, regions=self.regions),)
        return tuple(Session(self.connection, item.role_arn, item.external_id_file, self.regions) for item in self.accounts)


@dataclass(slots=True)
class Session:
    """One account as it is read. `role_arn` None: by the own identity."""

    connection: Connection
    role_arn: str | None = None
    external_id_file: Path | None = None
    regions: Sequence[str] = ()
    _session: Any = field(default=None, init=False)
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict, init=False)
    _whose: tuple[str, str] | None = field(default=None, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    @property
    def place(self) -> str:
        """What it is, for people, before it was called."""
        found = _ROLE.fullmatch(self.role_arn or "")
        return f"AWS account {found['account']}" if found else "the AWS account of the own identity"

    @property
    def account(self) -> str:
        """The account's id where the role names it, else "" (before it was called)."""
        found = _ROLE.fullmatch(self.role_arn or "")
        return found["account"] if found else ""

    def client(self, service: str, region: str | None = None) -> Any:
        """A boto3 client, made once per service and Region. Raises AwsError."""
        with self._lock:
            home = self.connection.region or "us-east-1"
            key = (service, region or home)
            if key not in self._clients:
                if self._session is None:
                    self._session = self.connection.session(self.role_arn, self._external_id(), SESSION)
                self._clients[key] = self.connection.of(self._session, service, key[1])
            return self._clients[key]

    def forget(self, region: str | None = None) -> None:
        """Let go of the clients of a Region, or of all: each takes memory, and many accounts and Regions have many."""
        with self._lock:
            for key in [key for key in self._clients if region in (None, key[1])]:
                self._clients.pop(key).close()

    def whose(self) -> tuple[str, str]:
        """(account id, ARN) of the identity that reads; asked once. Raises AwsError."""
        if self._whose is None:
            try:
                answer = self.client("sts").get_caller_identity()
                self._whose = (str(answer["Account"]), str(answer["Arn"]))
            except AwsError:
                raise
            except faults(KeyError) as error:
                what = f"sts:AssumeRole of {self.role_arn}" if self.role_arn else "sts:GetCallerIdentity"
                raise explain(error, f"{self.place}: STS", what) from error
        return self._whose

    def every_region(self) -> tuple[str, ...]:
        """The Regions named in the settings, else those enabled for the account, sorted. Raises AwsError."""
        if self.regions:
            return tuple(self.regions)
        try:
            answer = self.client("ec2").describe_regions(AllRegions=False)
            return tuple(sorted(str(item["RegionName"]) for item in answer["Regions"]))
        except AwsError:
            raise
        except faults(KeyError) as error:
            raise explain(error, f"{self.place}: EC2", "ec2:DescribeRegions") from error

    def offers(self, service: str, region: str) -> bool:
        """May the service exist in that Region? False only where the SDK knows the Region, and the service elsewhere alone."""
        from botocore.exceptions import UnknownRegionError

        if self.connection.endpoint_url is not None or self._session is None:
            return True
        try:
            partition = self._session.get_partition_for_region(region)
        except UnknownRegionError:
            return True
        known = self._session.get_available_regions(service, partition_name=partition)
        return not known or region in known

    def _external_id(self) -> str | None:
        if self.external_id_file is None:
            return None
        try:
            text = self.external_id_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise AwsError(f"{self.place}: external_id_file cannot be read: check path and mode", "file") from error
        if not text or len(text) > MAX_SECRET:
            raise AwsError(f"{self.place}: external_id_file holds no external id", "file")
        return text
