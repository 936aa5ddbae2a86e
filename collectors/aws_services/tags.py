"""Tags of resources whose own calls do not tell them: one list of the Tagging API for all of a kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from collectors.aws_services.joined import Joined, joined
from collectors.aws_services.look import Call, Look, Subject

TAGS: Final = Call("resourcegroupstaggingapi", "GetResources", "tag:GetResources")


@dataclass(frozen=True, slots=True)
class Tags:
    """Tags by ARN. The list leaves out what never had one, so that its silence means none."""

    found: Joined

    def put(self, subject: Subject, arn: str) -> None:
        """Put `Tags` as `{"Key", "Value"}`, or leave it unread."""
        rows = self.found.put(subject, "Tags", arn)
        if rows is not None:
            subject.put("Tags", [tag for row in rows for tag in row.get("Tags") or ()])


def tags(look: Look, kind: str) -> Tags:
    """The tags of a kind in the Region, as the Tagging API names it (`lambda:function`). Raises AwsError as `joined` does."""
    return Tags(joined(look, TAGS, "ResourceTagMappingList", "ResourceARN", ResourceTypeFilters=[kind]))
