"""Settings: the file, the environment over it, and errors that name the place and the nearest valid name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from attestream.errors import SettingsError
from attestream.settings import MAX_FILE, Settings, StreamSettings, load
from store.records import DAY

SOURCE = {"name": "trail", "type": "cloudtrail-files", "path": "/trail"}
Write = Callable[[str], Path]

# Every setting with a value that is not its default, and what is read from it.
VALUES: Mapping[str, tuple[Any, Any]] = {
    "store.url": ("sqlite:////var/lib/attestream/store.db", "sqlite:////var/lib/attestream/store.db"),
    "store.password": ("hunter1", SecretStr("hunter1")),
    "stream.url": ("sqlite:///other.db", "sqlite:///other.db"),
    "stream.format": ("cloudevents", "cloudevents"),
    "stream.partitions": (24, 24),
    "stream.replication": (3, 3),
    "store.retention": ("730d", 730 * DAY),
    "stream.retention": ("3d", 3 * DAY),
    "stream.group": ("mappers", "mappers"),
    "stream.tls": (True, True),
    "stream.ca_file": ("/etc/kafka/ca.pem", Path("/etc/kafka/ca.pem")),
    "stream.cert_file": ("/etc/kafka/our.pem", Path("/etc/kafka/our.pem")),
    "stream.key_file": ("/etc/kafka/our.key", Path("/etc/kafka/our.key")),
    "stream.sasl": ("SCRAM-SHA-512", "SCRAM-SHA-512"),
    "stream.username": ("attestream", "attestream"),
    "stream.password": ("hunter2", SecretStr("hunter2")),
    "stream.password_file": ("/run/secrets/kafka", Path("/run/secrets/kafka")),
    "stream.token_file": ("/run/secrets/token", Path("/run/secrets/token")),
    "sources": ([SOURCE], (SOURCE,)),
    "mappings.paths": (["mine", "theirs/overlay.yaml"], (Path("mine"), Path("theirs/overlay.yaml"))),
    "mappings.builtin": (False, False),
    "mappings.lists": ({"admins": ["alice", "ops-*"]}, {"admins": ("alice", "ops-*")}),
    "retain": ("all", "all"),
    "signing.key_file": ("keys/signing.key", Path("keys/signing.key")),
    "signing.place": ("/mnt/checkpoints", Path("/mnt/checkpoints")),
    "signing.origin": ("log.example.org/prod", "log.example.org/prod"),
    "signing.every": (60, 60),
    "alerts.routes": ([{"name": "all", "type": "log"}], ({"name": "all", "type": "log"},)),
    "alerts.link": ("https://attestream.example.org", "https://attestream.example.org"),
    "web.listen": ("0.0.0.0:80", "0.0.0.0:80"),
    "web.allowed_hosts": (["attestream.example.org"], ("attestream.example.org",)),
}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: str) -> Path:
        path = tmp_path / "some.yaml"
        path.write_text(content, encoding="utf-8")
        return path

    return write


def value_of(found: Settings, name: str) -> Any:
    return reduce(getattr, name.split("."), found)


def nested(name: str, value: Any) -> dict[str, Any]:
    for key in reversed(name.split(".")):
        value = {key: value}
    return dict(value)


def refused(path: Path | None, environment: Mapping[str, str] | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        load(path, environment or {})
    return str(caught.value)


# -- what is set


@pytest.mark.parametrize("name", VALUES)
def test_a_setting_in_the_file_is_read(name: str, write: Write) -> None:
    given, wanted = VALUES[name]
    assert value_of(load(None, {}), name) != wanted
    assert value_of(load(write(yaml.safe_dump(nested(name, given))), {}), name) == wanted


@pytest.mark.parametrize("name", VALUES)
def test_the_environment_overrides_the_file(name: str, write: Write) -> None:
    given, wanted = VALUES[name]
    variable = "ATTESTREAM_" + name.upper().replace(".", "__")
    text = yaml.safe_dump(given, default_flow_style=True).strip() if isinstance(given, list | dict) else str(given)
    other = write("{store: {url: 'sqlite:///file.db'}, retain: matched, signing: {every: 5}}")
    found = load(other, {variable: text, "HOME": "/nowhere"})
    assert value_of(found, name) == wanted
    if name != "store.url":
        assert found.store.url == "sqlite:///file.db"


def test_without_a_file_there_are_defaults_and_no_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = load(None, {})
    assert found.source_settings() == ()
    assert found.folder == Path("attestream-data")
    assert found.key_file == Path("attestream-data/signing.key")
    assert found.place == Path("attestream-data/checkpoints")
    assert list(tmp_path.iterdir()) == []


def test_key_and_place_stand_beside_the_store_unless_they_are_set(write: Write) -> None:
    found = load(write("store: {url: 'sqlite:////data/a/store.db'}\nsigning: {place: /elsewhere}"), {})
    assert (found.key_file, found.place) == (Path("/data/a/signing.key"), Path("/elsewhere"))


def test_the_file_is_the_one_named_else_the_one_of_the_environment_else_of_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("named", "environment", "attestream"):
        (tmp_path / f"{name}.yaml").write_text(f"signing: {{origin: {name}}}", encoding="utf-8")
    there = {"ATTESTREAM_CONFIG": str(tmp_path / "environment.yaml")}
    assert load(tmp_path / "named.yaml", there).signing.origin == "named"
    assert load(None, there).signing.origin == "environment"
    assert load(None, {}).signing.origin == "attestream"


def test_a_password_in_the_url_is_taken_out_of_it(write: Write) -> None:
    found = load(write("store: {url: 'postgresql://attestream:hunter%2F2@db.example.org/evidence?sslmode=verify-full'}"), {})
    assert found.store.url == "postgresql://attestream@db.example.org/evidence?sslmode=verify-full"
    assert found.store.secret == "hunter/2"
    assert "hunter" not in repr(found)
    assert found.folder == Path("attestream-data")
    twice = "store: {url: 'postgresql://attestream:hunter2@db.example.org/evidence', password: hunter3}"
    with pytest.raises(SettingsError, match="leave one of them out") as caught:
        load(write(twice), {})
    assert "hunter" not in str(caught.value)


def test_an_empty_file_sets_nothing(write: Write) -> None:
    assert load(write("# nothing\n"), {}) == Settings()


def test_the_process_environment_is_read_where_none_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ATTESTREAM_RETAIN", "all")
    assert load(None).retain == "all"


def test_a_variable_ending_in_file_reads_the_value_from_there(tmp_path: Path, write: Write) -> None:
    secret = tmp_path / "url"
    secret.write_text("sqlite:////secret/store.db\n", encoding="utf-8")
    assert load(write(""), {"ATTESTREAM_STORE__URL_FILE": str(secret)}).store.url == "sqlite:////secret/store.db"


def test_key_file_is_a_path_and_not_a_value_in_a_file(write: Write) -> None:
    assert load(write(""), {"ATTESTREAM_SIGNING__KEY_FILE": "/keys/a"}).key_file == Path("/keys/a")


def test_files_of_the_stream_are_paths_and_its_address_may_stand_in_a_file(tmp_path: Path, write: Write) -> None:
    address = tmp_path / "address"
    address.write_text("kafka://broker:9092/events\n", encoding="utf-8")
    given = {"ATTESTREAM_STREAM__PASSWORD_FILE": "/run/secrets/kafka", "ATTESTREAM_STREAM__URL_FILE": str(address)}
    found = load(write(""), given).stream
    assert (found.password_file, found.url) == (Path("/run/secrets/kafka"), "kafka://broker:9092/events")


def test_settings_of_the_stream_become_its_options_and_show_no_secret() -> None:
    given = {"sasl": "PLAIN", "username": "me", "password": "hunter2", "tls": True, "ca_file": "/ca.pem", "retention": "36h"}
    settings = StreamSettings.model_validate(given)
    options = settings.options()
    assert (options.retention, options.partitions, options.security.mechanism) == (36 * 3600, 12, "PLAIN")
    assert options.security.password is not None
    assert options.security.password.read() == "hunter2"
    assert "hunter2" not in repr(options) + repr(settings) + repr(options.security.password)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"sasl": "PLAIN", "username": "me"}, "one of password_file and password"),
        ({"sasl": "PLAIN", "password": "hunter2"}, "needs username"),
        ({"sasl": "PLAIN", "username": "me", "password": "hunter2", "password_file": "/p"}, "one of"),
        ({"username": "me"}, "go with sasl"),
        ({"sasl": "OAUTHBEARER"}, "token_file"),
        ({"token_file": "/t"}, "OAUTHBEARER"),
        ({"ca_file": "/ca.pem"}, "tls: true"),
        ({"tls": True, "cert_file": "/c.pem"}, "key_file"),
    ],
)
def test_settings_of_the_stream_that_do_not_go_together_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        StreamSettings.model_validate(given).options()
    assert "hunter2" not in str(caught.value)


def test_settings_cannot_be_changed_afterwards(write: Write) -> None:
    found = load(write(""), {})
    with pytest.raises(ValueError, match="frozen"):
        found.retain = "all"  # type: ignore[misc]


# -- what is refused


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("stroe: {}", "stroe: no such setting; did you mean store?"),
        ("store: {ulr: x}", "store.ulr: no such setting; did you mean url?"),
        ("signing: {keyfile: x}", "signing.keyfile: no such setting; did you mean key_file?"),
        ("web: {zzz: 1}", "web.zzz: no such setting (known: allowed_hosts, listen)"),
        ("retain: some", "retain: Input should be 'matched' or 'all'"),
        ("signing: {every: 0}", "signing.every: Input should be greater than or equal to 1"),
        ("signing: {every: soon}", "signing.every: "),
        ("mappings: {lists: {a: 1}}", "mappings.lists.a"),
        ("sources: trail", "sources: "),
        ("store: sqlite", "store: "),
        ("[store]", "expected keys and values at the top, found list"),
        ("just text", "expected keys and values at the top, found str"),
    ],
)
def test_a_setting_that_cannot_be_is_named_with_its_file_and_the_nearest_name(content: str, said: str, write: Write) -> None:
    path = write(content)
    text = refused(path)
    assert text.startswith(str(path))
    assert said in text


def test_several_faults_are_told_at_once(write: Write) -> None:
    text = refused(write("stroe: {}\nretain: some"))
    assert "stroe" in text
    assert "retain" in text


@pytest.mark.parametrize(
    ("content", "line"),
    [("store: {url: x", "line 1"), ("a: 1\n\tb: 2", "line 2"), ("a: 1\nb: [1\nc: 2", "line 3"), ("a: !!python/x 1", "")],
)
def test_what_is_not_yaml_is_told_with_its_line(content: str, line: str, write: Write) -> None:
    path = write(content)
    text = refused(path)
    assert text.startswith(str(path))
    assert line in text
    assert "is not YAML" in text


def test_a_file_that_is_not_text_too_large_or_not_there_is_told(tmp_path: Path) -> None:
    path = tmp_path / "some.yaml"
    path.write_bytes(b"\xff\xfe\0")
    assert str(path) in refused(path)
    path.write_bytes(b"#" * (MAX_FILE + 1))
    assert "this is no settings file" in refused(path)
    assert "--config" in refused(tmp_path / "none.yaml")
    assert "none.yaml" in refused(None, {"ATTESTREAM_CONFIG": str(tmp_path / "none.yaml")})
    assert refused(tmp_path).startswith(str(tmp_path))


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("ATTESTREAM_STROE__URL", "x", "ATTESTREAM_STROE__URL: no such section; did you mean store?"),
        ("ATTESTREAM_STORE__ULR", "x", "store.ulr: no such setting; did you mean url?"),
        ("ATTESTREAM_RETAIN", "some", "retain: "),
        ("ATTESTREAM_RETAIN__X", "some", "retain"),
        ("ATTESTREAM_SOURCES", "[{name: a", "ATTESTREAM_SOURCES: not YAML"),
        ("ATTESTREAM_STORE__URL_FILE", "/nowhere/at/all", "ATTESTREAM_STORE__URL_FILE: cannot read /nowhere/at/all"),
    ],
)
def test_a_variable_that_cannot_be_is_named(variable: str, value: str, said: str, write: Write) -> None:
    assert said in refused(write("retain: all"), {variable: value})


def test_a_value_from_a_file_does_not_stand_in_the_error(tmp_path: Path, write: Write) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2-hunter2", encoding="utf-8")
    assert "hunter2" not in refused(write(""), {"ATTESTREAM_RETAIN_FILE": str(secret)})


# -- sources


def test_a_source_name_stands_once(write: Write) -> None:
    text = refused(write(yaml.safe_dump({"sources": [SOURCE, {**SOURCE, "path": "/other"}]})))
    assert "the name 'trail' stands twice" in text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"type": "cloudtrail-file"}, "source trail: type 'cloudtrail-file' is not known; did you mean cloudtrail-files?"),
        ({"pth": "/x"}, "pth is no setting of cloudtrail-files; did you mean path?"),
        ({"schedule": 5}, "schedule: a duration needs a unit: write e.g. 5s"),
        ({"since": "yesterday"}, "since: "),
    ],
)
def test_a_source_that_cannot_be_is_named(change: Mapping[str, Any], said: str, write: Write) -> None:
    assert said in refused(write(yaml.safe_dump({"sources": [{**SOURCE, **change}]})))


def test_a_source_that_is_no_mapping_is_refused(write: Write) -> None:
    assert "sources.0" in refused(write("sources: [trail]"))


# -- any file


@given(
    st.text(max_size=200)
    | st.recursive(st.none() | st.integers() | st.text(max_size=8), lambda x: st.lists(x, max_size=3)).map(yaml.safe_dump)
)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
def test_no_file_raises_anything_but_a_settings_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "any.yaml"
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    try:
        assert isinstance(load(path, {}), Settings)
    except SettingsError as error:
        assert str(error)  # noqa: PT017  either is right


def test_a_variable_sets_a_key_of_a_source_by_its_name(write: Write) -> None:
    path = write("sources: [{name: trail-eu.1, type: cloudtrail-files, path: /trail}]")
    found = load(path, {"ATTESTREAM_SOURCES__TRAIL_EU_1__PATH": "/other", "ATTESTREAM_SOURCES__TRAIL_EU_1__SCHEDULE": "15m"})
    assert found.sources[0] == {"name": "trail-eu.1", "type": "cloudtrail-files", "path": "/other", "schedule": "15m"}


def test_a_variable_for_a_source_that_is_not_there_is_said(write: Write) -> None:
    with pytest.raises(SettingsError, match="ATTESTREAM_SOURCES__TRIAL__PATH: no source of this name"):
        load(write("sources: [{name: trail, type: cloudtrail-files, path: /trail}]"), {"ATTESTREAM_SOURCES__TRIAL__PATH": "/x"})


def test_a_variable_may_set_a_key_of_a_route_named_by_its_name(write: Write) -> None:
    path = write("alerts: {routes: [{name: on-call, type: pagerduty}]}")
    found = load(
        path, {"ATTESTREAM_ALERTS__ROUTES__ON_CALL__ROUTING_KEY": "R0UT1NG", "ATTESTREAM_ALERTS__LINK": "https://a.example.org"}
    )
    assert found.alerts.routes == ({"name": "on-call", "type": "pagerduty", "routing_key": "R0UT1NG"},)
    assert found.alerts.link == "https://a.example.org"
    found = load(path, {"ATTESTREAM_ALERTS__ROUTES__ON_CALL__ROUTING_KEY_FILE": "/run/secrets/pagerduty"})
    assert found.alerts.routes[0]["routing_key_file"] == "/run/secrets/pagerduty"
    with pytest.raises(SettingsError, match="ATTESTREAM_ALERTS__ROUTES__ONCALL__URL: no route of this name"):
        load(path, {"ATTESTREAM_ALERTS__ROUTES__ONCALL__URL": "x"})
