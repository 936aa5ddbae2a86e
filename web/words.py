"""Times, numbers and names as people read them. Pure text: nothing here makes markup."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from store.records import DAY, HOUR, MINUTE, SECOND
from store.times import MAX_TIME, format_time

SMALL_NUMBERS: Final = (
    "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
)  # fmt: skip

STATE_WORDS: Final = {
    "satisfied": "satisfied",
    "not-satisfied": "not satisfied",
    "accepted": "accepted",
    "stale": "stale",
    "not-assessed": "not assessed",
    "not-applicable": "not applicable",
    "error": "error",
    "closed": "closed",
    "retired": "retired",
}
"""The words of states, everywhere the same. The same names are the classes that give colour and shape."""

_NAMES: Final = {"\0": "NUL", "\a": "BEL", "\b": "BS", "\t": "TAB", "\n": "LF", "\r": "CR", "\x1b": "ESC", "\x7f": "DEL"}
_BREAKS_LINES: Final = frozenset("\u2028\u2029")


def state_word(state: str) -> str:
    """A state in words; an unknown one as it is."""
    return STATE_WORDS.get(state, state)


def number(value: int) -> str:
    """A count with thousands separators."""
    return f"{value:,}"


def counted(count: int, one: str, many: str = "") -> str:
    """A number with its noun: "1 finding", "1,204 findings"."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def in_words(count: int) -> str:
    """A small count as a word, for sentences: "three"; from thirteen on in digits."""
    return SMALL_NUMBERS[count] if 0 <= count < len(SMALL_NUMBERS) else number(count)


def listed(words: Sequence[str], last: str = "and") -> str:
    """An enumeration: "a, b and c"."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def sentence(text: str) -> str:
    """The text with a capital at its beginning."""
    return text[:1].upper() + text[1:]


def duration(micros: int) -> str:
    """A length of time in its largest fitting unit: "12 s", "38 min", "5 h", "14 d", "3 y"."""
    micros = abs(micros)
    for unit, word, below in ((SECOND, "s", MINUTE), (MINUTE, "min", HOUR), (HOUR, "h", 2 * DAY)):
        if micros < below:
            return f"{micros // unit} {word}"
    return f"{number(micros // DAY)} d" if micros < 1000 * DAY else f"{number(micros // (365 * DAY))} y"


def ago(then: int, now: int) -> str:
    """How long ago: "38 min ago", "just now", "in 3 h" for what is still to come."""
    gap = now - then
    if -SECOND < gap < 5 * SECOND:
        return "just now"
    return f"{duration(gap)} ago" if gap > 0 else f"in {duration(gap)}"


def exact(micros: int) -> str:
    """A time to the second, UTC; digits alone where no calendar has it."""
    if not 0 <= micros <= MAX_TIME:
        return f"{micros} µs"
    return f"{format_time(micros)[:19].replace('T', ' ')} UTC"


def clock_time(micros: int, now: int) -> str:
    """When, as short as it stays clear: "14:22" today, "Mon 14:22" within a week, "10 Nov" this year, else "10 Nov 2025"."""
    if not 0 <= micros <= MAX_TIME:
        return exact(micros)
    then, today = moment_of(micros), moment_of(min(max(now, 0), MAX_TIME))
    if then.date() == today.date():
        return f"{then:%H:%M}"
    if 0 <= now - micros < 6 * DAY:
        return f"{then:%a %H:%M}"
    return f"{then.day} {then:%b}" if then.year == today.year else f"{then.day} {then:%b %Y}"


def day_and_time(micros: int, now: int) -> str:
    """When, always with the time of day: "14:22" today, "Mon 14:22" within a week, else "10 Nov 14:22"."""
    short = clock_time(micros, now)
    return short if ":" in short else f"{short} {moment_of(micros):%H:%M}"


def moment_of(micros: int) -> datetime:
    """The same time as a datetime in UTC."""
    return datetime.fromtimestamp(micros // SECOND, UTC)


def day_of(micros: int) -> str:
    """The day of a time: "24 Nov"."""
    return f"{moment_of(micros).day} {moment_of(micros):%b}"


def size(count: int) -> str:
    """A number of bytes: "812 bytes", "14 KiB", "3.2 MiB"."""
    if count < 1024:
        return counted(count, "byte")
    if count < 1024 * 1024:
        return f"{count / 1024:,.0f} KiB"
    return f"{count / 1024 / 1024:,.1f} MiB"


def middle(text: str, keep: int = 40) -> str:
    """A long text without its middle: both ends of an id tell more than its beginning alone."""
    if len(text) <= keep:
        return text
    head = keep // 2
    return f"{text[:head]}…{text[-(keep - 1 - head) :]}"


def is_hidden(character: str) -> bool:
    """True for what a page would not show or would reorder: controls, directions, zero widths, lone surrogates, tags."""
    if character.isascii():
        return not character.isprintable()
    return unicodedata.category(character) in ("Cc", "Cf", "Cs") or character in _BREAKS_LINES


def picture(character: str) -> str:
    """What stands for a hidden character: "⟨ESC⟩", "⟨U+202E⟩"."""
    return f"⟨{_NAMES.get(character, f'U+{ord(character):04X}')}⟩"


def visible(text: str, keep: str = "") -> str:
    """The text with every hidden character made visible, except those in `keep`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(picture(c) if c not in keep and is_hidden(c) else c for c in text)
