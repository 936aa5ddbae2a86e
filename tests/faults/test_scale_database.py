"""I1 at scale when the database goes: restarts, connections cut around COMMIT, a disk that is full or fails.

FAULTS=long: 50 restarts, 300 cuts, 100 failed writes.
"""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.faults.scale import ROLES, Scale, check_covered
from tests.faults.scale_feed import Feed
from tests.postgres_server import OWNER, Postgres, Server, own_server
from tests.tcp_proxy import TcpProxy, When

pytestmark = [pytest.mark.timeout(0), pytest.mark.parts("kafka"), pytest.mark.parts("postgres")]

LONG = os.environ.get("FAULTS") == "long"
RESTARTS, CUTS = (50, 300) if LONG else (2, 8)
ROUND = 30


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    with own_server() as server:
        yield server


def restart(server: Server) -> None:
    """As after a crash, at once."""
    server.stop(signal.SIGQUIT)
    server.start()


def test_i1_restarts_of_the_database_and_cuts_around_commit_lose_and_double_nothing(own, scaled, alone, capsys):
    dice = random.Random(20250313)
    done: Counter[str] = Counter()
    while done["restart"] < RESTARTS or done.total() < RESTARTS + CUTS:
        database = Postgres(own.port).create()
        with TcpProxy(own.port) as proxy:
            url = f"postgresql://{OWNER}@127.0.0.1:{proxy.port}/{database}"
            scale: Scale = scaled(url=Postgres(own.port).url(database), at={name: {"url": url} for name in ROLES})
            scale.start(*ROLES)
            scale.until(scale.up, "all have begun")
            with Feed(scale, alone.extra, dice, every=0.4) as feed:
                whens: list[When] = ["before", "after"]
                for number in range(ROUND if LONG else RESTARTS + CUTS):
                    if number % 5 == 4 and done["restart"] < RESTARTS:
                        restart(own)
                        done["restart"] += 1
                        continue
                    when = whens[number % 2]
                    cut = proxy.cut(when, nth=dice.randrange(1, 12))
                    scale.until(cut.is_set, f"a connection is cut {when} its COMMIT is answered")
                    done[f"cut {when} COMMIT"] += 1
                feed.rest()
            assert scale.finish() == alone.outcome
            check_covered(scale)
            scale.close()
        Postgres(own.port).drop(database)
    with capsys.disabled():
        print(f"\nthe database went: {', '.join(f'{what} {count}' for what, count in done.items())}")
