"""attestream store erase"""

from __future__ import annotations

import getpass
from typing import Annotated, Any

import typer

from attestream.console import counting, emit, err, say
from attestream.errors import AttestreamError, SettingsError
from attestream.options import AsJson, Config
from attestream.settings import Settings, load
from attestream.wiring import Parts, opened
from pipeline.posture import decide
from store.engine import SQLITE
from store.erasing import Erased, Plan, carry_out, plan_range, plan_value
from store.records import DAY

FIRST = 10
"""Indexes that are listed; the count is always whole."""


def store_erase(
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the log for auditors. It must not repeat the value.")],
    value: Annotated[str | None, typer.Option("--value", help="Erase every entry that holds this text, e.g. a name.")] = None,
    index: Annotated[str | None, typer.Option("--index", help="Erase this entry of the log, or these: N or N-M.")] = None,
    payload_only: Annotated[bool, typer.Option("--payload-only", help="Erase payloads; ids, names and reasons stay.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be erased, and erase nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Erase bytes for ever, on request of the person they are about. Proofs, states and counts stay as they are.

    Lists what it found and asks. Windows, mapping sets, keys and erasures are never erased.

    Example: attestream store erase --value zoe@example.com --reason "request 7 under Article 17" --dry-run
    """
    if (value is None) == (index is None):
        raise SettingsError("say what to erase: one of --value and --index")
    if not reason.strip():
        raise SettingsError("--reason: say why, for whoever audits this later")
    if value is not None and value in reason:
        raise SettingsError("--reason repeats the value, and it would stay in the log: say it in other words")
    settings = load(config)
    with opened(settings) as parts:
        plan = _plan(parts, value, index, payload_only)
        if not as_json:
            _tell(plan)
        if plan.hits and not dry_run and not yes:
            _ask(plan)
        done = None
        if not dry_run:
            parts.check_continues()
            with counting("erasing") as advance:
                done = carry_out(parts.store, plan, reason, getpass.getuser(), decide, advance)
    copies = _copies(settings)
    if as_json:
        emit(_document(plan, done, copies))
        return
    _say_done(done, copies)


def _plan(parts: Parts, value: str | None, index: str | None, payload_only: bool) -> Plan:
    if value is not None:
        with counting("looking") as advance:
            return plan_value(parts.store, value, payload_only, advance)
    first, _, last = (index or "").partition("-")
    numbers = [first, last or first]
    if not all(number.isascii() and number.isdigit() and len(number) < 16 for number in numbers):
        raise SettingsError(f"--index: {index!r} is no index; write N or N-M")
    return plan_range(parts.store, int(numbers[0]), int(numbers[1]), payload_only)


def _tell(plan: Plan) -> None:
    """What was found, for people."""
    what = "payloads" if plan.payload_only else "details and payloads"
    if plan.hits:
        by_source = ", ".join(f"{name}: {count:,}" for name, count in plan.sources.items())
        noun = "entry" if len(plan.hits) == 1 else "entries"
        say(f"{what} of {len(plan.hits):,} {noun} ({by_source}): {_indexes([hit.index for hit in plan.hits])}")
    else:
        say("there is nothing to erase")
    if plan.names:
        say(f"names: {', '.join(plan.names[:FIRST])}{' …' if len(plan.names) > FIRST else ''}")
    for text in _stays(plan):
        say(text)


def _stays(plan: Plan) -> list[str]:
    """What holds the value and is not erased."""
    never = [hit.index for hit in plan.kept if hit.parts and not hit.erasable(payload_only=False)]
    details = [hit.index for hit in plan.kept if plan.payload_only and "detail" in hit.parts and hit.index not in never]
    clear = [hit.index for hit in plan.kept if hit.clear]
    found = []
    if never:
        found.append(f"stays: it stands in {len(never):,} windows, mapping sets or the like: {_indexes(never)}")
    if details:
        found.append(f"stays: it stands in {len(details):,} details (without --payload-only they go too): {_indexes(details)}")
    if clear:
        found.append(
            f"stays: it stands in the clear in {len(clear):,} entries, as the name of a source or part: {_indexes(clear)}"
        )
    if plan.elsewhere:
        places = ", ".join(f"{table}: {count}" for table, count in plan.elsewhere.items())
        found.append(f"stays: what was asked of sources, and how far, repeats it ({places})")
    return found


def _indexes(indexes: list[int]) -> str:
    return ", ".join(map(str, indexes[:FIRST])) + (" …" if len(indexes) > FIRST else "")


def _ask(plan: Plan) -> None:
    """Raises AttestreamError unless a person at a terminal says yes."""
    console = err()
    if not console.is_terminal:
        raise AttestreamError("nothing was erased: nobody is there to be asked; give --yes")
    answer = console.input(f"erase them for ever? Type the number of entries ({len(plan.hits)}) to confirm: ")
    if answer.strip().replace(",", "") != str(len(plan.hits)):
        raise AttestreamError("nothing was erased")


def _copies(settings: Settings) -> list[str]:
    """What may still hold a copy."""
    stream = settings.stream
    if stream.url.startswith("kafka"):
        days = stream.retention // DAY
        kept = f"the topic of the stream, for as long as it keeps its records (a topic that we made: {days} days)"
    else:
        kept = "the stream's file, until what is in it has been stored (minutes)"
    found = [kept, "backups of the store", "bundles and reports that were handed out", "alerts that were delivered"]
    if not settings.store.url.startswith(SQLITE):
        found.append("replicas and archives of the database server")
    return [*found, "the source itself: what it delivers under another id is collected again"]


def _document(plan: Plan, done: Erased | None, copies: list[str]) -> dict[str, Any]:
    return {
        "erased": done is not None and bool(done.erasures),
        "entries": done.entries if done is not None else len(plan.hits),
        "payload_only": plan.payload_only,
        "sources": plan.sources,
        "first": [hit.index for hit in plan.hits[:FIRST]],
        "names": len(plan.names),
        "stays": _stays(plan),
        "erasures": list(done.erasures) if done is not None else [],
        "notes": list(done.notes) if done is not None else [],
        "copies": copies,
    }


def _say_done(done: Erased | None, copies: list[str]) -> None:
    if done is None:
        say("nothing was erased (--dry-run)")
    elif done.erasures:
        entries = ", ".join(map(str, done.erasures[:FIRST]))
        noun = "entry" if done.entries == 1 else "entries"
        say(f"erased: the bytes of {done.entries:,} {noun}; entry {entries} says so")
        for note in done.notes:
            say(f"note: {note}")
    say("may still hold a copy: " + "; ".join(copies))
