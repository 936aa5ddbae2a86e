"""Several machines on one store of PostgreSQL: one signs and collects, others read, map, serve."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from psycopg import sql
from starlette.testclient import TestClient

from attestream.errors import AttestreamError, Exit
from attestream.serve import dashboard
from attestream.settings import load
from attestream.wiring import opened
from collectors.runner import run_attempts
from pipeline.worker import Worker
from store.active import active_digest
from store.engine import reading
from store.open import find_meta, write_meta
from tests.attestream.conftest import Installation, Run
from tests.postgres_server import postgres
from tests.tcp_proxy import TcpProxy

pytestmark = pytest.mark.parts("postgres")


@pytest.fixture
def other(made: Installation, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings of a machine with a folder of its own, over the same store, without key, checkpoints and sources."""
    folder = made.folder / "other"
    folder.mkdir()
    (line,) = [line for line in made.config.read_text().splitlines() if line.startswith("store:")]
    (folder / "attestream.yaml").write_text(f"{line}\n")
    monkeypatch.chdir(folder)
    return folder / "attestream.yaml"


def test_who_only_reads_never_becomes_the_one_who_signs(made: Installation, other: Path, run: Run) -> None:
    run("store", "migrate", config=made.config)
    run("mappings", "activate", config=made.config)
    period = ("--from", "2026-11-01", "--to", "2026-12-01")
    for words in (("log", "prove", "0"), ("export", "create", *period, "-o", str(other.parent / "x.zip"))):
        done = run(*words, config=other)
        assert (done.code, "never signed" in done.err) == (Exit.FAILED, True), done.err
    assert "whoever signs first makes one" in run("doctor", config=other).out
    assert not list(made.folder.rglob("signing.key*"))
    with opened(load(other)) as parts:
        assert parts.signed() is None


def test_what_only_looks_leaves_stream_and_sources_as_they_are(
    made: Installation, other: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made.folder)
    run("run", "--once", config=made.config)
    with opened(load(made.config)) as parts:
        before = find_meta(parts.store.engine, "stream")
    monkeypatch.chdir(other.parent)
    assert "it is another one than the store's positions are of" in run("doctor", config=other).out
    assert "this file is not, or is older than, the one that was read before" in run("stream", "peek", config=other).err
    for words in (("source", "list"), ("status",), ("finding", "list"), ("drift", "list")):
        assert run(*words, config=other).code == Exit.DONE, words
    with opened(load(other)) as parts:
        assert find_meta(parts.store.engine, "stream") == before
        assert [source.configured for source in parts.query.sources(parts.store.clock())] == [True]


def test_a_machine_whose_stream_was_forgotten_is_told_so(made: Installation, other: Path, run: Run) -> None:
    run("store", "migrate", config=made.config)
    with opened(load(other)) as parts:
        write_meta(parts.store.engine, "stream", b"kafka:cluster/topic/id")
        with pytest.raises(AttestreamError, match=r"stream\.url is not set"):
            parts.stream  # noqa: B018
        assert find_meta(parts.store.engine, "stream") == b"kafka:cluster/topic/id"


def test_collecting_works_where_nothing_is_signed(
    made: Installation, other: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made.folder)
    run("run", "--once", config=made.config)
    monkeypatch.chdir(other.parent)
    done = run("collect", config=other)
    assert (done.code, "not sealed: another machine signs" in done.err) == (Exit.DONE, True), done.err
    assert run("run", "--once", config=other).code == Exit.INTEGRITY, "which is to seal"


