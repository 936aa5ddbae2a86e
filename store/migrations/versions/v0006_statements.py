"""What people state: since when and until when an exception holds, what is applicable, and when somebody is to be reminded."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.migrations.columns import BIG, TEXT

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "acceptance",
        sa.Column("mapping", TEXT, autoincrement=False, nullable=False),
        sa.Column("subject", sa.LargeBinary(), autoincrement=False, nullable=False),
        sa.Column("idx", BIG, autoincrement=False, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("start", BIG, nullable=False),
        sa.Column("until", BIG, nullable=False),
        sa.PrimaryKeyConstraint("mapping", "subject", "idx", name=op.f("pk_acceptance")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_acceptance_id_idx", "acceptance", ["id", "idx"])
    op.create_table(
        "applicability",
        sa.Column("control", TEXT, autoincrement=False, nullable=False),
        sa.Column("event_time", BIG, autoincrement=False, nullable=False),
        sa.Column("idx", BIG, autoincrement=False, nullable=False),
        sa.Column("applicable", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("control", "event_time", "idx", name=op.f("pk_applicability")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "reminder",
        sa.Column("kind", TEXT, autoincrement=False, nullable=False),
        sa.Column("id", TEXT, autoincrement=False, nullable=False),
        sa.Column("until", BIG, nullable=False),
        sa.Column("due_at", BIG, nullable=True),
        sa.Column("told", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("kind", "id", name=op.f("pk_reminder")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_reminder_due_at", "reminder", ["due_at"])
