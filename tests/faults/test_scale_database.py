"""I1 at scale when the database goes: nobody answers, at the start and in the middle; restarts; connections cut around COMMIT.

FAULTS=long: 50 restarts, 300 cuts.
"""

from __future__ import annotations

import random
import signal
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.faults.counts import times
from tests.faults.scale import ROLES, Scale, check_covered
from tests.faults.scale_feed import Feed
from tests.postgres_server import OWNER, Postgres, Server, own_server, postgres
from tests.tcp_proxy import TcpProxy, When

pytestmark = [pytest.mark.timeout(0), pytest.mark.parts("kafka"), pytest.mark.parts("postgres")]

RESTARTS, CUTS = times(2, 50), times(8, 300)
ROUND = 30
AWAY = {"map-1": "batch not written", "map-2": "batch not written", "seal": "sealing failed"}
"""Process -> what it says when the database goes while it works. Who collects may have nothing to ask just then."""


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    with own_server() as server:
        yield server


def restart(server: Server) -> None:
    """As after a crash, at once."""
    server.stop(signal.SIGQUIT)
    server.start()


def said_by_all(scale: Scale, words: str) -> bool:
    return all(words in run.said() for run in scale.runs.values())


def test_roles_wait_for_a_database_that_does_not_answer_at_the_start_and_in_the_middle(scaled, alone):
    database = postgres().create()
    with TcpProxy(postgres().port) as proxy:
        url = postgres().url(database).replace(f":{postgres().port}/", f":{proxy.port}/")
        scale: Scale = scaled(url=postgres().url(database), at={name: {"url": url} for name in ROLES})
        proxy.refuse(True)
        scale.start(*ROLES)
        scale.until(lambda: said_by_all(scale, "waiting for the store"), "each says that it waits")
        proxy.refuse(False)
        scale.until(lambda: said_by_all(scale, "the store answers"), "each goes on")
        with Feed(scale, alone.extra, random.Random(2)) as feed:
            scale.until(lambda: min(scale.appends("map-1"), scale.appends("map-2")) > 2, "they work")
            at = {name: len(run.said()) for name, run in scale.runs.items()}
            proxy.refuse(True)
            proxy.cut_all()
            scale.until(lambda: all(words in scale.runs[name].said()[at[name] :] for name, words in AWAY.items()), "they say so")
            proxy.refuse(False)
            feed.rest()
        assert scale.finish() == alone.outcome
        check_covered(scale)
        scale.close()
    postgres().drop(database)


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
            strikes = min(ROUND, RESTARTS + CUTS - done.total())
            with Feed(scale, alone.extra, dice, every=strikes / 25) as feed:
                whens: list[When] = ["before", "after"]
                for number in range(strikes):
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
