"""Indexes for lists whose tables grow (on large tables they are built later: store/online_indexes.py), and one less that nothing
asks for."""

from __future__ import annotations

from alembic import op

from store.online_indexes import make_where_small

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None
_NAMES = (
    "ix_attempt_asked_to_id",
    "ix_attempt_source_closed_at",
    "ix_attempt_source_asked_from_asked_to_state",
    "ix_drift_kind_id",
    "ix_finding_row_time_row_idx",
    "ix_finding_state_row_time_row_idx",
    "ix_finding_silences",
)


def upgrade() -> None:
    """Bring the schema forward."""
    op.drop_index("ix_finding_state_since", "finding")
    make_where_small(op.get_bind(), _NAMES)
