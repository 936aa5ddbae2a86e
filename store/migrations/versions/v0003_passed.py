"""Events that nobody judged are remembered by themselves; the head counts appends; findings are found by their last input."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.migrations.columns import BIG

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward. What was remembered as unmatched lapses: of such an event the time is not known any more."""
    op.execute("DELETE FROM seen WHERE idx = -1")
    op.drop_index("ix_seen_expires", "seen")
    op.drop_column("seen", "expires")
    op.add_column("head", sa.Column("appends", BIG, nullable=False, server_default="0"))
    op.create_index("ix_finding_part_id_input_time", "finding", ["part_id", "input_time"])
    op.create_table(
        "passed",
        sa.Column("until", BIG, autoincrement=False, nullable=False),
        sa.Column("time", BIG, autoincrement=False, nullable=False),
        sa.Column("key", BIG, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("until", "time", "key", name=op.f("pk_passed")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "recent",
        sa.Column("appends", BIG, autoincrement=False, nullable=False),
        sa.Column("keys", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("appends", name=op.f("pk_recent")),
    )
