"""A text that some formats would take for orders."""

from __future__ import annotations

HOSTILE = "<!channel> <b>&amp; [x](https://evil.test) *bold* {{7*7}} @everyone"