def test_a_worker_goes_on_with_the_set_that_became_active_elsewhere(made: Installation, other: Path, run: Run) -> None:
    other.write_text(other.read_text() + "mappings: {builtin: false}\n")
    assert run("mappings", "activate", config=other).code == Exit.DONE
    with opened(load(made.config)) as parts:
        worker, epoch = Worker(parts.stream, parts.store), parts.lease.acquire()
        assert epoch is not None
        worker.drain()
        first = worker._active().digest
        assert run("mappings", "activate", config=made.config).code == Exit.DONE
        run_attempts(parts.collectors[0], parts.stream, parts.ledger, epoch, parts.store.clock())
        worker.drain()
        worker.close()
        active = active_digest(parts.store.engine)
        assert active != first
        kept = [parts.query.entry(row.idx) for row in parts.query.evidence(limit=100)]
        assert kept
        assert {entry.fields["mapping_set"] for entry in kept if entry is not None} == {active}


def test_a_page_says_that_the_store_does_not_answer_and_then_comes_again(made: Installation, run: Run) -> None:
    run("run", "--once", config=made.config)
    with TcpProxy(postgres().port) as proxy:
        made.config.write_text(made.config.read_text().replace(f":{postgres().port}/", f":{proxy.port}/"))
        with opened(load(made.config)) as parts:
            client = TestClient(dashboard(parts), base_url="http://localhost", raise_server_exceptions=False)
            assert client.get("/").status_code == 200
            for odd in (
                "/evidence?source=%00",
                "/api/v1/findings?mapping=a%00",
                "/windows/%00",
                "/findings/%00/aa",
                "/drift?control=%00",
            ):
                assert client.get(odd).status_code in (400, 404), odd
            proxy.refuse(True)
            proxy.cut_all()
            page, document = client.get("/"), client.get("/api/v1/status")
            assert (page.status_code, document.status_code) == (503, 503)
            assert "The store does not answer" in page.text
            assert "Traceback" not in page.text + document.text
            assert page.headers["retry-after"]
            assert client.get("/readyz").status_code == 503
            proxy.refuse(False)
            assert client.get("/").status_code == 200
            proxy.cut("before", b"FROM control")  # in the middle of a page
            cut = client.get("/controls")
            assert (cut.status_code, "The store does not answer" in cut.text) == (503, True)
            assert client.get("/controls").status_code == 200


ODD = "p@ss:w/rd%25 #?&'\"é\\"


def test_a_role_with_few_rights_a_schema_of_its_own_and_an_odd_password(
    made: Installation, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ATTESTREAM_STORE__PASSWORD_FILE")
    with postgres().connect() as connection:
        connection.execute("DROP ROLE IF EXISTS plain_role")
        connection.execute(sql.SQL("CREATE ROLE plain_role LOGIN PASSWORD {}").format(sql.Literal(ODD)))
    (line,) = [line for line in made.config.read_text().splitlines() if line.startswith("store:")]
    database = line.split("/")[-1].split("'")[0]
    with postgres().connect(database) as connection:
        connection.execute("CREATE SCHEMA evidence AUTHORIZATION plain_role")
        connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    place = f"postgresql://plain_role:{quote(ODD, safe='')}@127.0.0.1:{postgres().port}/{database}"
    words = made.config.read_text().replace(line, f'store: {{url: "{place}?options=-csearch_path%3Devidence&sslmode=disable"}}')
    made.config.write_text(words)
    try:
        run("run", "--once", config=made.config)
        for command in (("status",), ("evidence", "verify"), ("doctor",), ("store", "migrate")):
            done = run(*command, config=made.config)
            assert done.code == Exit.DONE, done.err
            assert ODD not in done.out + done.err
            assert quote(ODD, safe="") not in done.out + done.err
        with opened(load(made.config)) as parts, reading(parts.store.engine) as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM evidence.entry").scalar_one() > 0
            places = "SELECT relnamespace::regnamespace::text FROM pg_class WHERE relname = 'entry'"
            assert connection.exec_driver_sql(places).scalars().all() == ["evidence"]
    finally:
        with postgres().connect(database) as connection:
            connection.execute("DROP SCHEMA evidence CASCADE")
            connection.execute("DROP OWNED BY plain_role CASCADE")
        with postgres().connect() as connection:
            connection.execute("DROP ROLE plain_role")
