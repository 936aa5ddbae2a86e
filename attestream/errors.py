"""Errors of the composition root, and the exit codes that scripts rely on."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every command."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_SATISFIED = 3
    INTEGRITY = 4
    INTERRUPTED = 130


class AttestreamError(Exception):
    """Base of every error that this package raises on purpose."""

    exit = Exit.FAILED


class SettingsError(AttestreamError):
    """A setting cannot be used; the message names the file or variable, the key and the remedy."""

    exit = Exit.USAGE
