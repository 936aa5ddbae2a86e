"""What each route was told that still stands, and the tickets that findings are linked to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.migrations.columns import BIG, TEXT

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "told",
        sa.Column("route", TEXT, autoincrement=False, nullable=False),
        sa.Column("lane", TEXT, autoincrement=False, nullable=False),
        sa.Column("drift_id", BIG, nullable=False),
        sa.Column("told_at", BIG, nullable=False),
        sa.Column("receipt", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("route", "lane", name=op.f("pk_told")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ticket_link",
        sa.Column("mapping", TEXT, autoincrement=False, nullable=False),
        sa.Column("subject", sa.LargeBinary(), autoincrement=False, nullable=False),
        sa.Column("ticket", sa.LargeBinary(), autoincrement=False, nullable=False),
        sa.Column("idx", BIG, nullable=False),
        sa.Column("done_idx", BIG, nullable=True),
        sa.PrimaryKeyConstraint("mapping", "subject", "ticket", name=op.f("pk_ticket_link")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_ticket_link_ticket", "ticket_link", ["ticket"])
