"""The small organisation that is simulated: its accounts, people, roles and resources, and the lists it would fill in.

Everything is invented: account ids are those of the documentation style, addresses come from the documentation ranges
(RFC 5737), and no key id or token here was ever valid. Times are microseconds since the epoch, UTC.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

ACCOUNT = "111122223333"
SUPPLIER_ACCOUNT = "444455556666"  # watches our uptime, by contract
SANDBOX_ACCOUNT = "222233334444"  # for trying things; it has no trail of its own
PRESS_ACCOUNT = "333344445555"  # of the press kit's shop; its log files are copied to a folder
FOREIGN_ACCOUNT = "999988887777"  # nobody knows whose this is

HOME_REGION = "eu-central-1"
GLOBAL_REGION = "us-east-1"  # IAM, console sign-in and the global STS endpoint are recorded here
REGIONS = (HOME_REGION, GLOBAL_REGION)

TRAIL_ARN = f"arn:aws:cloudtrail:{HOME_REGION}:{ACCOUNT}:trail/org-trail"
LOG_BUCKET = "fernhill-audit-logs"
BUCKETS = ("fernhill-orders-exports", "fernhill-invoices", "fernhill-artifacts", "fernhill-press-kit")
PRESS_BUCKET = BUCKETS[3]

DATABASES = ("orders", "billing")
INSTANCES = ("i-0a1b2c3d4e5f60718", "i-0b2c3d4e5f6071829", "i-0c3d4e5f607182930")
VOLUME = "vol-0d4e5f60718293a4b"
SHARED_SNAPSHOT = "snap-0e5f60718293a4b5c"
SECURITY_GROUP = "sg-0f60718293a4b5c6d"
DETECTOR = "12abc34d567e8fa901bc2d34e56789f0"
FUNCTIONS = ("orders-intake", "invoice-render", "parcel-tracking")

KEY_ORDERS = "1234abcd-12ab-34cd-56ef-1234567890ab"
KEY_INVOICES = "2345bcde-23bc-45de-67f0-2345678901bc"
KEY_BACKUPS = "3456cdef-34cd-56ef-7801-3456789012cd"
KEYS = (KEY_ORDERS, KEY_INVOICES, KEY_BACKUPS)

OFFICE = ("192.0.2.10", "192.0.2.11", "192.0.2.24")
CI_ADDRESS = "198.51.100.40"
SUPPLIER_ADDRESS = "198.51.100.77"
STRANGE_ADDRESS = "203.0.113.66"

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CLI = "aws-cli/2.27.41 md/awscrt#0.26.1 ua/2.1 os/linux#6.8.0 md/arch#x86_64 lang/python#3.13.4 cfg/retry-mode#standard"
TERRAFORM = "APN/1.0 HashiCorp/1.0 Terraform/1.12.2 terraform-provider-aws/6.3.0 aws-sdk-go-v2/1.36.5 lang/go#1.24.4"
SDK = "Boto3/1.39.4 md/Botocore#1.39.4 ua/2.1 os/linux#5.10.238 md/arch#aarch64 lang/python#3.12.11"


@dataclass(frozen=True, slots=True)
class User:
    """An IAM user: `name` and `number` (which makes its principal id); `mfa` says whether a second factor is registered."""

    name: str
    number: int
    job: str
    mfa: bool = True

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{ACCOUNT}:user/{self.name}"

    @property
    def principal(self) -> str:
        return f"AIDAEXAMPLE{self.number:010d}"


@dataclass(frozen=True, slots=True)
class Role:
    """An IAM role; `path` is "/" but for service-linked roles."""

    name: str
    number: int
    path: str = "/"

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{ACCOUNT}:role{self.path}{self.name}"

    @property
    def principal(self) -> str:
        return f"AROAEXAMPLE{self.number:010d}"


KELLER = User("m.keller", 11, "platform")
NOWAK = User("a.nowak", 12, "platform")
LINDQVIST = User("j.lindqvist", 13, "platform")
OKAFOR = User("s.okafor", 14, "security")
FERRARI = User("t.ferrari", 15, "developer")
MOREAU = User("l.moreau", 16, "developer")
SATO = User("p.sato", 17, "analyst")
HAAS = User("r.haas", 18, "support")
BRANDT = User("k.brandt", 19, "finance", mfa=False)
PEOPLE = (KELLER, NOWAK, LINDQVIST, OKAFOR, FERRARI, MOREAU, SATO, HAAS)  # k.brandt hardly ever signs in
JOINER = User("d.osei", 21, "developer")
LEAVER = User("v.petrov", 22, "developer")
DEPLOY_BOT = User("deploy-bot", 31, "machine", mfa=False)

DEPLOYMENT = Role("deployment", 41)
PLATFORM_ADMIN = Role("platform-admin", 42)
IDENTITY_SYNC = Role("identity-sync", 43)
HEARTBEAT = Role("heartbeat", 44)
ORDERS_TASK = Role("orders-task", 45)
BACKUP_RUNNER = Role("backup-runner", 46)
SUPPLIER_MONITOR = Role("supplier-uptime-monitor", 47)
BREAK_GLASS = Role("break-glass-admin", 48)
BACKUP_SERVICE = Role("AWSBackupDefaultServiceRole", 49, "/service-role/")
CONFIG_SERVICE = Role("AWSServiceRoleForConfig", 50, "/aws-service-role/config.amazonaws.com/")


def dice(seed: int, name: str) -> random.Random:
    """A source of chance of its own for each part of the simulation: a part that is added moves no other."""
    return random.Random(f"{seed}/{name}")  # noqa: S311 - believable, never secret


def moment(at: int) -> datetime:
    return datetime.fromtimestamp(at // SECOND, tz=UTC)


def demo_lists() -> dict[str, list[str]]:
    """What this organisation writes into the lists that the mappings' `%name%` placeholders read."""
    return {
        "approved_regions": list(REGIONS),
        "trusted_accounts": [ACCOUNT, SUPPLIER_ACCOUNT],
        "own_accounts": [ACCOUNT],
        "supplier_accounts": [SUPPLIER_ACCOUNT],
        "break_glass_users": ["emergency-admin"],
        "break_glass_roles": [BREAK_GLASS.arn],
        "privileged_roles": [PLATFORM_ADMIN.arn, BREAK_GLASS.arn],
        "pipeline_roles": [DEPLOYMENT.arn],
        "identity_pipeline_roles": [IDENTITY_SYNC.arn],
        "key_administrators": [PLATFORM_ADMIN.arn, DEPLOYMENT.arn],
    }
