"""The table of resource kinds in docs/sources/aws-account.md, as the registry has it.

`python -m tests.collectors.aws_services.table` writes it there; a test says when that was forgotten.
"""

from __future__ import annotations

from pathlib import Path

from collectors.aws_services.base import Call, Resource
from collectors.aws_services.registry import RESOURCES

PAGE = Path(__file__).parents[3] / "docs" / "sources" / "aws-account.md"
BEGIN, END = "<!-- kinds: begin -->", "<!-- kinds: end -->"


def table() -> str:
    """One row per kind."""
    head = [
        "| kind | where | what is read | operations (and the IAM action, where it has another name) | rests on it |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([*head, *(_row(resource) for resource in RESOURCES.values())])


def _row(resource: Resource) -> str:
    where = "account" if resource.scope == "global" else "Region"
    calls = ", ".join(_call(call) for call in resource.calls)
    marks = f"; counted: {', '.join(resource.marks)}" if resource.marks else ""
    return f"| `{resource.key}` | {where} | {resource.what}{marks} | {calls} | {', '.join(resource.controls) or 'none'} |"


def _call(call: Call) -> str:
    own = f"{call.service}:{call.operation}"
    return f"`{own}`" if call.permission == own else f"`{own}` (`{call.permission}`)"


def written() -> str:
    """What stands in the page."""
    return PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0].strip()


if __name__ == "__main__":
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
