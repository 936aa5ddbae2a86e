"""Indexes for lists whose tables grow: windows of all sources, a source's last window, drift of one kind."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_index("ix_attempt_asked_to_id", "attempt", ["asked_to", "id"])
    op.create_index("ix_attempt_source_closed_at", "attempt", ["source", "closed_at"])
    op.create_index("ix_drift_kind_id", "drift", ["kind", "id"])
