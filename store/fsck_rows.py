"""The verifier's step 5, first half: rows that each belong to one entry, compared entry by entry."""

from __future__ import annotations
