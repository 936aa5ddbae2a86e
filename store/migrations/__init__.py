"""Alembic migrations of the store. Run by store/open.py; `attestream store migrate` runs them by hand."""
