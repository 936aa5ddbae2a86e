"""What the small servers are asked with; secrets of the benchmark alone."""

from __future__ import annotations

from typing import Final

TOKEN: Final = "token-of-the-benchmark"  # noqa: S105
PASSWORD: Final = "password-of-the-benchmark"  # noqa: S105
