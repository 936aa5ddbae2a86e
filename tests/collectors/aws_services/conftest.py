"""A fresh AWS account for each test (tests/aws_world.py)."""

from __future__ import annotations

from tests.aws_world import REGION, Proxy, Request, Seen, World, aws_proxy, world

__all__ = ["REGION", "Proxy", "Request", "Seen", "World", "aws_proxy", "world"]
