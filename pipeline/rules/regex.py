"""The one place that calls RE2: linear in the text whatever the pattern, so no event can make a rule slow."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import re2

from pipeline.rules.problems import RulesError

_SURROGATES: Final = re.compile("[\ud800-\udfff]")


class RegexError(RulesError):
    """RE2 refuses a pattern (back-references and look-around among others)."""


def searcher(pattern: str) -> Callable[[str], bool]:
    """A function that says whether `pattern` is found anywhere in a text. Raises RegexError."""
    options = re2.Options()
    options.log_errors = False
    try:
        search = re2.compile(pattern, options).search
    except (re2.error, UnicodeError) as error:
        detail = error.args[0] if error.args else "refused"
        text = detail.decode("utf-8", "replace") if isinstance(detail, bytes) else str(detail)
        raise RegexError(f"RE2 refuses the regular expression: {text}") from error

    def found(text: str) -> bool:
        # RE2 reads UTF-8, which has no lone surrogates; JSON text may.
        return search(text if text.isascii() else _SURROGATES.sub("\ufffd", text)) is not None

    return found


def quoted(text: str) -> str:
    """`text` as a pattern that matches exactly it."""
    return str(re2.escape(text))
