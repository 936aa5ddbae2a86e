"""PostgreSQL does not try to compress blocks, which are compressed."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE block ALTER COLUMN data SET STORAGE EXTERNAL")
