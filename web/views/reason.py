"""Why a control has its state, in one sentence; and what would speak for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from store.records import ControlState, MappingRecord
from store.reports import ControlStatus, FindingStatus, SourceStatus
from web.catalogue import ATTESTATION, ControlInfo
from web.words import clock_time, counted, duration, listed

_FAMILIES: Final = ("cloudtrail",)
"""Ways to read one and the same thing: any of them meets the need, and it is named once."""


@dataclass(frozen=True, slots=True)
class Voices:
    """What speaks about one control at the moment that is asked about. `more_open`: there are more open findings than these."""

    against: Sequence[FindingStatus] = ()
    accepted: Sequence[FindingStatus] = ()
    stale: Sequence[FindingStatus] = ()
    spoken: Sequence[FindingStatus] = ()
    silences: Sequence[FindingStatus] = ()
    mappings: Sequence[MappingRecord] = ()


def needs_in_words(needs: Sequence[str]) -> list[str]:
    """The sources of a control's needs, a family of ways named once; without the attestation."""
    named: list[str] = []
    for need in needs:
        family = next((f for f in _FAMILIES if need.startswith(f + "-")), need)
        if need != ATTESTATION and family not in named:
            named.append(family)
    return named


def met(needs: Sequence[str], sources: Sequence[SourceStatus]) -> list[str]:
    """Names of the configured sources that a control's needs ask for."""
    families = {f for f in _FAMILIES if any(need.startswith(f + "-") for need in needs)}
    return [s.name for s in sources if s.configured and (s.type in needs or any(s.type.startswith(f + "-") for f in families))]


def why(
    info: ControlInfo,
    status: ControlStatus,
    voices: Voices,
    sources: Sequence[SourceStatus],
    now: int,
    justification: str = "",
) -> str:
    """One or two sentences that say why the control has its state. `justification`: of the Statement of Applicability."""
    if status.state is ControlState.NOT_SATISFIED:
        return _against(status, voices, now)
    if status.state is ControlState.STALE:
        return _stale(status, voices, now)
    if status.state is ControlState.SATISFIED:
        return _satisfied(voices)
    if status.state is ControlState.NOT_APPLICABLE:
        said = f": {justification.rstrip('.')}" if justification else ""
        return f"The Statement of Applicability excludes it{said}. Its evidence stays visible."
    return not_assessed(info, status, voices, sources)


def _against(status: ControlStatus, voices: Voices, now: int) -> str:
    verb = "speaks" if status.not_satisfied == 1 else "speak"
    start = f"{counted(status.not_satisfied, 'finding')} {verb} against it"
    if not voices.against:
        return f"{start}."
    newest = max(voices.against, key=lambda f: f.since)
    told = f"{newest.title}, since {clock_time(newest.since, now)} ({duration(now - newest.since)})"
    return f"{start}: {told}." if status.not_satisfied == 1 else f"{start}; the newest: {told}."


def _stale(status: ControlStatus, voices: Voices, now: int) -> str:
    start = f"{counted(status.stale, 'voice')} that should speak for it fell silent"
    if not voices.stale:
        return f"{start}."
    oldest = min(voices.stale, key=lambda f: f.since)
    since = f"since {clock_time(oldest.since, now)} ({duration(now - oldest.since)})"
    told = f"{oldest.title} ({oldest.part or oldest.source}), {since}"
    return f"{start}: {told}." if status.stale == 1 else f"{start}; the longest: {told}."


def _satisfied(voices: Voices) -> str:
    said = []
    watched = len({f.mapping for f in voices.silences if f.state == "satisfied"})
    if watched:
        said.append(f"{counted(watched, 'mapping')} watched and found nothing over covered time")
    if voices.spoken:
        said.append(f"{counted(len(voices.spoken), 'finding')} {'says' if len(voices.spoken) == 1 else 'say'} so")
    return f"{listed(said)}; nothing speaks against it." if said else "Something spoke for it, and nothing speaks against it."


def not_assessed(info: ControlInfo, status: ControlStatus, voices: Voices, sources: Sequence[SourceStatus]) -> str:
    """Why nothing is said of a control, and what would speak."""
    wanted = needs_in_words(info.needs)
    attested = ATTESTATION in info.needs
    if status.accepted:
        speaks = "speaks" if status.accepted == 1 else "speak"
        return f"{counted(status.accepted, 'finding')} accepted by exception {speaks} neither way; nothing else speaks for it."
    if not wanted:
        return "No source can speak to it: it needs a person's statement (an attestation), and there is none."
    names = met(info.needs, sources)
    also = "; so would a person's statement (an attestation)" if attested else ""
    if not names:
        return f"No source for it: {listed(wanted, 'or')} would speak{also}."
    through = listed(names[:3])
    speaking = [m for m in voices.mappings if info.id in m.speaks_for()]
    if speaking:
        verb = "has" if len(speaking) == 1 else "have"
        return f"{counted(len(speaking), 'mapping')} could speak through {through} and {verb} not yet."
    if voices.mappings:
        return f"{through} gives evidence, but only of a kind that claims nothing; {listed(wanted, 'or')} could say more{also}."
    return f"No mapping over {through} speaks to it{also}."
