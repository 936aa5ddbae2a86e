"""Column types that are the same in every migration."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

TEXT: Final = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""Text that sorts by its bytes, whatever the locale of the database: cursors, verification and indexes rely on it."""
BIG: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
