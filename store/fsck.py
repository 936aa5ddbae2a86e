"""The verifier of the store (`attestream evidence verify`): recomputes everything from stored bytes.

1. Entry rows are contiguous, and as many as the head says.
2. Each entry is canonical, gives its leaf, and its committed parts are the stored bytes; what is missing an erasure names.
3. The tiles, recomputed from the leaves, are the stored tiles, and give the head's root.
4. The log's first entries are those of the signed checkpoint.
5. What is derived equals what the entries give: evidence, tags, dead letters, finding rows, what was seen (entry by entry);
   findings and their causes; tallies, controls, roll-ups; attempts, coverage and counts; names that were erased.
6. `refold`, where given, folds the findings again.

`quiet_at`, `due_at`, drift, cursors, positions and leases are not in the log: 1 to 5 leave them out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
from sqlalchemy import Connection, Engine, exc, select

from store import schema
from store.attested import KIND as ATTESTATION
from store.checkpoint import SignedCheckpoint
from store.engine import reading
from store.erasures import read_erasures
from store.errors import InvalidTime, StoreError, VerificationError
from store.fsck_common import Context, Place, Progress, Seen, differs, expect
from store.fsck_erased import check_names
from store.fsck_findings import check_causes, check_present
from store.fsck_links import check_links, check_stray_links
from store.fsck_log import check_checkpoint, check_entries, check_rows
from store.fsck_replays import check_replays, check_stray_tags
from store.fsck_rows import check_page, pages
from store.fsck_state import check_controls, check_rollup, check_strays, check_tally
from store.fsck_statements import check_statements, check_stray_statements
from store.fsck_windows import Windows, check_windows
from store.query_common import load_known
from store.writer import read_head

RefoldCheck = Callable[[Connection], None]
"""Folds findings again from their inputs and raises VerificationError where a state does not follow (the pipeline's folds)."""

_DAMAGE: Final = (exc.SQLAlchemyError, msgspec.MsgspecError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError)
"""What reading damaged bytes raises: a column of another type, text that is no text, JSON without its fields."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What was verified: size and root (hex) of the log, entries by type, the size that was signed, entries that were erased."""

    size: int
    root: str
    entries: Mapping[str, int]
    checkpoint_size: int | None
    erased: int


def verify(
    engine: Engine,
    checkpoint: SignedCheckpoint | None,
    progress: Progress | None = None,
    refold: RefoldCheck | None = None,
) -> Verified:
    """Verify the whole store in one snapshot, in bounded memory.

    Raises VerificationError; its `index` is the first that differs, None where no single entry can be named. Other StoreErrors
    mean that the database could not be read. `progress` counts entries; each is read twice.
    """
    place = Place(progress=progress)
    try:
        with reading(engine, patient=True) as connection:
            return _verify(_context(connection, place), checkpoint, refold)
    except InvalidTime as error:
        raise VerificationError(f"entry {place.index}: {error}", index=place.index) from error
    except StoreError:
        raise
    except _DAMAGE as error:
        text = f"entry {place.index}: it, or a row that belongs to it, cannot be read ({type(error).__name__})"
        raise VerificationError(text, index=place.index) from error


def _context(connection: Connection, place: Place) -> Context:
    heads = connection.execute(select(schema.head.c.id)).scalars().all()
    if list(heads) != [1]:
        differs("the store has no head, or several", 0)
    head = read_head(connection)
    place.total = 2 * head.size
    secret = connection.execute(select(schema.meta.c.value).where(schema.meta.c.name == "seen_key")).scalar_one()
    table = schema.mapping
    held = {row.id: row.held for row in connection.execute(select(table.c.id, table.c.held))}
    known = load_known(connection, head.mapping_set)
    held |= {id_: 0 for id_, record in known.records.items() if record.kind == ATTESTATION}
    return Context(connection, head, known, held, secret, place, read_erasures(connection))


def _verify(context: Context, checkpoint: SignedCheckpoint | None, refold: RefoldCheck | None) -> Verified:
    # 1.
    check_rows(context)
    # 2, 3.
    seen = check_entries(context)
    # 4.
    if checkpoint is not None:
        check_checkpoint(context, checkpoint)
    # 5. Entry by entry.
    windows, digest = Windows(), ""
    for page in pages(context):
        digest = check_page(context, page, digest)
        check_causes(context, page)
        check_statements(context, page)
        check_links(context, page)
        check_replays(context, page)
        for facts in page:
            if facts.type == "window":
                context.place.index = facts.index
                windows.add(context, seen, facts)
    # 5. As a whole.
    check_strays(context, seen)
    check_stray_statements(context, seen.types)
    check_stray_links(context, seen.types)
    check_stray_tags(context)
    check_names(context)
    _check_sets(context, seen)
    check_present(context)
    check_controls(context, check_tally(context))
    check_rollup(context)
    check_windows(context, windows)
    # 6.
    if refold is not None:
        refold(context.connection)
    size = checkpoint.checkpoint.size if checkpoint is not None else None
    return Verified(context.head.size, context.head.root.hex(), dict(sorted(seen.types.items())), size, seen.erased)


def _check_sets(context: Context, seen: Seen) -> None:
    """Mapping sets stand where the log activated them last; each mapping is held since one of them."""
    table, mapping = schema.mapping_set, schema.mapping
    rows = {row.digest: (row.idx, row.activated_at) for row in context.connection.execute(select(table))}
    for digest in sorted(rows.keys() | seen.sets.keys(), key=lambda d: seen.sets.get(d, rows.get(d, (0, 0)))):
        index = seen.sets.get(digest, rows.get(digest, (0, 0)))[0]
        expect(rows.get(digest), seen.sets.get(digest), "its row of mapping sets says otherwise", index)
    for row in context.connection.execute(select(mapping).order_by(mapping.c.held)):
        record = context.known.records[row.id]
        if row.held not in seen.set_indexes or (record.id, record.digest) != (row.id, row.digest):
            differs(f"mapping {row.id!r} is not held since a mapping set", context.head.set_idx)
