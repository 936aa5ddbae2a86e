"""Everything of the simulated organisation beside its trail: small servers that speak each system's own protocol, and files."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from attestream.demo import account, google, tickets
from attestream.demo.cloud import LocalS3
from attestream.demo.servers.aws_config import ConfigServer
from attestream.demo.servers.cloudtrail_lookup import CloudTrailServer
from attestream.demo.servers.gcp_logging import GcpLoggingServer
from attestream.demo.servers.gcp_rest import GcpRestServer
from attestream.demo.servers.github import GithubServer
from attestream.demo.servers.jira import JiraServer
from attestream.demo.servers.pagerduty import PagerdutyServer
from attestream.demo.servers.securityhub import SecurityHubServer
from attestream.demo.servers.servicenow import ServiceNowServer
from attestream.demo.world import ACCOUNT, HOME_REGION, REGIONS, SANDBOX_ACCOUNT
from store.records import DAY
from store.times import format_time

Source = Mapping[str, Any]
"""An entry of `sources:`."""
TICKET_DAYS: Final = 90
"""Days of tickets, and of the sandbox's calls: LookupEvents has no more."""
_OTHER_DAYS: Final = 10
_SOON: Final = {"schedule": "30s"}
_FAST: Final = {"requests_per_second": 200}
"""Nobody else is served by these servers."""


@dataclass(slots=True)
class Organisation:
    """Its systems beside the trail, and the sources that read them."""

    jira: JiraServer
    servicenow: ServiceNowServer
    pagerduty: PagerdutyServer
    github: GithubServer
    sources: list[Source] = field(default_factory=list)


@contextmanager
def organisation(folder: Path, cloud: LocalS3, days: int = TICKET_DAYS) -> Iterator[Organisation]:
    """Furnish the cloud and start the servers; yields what they are. They end with the block. `days`: how far tickets reach."""
    now = time.time_ns() // 1000
    long, since = format_time(now - days * DAY), format_time(now - min(days, _OTHER_DAYS) * DAY)
    account.furnish(cloud.client)
    with ExitStack() as stack:
        made, ticket_sources = _tickets(stack, folder, long, since)
        made.sources += [
            _sandbox(stack, days),
            {"name": "aws", "type": "aws-account", "resources": list(account.READ), **_regions(), **_aws(cloud.endpoint)},
            *_google(stack, folder, since),
            *ticket_sources,
            *_findings(stack, folder, since, days),
        ]
        yield made


def _secret(folder: Path, name: str) -> tuple[str, str]:
    """A secret of this demonstration alone: (its value, the file it stands in)."""
    file = folder / f"{name}.secret"
    value = secrets.token_hex(16)
    file.touch(mode=0o600)
    file.write_text(value, encoding="ascii")
    return value, str(file)


def _sandbox(stack: ExitStack, days: int) -> Source:
    """An account without a trail, read by LookupEvents."""
    server = stack.enter_context(CloudTrailServer(SANDBOX_ACCOUNT, regions=(HOME_REGION,)))
    for number in range(4 * days):
        name = ("DescribeInstances", "GetBucketPolicy", "ListUsers")[number % 3]
        server.put(name, ago=900.0 + number * 21_600.0, region=HOME_REGION)
    since = format_time(time.time_ns() // 1000 - days * DAY)
    more = {"regions": [HOME_REGION], "since": since, "requests_per_second": 100, **_aws(server.url)}
    return {"name": "sandbox", "type": "cloudtrail-lookup", **more}


def _regions() -> dict[str, Any]:
    return {"regions": list(REGIONS)}


def _aws(endpoint: str) -> dict[str, Any]:
    return {"region": HOME_REGION, "endpoint_url": endpoint, "max_attempts": 3, **_SOON}


def _google(stack: ExitStack, folder: Path, since: str) -> list[Source]:
    logs = stack.enter_context(GcpLoggingServer())
    google.audit_log(logs)
    token, _ = _secret(folder, "google")
    rest = stack.enter_context(GcpRestServer(token))
    google.resources(rest)
    key = google.key_file(folder / "google-key.json", f"{rest.url}/token")
    audit = {"endpoint": logs.address, "insecure": True, "resources": [f"projects/{google.PROJECT}"], "since": since, **_FAST}
    states = {"endpoint": rest.url, "insecure": True, "credentials_file": str(key), "organization": google.ORGANIZATION, **_FAST}
    return [
        {"name": "google-audit", "type": "gcp-audit", **audit, **_SOON},
        {"name": "google", "type": "gcp-iam", "resources": list(google.KINDS), **states, **_SOON},
    ]


def _tickets(stack: ExitStack, folder: Path, long: str, since: str) -> tuple[Organisation, list[Source]]:
    token, file = _secret(folder, "jira")
    jira = stack.enter_context(JiraServer("cloud", token))
    tickets.jira(jira)
    password, password_file = _secret(folder, "servicenow")
    servicenow = stack.enter_context(ServiceNowServer(password=password))
    tickets.servicenow(servicenow)
    pager_token, pager_file = _secret(folder, "pagerduty")
    pagerduty = stack.enter_context(PagerdutyServer(pager_token))
    tickets.pagerduty(pagerduty)
    git_token, git_file = _secret(folder, "github")
    github = stack.enter_context(GithubServer("fernhill", git_token))
    tickets.github(github)
    signed = {"edition": "cloud", "email": jira.email, "token_file": file, "jql": "project = SEC"}
    user = {"user": servicenow.user, "password_file": password_file, "tables": ["incident", "change_request"]}
    old, new = {"since": long, **_SOON, **_FAST}, {"since": since, **_SOON, **_FAST}
    looks = {"organisation": "fernhill", "token_file": git_file, "settings_schedule": "1s"}
    return Organisation(jira, servicenow, pagerduty, github), [
        {"name": "jira", "type": "jira", "url": jira.url, **signed, **old},
        {"name": "servicenow", "type": "servicenow", "url": servicenow.url, **user, **old},
        {"name": "pagerduty", "type": "pagerduty", "url": pagerduty.url, "token_file": pager_file, **old},
        {"name": "github", "type": "github", "url": github.url, **looks, **new},
    ]


def _findings(stack: ExitStack, folder: Path, since: str, days: int) -> list[Source]:
    hub = stack.enter_context(SecurityHubServer(ACCOUNT, regions=REGIONS))
    tickets.security_hub(hub)
    rules = stack.enter_context(ConfigServer(ACCOUNT, regions=REGIONS))
    tickets.config(rules)
    tickets.prowler(folder / "prowler", time.time())
    tickets.badge_log(folder / "doors", time.time())
    tickets.archive(folder / "press-trail", time.time(), days)
    fields = {"time": "at", "subject": "badge"}
    doors = {"product": "doors", "service": "access", "fields": fields, **_SOON}
    return [
        {"name": "security-hub", "type": "aws-securityhub", "regions": [HOME_REGION], "since": since, **_aws(hub.url)},
        {"name": "config-rules", "type": "aws-config", "regions": [HOME_REGION], **_aws(rules.url)},
        {"name": "press-trail", "type": "cloudtrail-files", "path": str(folder / "press-trail"), **_SOON},
        {"name": "prowler", "type": "prowler", "path": str(folder / "prowler"), **_SOON},
        {"name": "doors", "type": "json-files", "path": str(folder / "doors"), **doors},
    ]
