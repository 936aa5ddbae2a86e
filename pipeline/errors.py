"""Errors of the pipeline package."""

from __future__ import annotations


class PipelineError(Exception):
    """Base of every error that pipeline code raises on purpose."""


class CodecError(PipelineError):
    """Bytes that are no event, pack or record of ours."""


class StreamError(PipelineError):
    """The stream could not do what was asked; nothing was acknowledged."""


class StreamUnreachable(StreamError):
    """The stream's servers do not answer, or cannot do it now: it may be waited for."""
