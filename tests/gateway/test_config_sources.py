"""Where settings come from: file, files of secrets, variables and flags, and which of them wins."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import Address, TrunkUri
from gateway.config_sources import BadConfigError, load
from tests.gateway.config_files import OTHER, ROUTE, SECRET, TRUNK, read

pytestmark = pytest.mark.usefixtures("no_variables")


def test_an_address_in_brackets_is_no_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_HTTP__LISTEN", "[::1]:8379")
    assert load(None, {}).http.listen == Address("::1", 8379)


def test_flags_win_over_environment_and_environment_over_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_HTTP__LISTEN", "127.0.0.1:2")
    monkeypatch.setenv("GATEWAY_LOG__LEVEL", "error")
    monkeypatch.setenv("GATEWAY_ADMISSION__ALLOW", '["+1"]')
    monkeypatch.setenv("GATEWAY_TRUNKS__0__MAX_CALLS", "7")
    settings = read(
        tmp_path,
        f'[http]\nlisten = "127.0.0.1:1"\n[log]\nlevel = "debug"\n{TRUNK}',
        http={"listen": "127.0.0.1:3"},
    )
    assert settings.http.listen.port == 3
    assert settings.log.level == "error"
    assert settings.admission.allow == ("+1",)
    assert settings.trunks[0].max_calls == 7
    assert settings.trunks[0].name == "lab"


def test_a_variable_may_hold_the_list_of_one_trunk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_TRUNKS__0__CODECS", '["G722", "PCMA"]')
    monkeypatch.setenv("GATEWAY_TRUNKS__0__USERNAME", "[us")
    monkeypatch.setenv("GATEWAY_TRUNKS__0__PASSWORD", "{no json")
    (trunk,) = read(tmp_path, TRUNK).trunks
    assert (trunk.codecs, trunk.username) == (("G722", "PCMA"), "[us")
    assert trunk.password is not None
    assert trunk.password.get_secret_value() == "{no json"


def test_a_list_of_trunks_in_a_variable_is_the_whole_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_TRUNKS", '[{"name": "other", "uri": "sip:127.0.0.2"}]')
    (trunk,) = read(tmp_path, f"{TRUNK}max_calls = 7\n").trunks
    assert (trunk.name, trunk.max_calls) == ("other", 100)


def test_files_of_secrets_win_over_the_file_and_lose_to_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "gateway_trunks__0__password").write_text(f"{SECRET}\n")
    (folder / "gateway_trunks__0__username").write_text("them")
    (folder / "GATEWAY_LOG__LEVEL").write_text("error")
    (folder / "of_another_program").write_text("x")
    monkeypatch.setenv("GATEWAY_SECRETS_DIR", str(folder))
    monkeypatch.setenv("GATEWAY_TRUNKS__0__USERNAME", "us")
    settings = read(tmp_path, f'{TRUNK}password = "old"\n[log]\nlevel = "debug"\n')
    (trunk,) = settings.trunks
    assert trunk.password is not None
    assert trunk.password.get_secret_value() == SECRET
    assert (trunk.username, trunk.name, settings.log.level) == ("us", "lab", "error")


def test_a_file_of_secrets_that_nobody_reads_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_SECRETS_DIR", str(tmp_path))
    (tmp_path / "gateway_trunk__0__password").write_text(SECRET)
    with pytest.raises(
        BadConfigError, match=r"^gateway_trunk__0__password: unknown key"
    ) as refused:
        load(None, {})
    assert SECRET not in str(refused.value)
    monkeypatch.setenv("GATEWAY_SECRETS_DIR", str(tmp_path / "nope"))
    with pytest.raises(BadConfigError, match=r"^GATEWAY_SECRETS_DIR = '.*nope': No such file"):
        load(None, {})


def test_the_same_sources_give_equal_settings(tmp_path: Path) -> None:
    assert read(tmp_path, TRUNK) == read(tmp_path, TRUNK)


def test_routes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_ROUTES__0__TRUNKS", '["other"]')
    (route,) = read(tmp_path, TRUNK + OTHER + ROUTE).routes
    assert (route.to, route.trunks) == ("+44*", ("other",))
    monkeypatch.setenv("GATEWAY_ROUTES__1__TO", "*")
    monkeypatch.setenv("GATEWAY_ROUTES__1__TRUNKS", '["lab"]')
    assert [each.to for each in read(tmp_path, TRUNK + OTHER + ROUTE).routes] == ["+44*", "*"]


def test_a_trunk_from_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_TRUNKS__0__NAME", "lab")
    monkeypatch.setenv("GATEWAY_TRUNKS__0__URI", "sip:pbx.example")
    assert load(None, {}).trunks[0].uri == TrunkUri("pbx.example", 5060, "udp", False, False, False)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadConfigError, match=r"nope\.toml: cannot be read: No such file"):
        load(tmp_path / "nope.toml", {})


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("GATEWAY_HTPP__LISTEN", "x", "GATEWAY_HTPP__LISTEN: unknown key; the nearest one is"),
        ("GATEWAY_CLUSTER__REDIS", "x", "GATEWAY_CLUSTER__REDIS: not in this version"),
        ("GATEWAY_MEDIA__THREADS", "all", "media.threads = 'all': Input should be a valid integer"),
        ("GATEWAY_HTTP_LISTEN", "x", "the nearest one is GATEWAY_HTTP__LISTEN"),
        ("GATEWAY_ADMISSION_LIMITS_CALLS_AT_ONCE", "1", "is GATEWAY_ADMISSION__LIMITS__CALLS_AT"),
        ("GATEWAY_ADMISSION__LIMITS__CALLS_AT_ONCE", "x", "admission.limits.calls_at_once = 'x'"),
        ("GATEWAY_TRUNKS__0__CODECS", '["PCMU"', "GATEWAY_TRUNKS__0__CODECS: this is not JSON"),
        ("GATEWAY_ADMISSION__ALLOW", "+1", "admission.allow = '+1': a list is needed"),
        ("GATEWAY_HTTP__LISTN", "x", "http.listn = 'x': unknown key; the nearest one is listen"),
        ("GATEWAY_TRUNKS", f'[{{"password": "{SECRET}"', "GATEWAY_TRUNKS: this is not JSON"),
        (
            "GATEWAY_TRUNKS__X",
            "1",
            "GATEWAY_TRUNKS__X: GATEWAY_TRUNKS__0__… is the first [[trunks]]: a number is needed",
        ),
        ("GATEWAY_TRUNKS__X__NAME", "z", "GATEWAY_TRUNKS__X__NAME: GATEWAY_TRUNKS__0__… is the"),
        ("GATEWAY_ROUTES__TO", "*", "GATEWAY_ROUTES__TO: GATEWAY_ROUTES__0__… is the first [[rou"),
        ("gateway_incoming__to", "*", "gateway_incoming__to: GATEWAY_INCOMING__0__… is the first"),
        ("GATEWAY_TRUNKS__5__URI", "x", "trunks[0].name: this key is needed"),
        ("GATEWAY_ADMISSION__MAX_DURATION", "soon", "admission.max_duration = 'soon': Input"),
    ],
)
def test_variables_are_checked_as_the_file_is(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, line: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(BadConfigError) as refused:
        load(None, {})
    assert line in refused.value.problems[0]
    assert SECRET not in str(refused.value)


def test_variables_of_a_kubernetes_service_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_PORT", "tcp://10.0.0.1:80")
    monkeypatch.setenv("GATEWAY_SERVICE_HOST", "10.0.0.1")
    load(None, {})
