"""Calls of one window to one API: counted, timed by the other side's clock, and given up when nothing answers any more."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from collectors.base import Report, SourceUnreadable
from collectors.http import Answer, Api, ApiError
from collectors.tickets import said_at

GIVE_UP: Final = 5
"""Calls in a row that failed (not: were refused) after which the rest is not asked for."""


@dataclass(slots=True)
class Calls:
    """One API for one window, or for one check (without a report)."""

    api: Api
    report: Report | None = None
    time: int = field(default=0, init=False)
    """What time it was there (microseconds) when its first answer came; 0 before."""
    _failed: int = field(default=0, init=False)

    def get(self, path: str) -> Answer:
        """Raises ApiError; SourceUnreadable where there is no use in going on."""
        try:
            answer = self.api.get(path)
        except ApiError as error:
            raise self._counted(self.meant(error)) from error
        self._failed = 0
        self.time = self.time or said_at(answer) or 0
        if self.report is not None:
            self.report.page(size=len(answer.body))
        return answer

    def meant(self, error: ApiError) -> ApiError:
        """What this API means by an error, where its status alone does not say."""
        return error

    def _counted(self, error: ApiError) -> ApiError | SourceUnreadable:
        if error.kind == "credentials":
            return SourceUnreadable(str(error))
        self._failed = 0 if refused(error) else self._failed + 1
        if self._failed >= GIVE_UP:
            return SourceUnreadable(f"{error}; {self._failed} calls in a row failed, and the rest was not asked for")
        return error


def refused(error: ApiError) -> bool:
    """Was it refused (it will be again until somebody changes something), other than failed?"""
    return error.kind in ("denied", "missing", "refused")
