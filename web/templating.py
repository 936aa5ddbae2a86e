"""Templates: autoescaping on, undefined names are errors, hidden characters in every value that is printed made visible."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from store.reports import Moment
from store.times import MAX_TIME, format_time
from web import catalogue, links, words
from web.params import AsOf
from web.site import Site, site_of

HERE: Final = Path(__file__).parent
STATIC: Final = HERE / "static"
_NOWHERE: Final = AsOf(Moment())


def finalize(value: object) -> object:
    """Called for each value that a template prints: markup stays, None is nothing, text shows its hidden characters."""
    if value is None:
        return ""
    if isinstance(value, Markup):
        return value
    return words.visible(value) if isinstance(value, str) else value


def time_mark(micros: int, text: str) -> Markup:
    """A <time> with the exact time in its title."""
    machine = format_time(micros) if 0 <= micros <= MAX_TIME else ""
    return Markup('<time datetime="{}" title="{}">{}</time>').format(machine, words.exact(micros), text)


@pass_context
def ago_mark(context: Context, micros: int) -> Markup:
    """How long ago, the exact time in its title."""
    return time_mark(micros, words.ago(micros, context["now"]))


@pass_context
def age_mark(context: Context, micros: int) -> Markup:
    """How long ago without "ago", for narrow columns."""
    return time_mark(micros, words.duration(context["now"] - micros))


@pass_context
def when_mark(context: Context, micros: int) -> Markup:
    """When and how long ago: 14:22, 38 min. The exact time is in its title."""
    now = context["now"]
    return time_mark(micros, f"{words.clock_time(micros, now)}, {words.duration(now - micros)}")


@pass_context
def at_mark(context: Context, micros: int) -> Markup:
    """When, with the time of day, the exact time in its title."""
    return time_mark(micros, words.day_and_time(micros, context["now"]))


def exact_mark(micros: int) -> Markup:
    """The exact time."""
    return time_mark(micros, words.exact(micros))


def short_mark(text: str, keep: int = 40) -> Markup:
    """A long name without its middle, whole in its title. Its own direction stays inside it."""
    whole = words.visible(text)
    if len(whole) <= keep:
        return Markup("<bdi>{}</bdi>").format(whole)
    return Markup('<bdi title="{}">{}</bdi>').format(whole, words.middle(whole, keep))


def raw_mark(text: str) -> Markup:
    """Text for a <pre>: lines and tabs as they are, every other hidden character as a sign that is marked as ours."""
    pieces: list[str] = []
    start = 0
    for place, character in enumerate(text):
        if character not in "\n\t" and words.is_hidden(character):
            pieces.append(escape(text[start:place]))
            sign = words.picture(character)
            pieces.append(Markup('<span class="hidden-char" title="U+{:04X}">{}</span>').format(ord(character), sign))
            start = place + 1
    pieces.append(escape(text[start:]))
    return Markup("").join(pieces)


@cache
def asset(name: str) -> str:
    """Address of a static file, with its digest, so that it may be kept for ever."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


@cache
def environment() -> Environment:
    """The one template environment."""
    env = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters.update(
        ago=ago_mark,
        age=age_mark,
        at=at_mark,
        when=when_mark,
        day=words.day_of,
        exact=exact_mark,
        short=short_mark,
        raw_text=raw_mark,
        number=words.number,
        counted=words.counted,
        in_words=words.in_words,
        listed=words.listed,
        sentence=words.sentence,
        duration=words.duration,
        bytes=words.size,
        state_word=words.state_word,
        spoken=catalogue.spoken,
    )
    env.globals.update(
        asset=asset,
        links=links,
        themes=catalogue.THEMES,
        attribute_names=catalogue.ATTRIBUTES,
        values_of=catalogue.values_of,
        spoken_values=lambda of, name: [(v, catalogue.spoken(v)) for v, _ in catalogue.values_of(of, name)],
        spoken_states=lambda states: [(s, words.state_word(s)) for s in states],
        same=lambda values: [(v, v) for v in values],
    )
    return env


def render(request: Request, template: str, asked: AsOf | None = None, status: int = 200, **context: Any) -> HTMLResponse:
    """A page. `asked` is the moment it is about; links that `to` makes carry it on."""
    site: Site = site_of(request)
    asked = asked or _NOWHERE
    carried = asked.params()

    def to(address: str, params: Mapping[str, object] | None = None, **more: object) -> str:
        return links.url(address, {**carried, **(params or {})}, **more)

    whole: dict[str, Any] = {
        "now": site.clock(),
        "path": request.url.path,
        "asked": asked,
        "to": to,
        "catalogue": site.catalogue,
        **context,
    }
    text = environment().get_template(template).render(whole)
    return HTMLResponse(text.encode("utf-8", "replace"), status_code=status)
