"""The newest observation of each subject."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.migrations.columns import TEXT

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "observed",
        sa.Column("source", TEXT, autoincrement=False, nullable=False),
        sa.Column("key", sa.LargeBinary(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("idx", big, nullable=False),
        sa.Column("time", big, nullable=False),
        sa.PrimaryKeyConstraint("source", "key", name=op.f("pk_observed")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("observed", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_observed_idx"), ["idx"], unique=False)
