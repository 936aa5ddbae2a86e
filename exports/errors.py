"""What can go wrong in an export. Everything that this package raises on purpose is an ExportError.

The stand-alone verifier (exports/verify.py) imports nothing of ours and has an error of its own, `Rejected`.
"""

from __future__ import annotations


class ExportError(Exception):
    """Base of all errors of exports. Its text is for people: it names the place and what to do, and holds no secret."""
