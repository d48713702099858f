from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sdp
from gateway.calls.browser_description import BITRATE
from gateway.calls.browser_side import RESUME_WINDOW
from gateway.config import Address, SessionSettings, Settings, TrunkUri
from gateway.config_sip import DtmfMode, SipSettings, TrunkCodec, TrunkSettings
from gateway.config_sources import BadConfigError, load
from gateway.media import MediaConfig
from gateway.signaling.sessions import Sessions
from gateway.trunk import Elsewhere, Identity, Trunk
from gateway.trunk.dtmf import Dtmf
from sdp.trunk import TRUNK_CODECS

TRUNK = '[[trunks]]\nname = "lab"\nuri = "sip:127.0.0.1:15060;transport=udp"\n'
OTHER = '[[trunks]]\nname = "other"\nuri = "sip:127.0.0.2"\n'
ROUTE = '[[routes]]\nto = "+44*"\ntrunks = ["lab", "other"]\n'
SECRET = "hunter2"


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("GATEWAY_")]:
        monkeypatch.delenv(name)


def read(tmp_path: Path, text: str, **flags: Any) -> Settings:
    file = tmp_path / "gateway.toml"
    file.write_text(text, encoding="utf-8")
    return load(file, flags)


def problems(tmp_path: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(BadConfigError) as refused:
        read(tmp_path, text)
    return refused.value.problems


def test_defaults_are_a_gateway_that_dials_nothing() -> None:
    settings = load(None, {})
    assert settings.http.listen == Address("127.0.0.1", 8080)
    assert settings.admission.allow == ()
    assert settings.trunks == ()
    assert settings.sessions.drain_timeout == 300


def test_media_defaults_are_those_of_the_plane() -> None:
    media, plane = load(None, {}).media, MediaConfig()
    assert (media.threads, media.codec) == (0, "opus")
    assert media.ports == plane.ports
    assert media.browser_ports.start == plane.browser_port == media.ports[0]
    assert (media.complexity, media.bitrate) == (plane.complexity, plane.bitrate)
    assert (media.timeout, media.early_timeout) == (plane.trunk_silence, plane.trunk_silence_early)
    assert media.bitrate == BITRATE


def test_pages_are_waited_for_as_long_as_their_media() -> None:
    assert SessionSettings().resume_window == RESUME_WINDOW == Sessions().window


def test_every_codec_that_a_trunk_can_be_offered_can_be_written(tmp_path: Path) -> None:
    text = f"{TRUNK}codecs = {json.dumps(list(TRUNK_CODECS))}"
    assert read(tmp_path, text).trunks[0].codecs == tuple(TRUNK_CODECS)
    assert set(get_args(TrunkCodec)) == set(TRUNK_CODECS)


def test_media_may_be_set(tmp_path: Path) -> None:
    text = (
        '[media]\nthreads = 2\nbrowser_port = 443\ncodec = "passthrough"\ncomplexity = 9\n'
        "bitrate = 16000\ntimeout = 0\nearly_timeout = 2.5\n"
    )
    media = read(tmp_path, text).media
    assert (media.codec, media.complexity) == ("passthrough", 9)
    assert (media.thread_count, media.browser_ports) == (2, range(443, 445))
    assert (media.bitrate, media.timeout, media.early_timeout) == (16_000, 0, 2.5)


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (4, 3), (64, 63)])
def test_there_is_a_media_thread_for_each_core_but_one(
    monkeypatch: pytest.MonkeyPatch, cores: int, threads: int
) -> None:
    monkeypatch.setattr("gateway.config.usable_cores", lambda: cores)
    media = load(None, {}).media
    assert (media.thread_count, len(media.browser_ports)) == (threads, threads)
    assert media.browser_ports.start == media.ports[0], "the rest of them is the trunks'"


@pytest.mark.parametrize(
    ("given", "told"),
    [("::1", "::1"), ("2001:DB8:0::0010", "2001:db8::10"), ("192.0.2.1", "192.0.2.1")],
)
def test_media_may_have_an_address_of_either_kind(given: str, told: str) -> None:
    bound = "::1" if ":" in given else "127.0.0.1"
    assert load(None, {"media": {"address": given}}).media.told == told
    media = load(None, {"media": {"address": bound, "public_address": given}}).media
    assert (media.address, media.told) == (bound, told)


@pytest.mark.parametrize(
    ("given", "uri"),
    [
        ("0.0.0.0", "sip:192.0.2.1"),
        ("::", "sip:192.0.2.1"),
        ("0:0::0", "sip:[2001:db8::1]"),
        ("0.0.0.0", "sip:127.0.0.1"),
    ],
)
def test_media_at_any_address_is_for_a_trunk_anywhere(given: str, uri: str) -> None:
    values = {"media": {"address": given}, "trunks": [{"name": "a", "uri": uri}]}
    values["sip"] = {"listen": "[::]:5060"}
    media = load(None, values).media
    assert media.is_anywhere
    assert media.address in ("0.0.0.0", "::")


def test_the_public_address_is_of_a_kind_that_media_speaks() -> None:
    for address, public in (("::", "192.0.2.1"), ("::", "2001:db8::1"), ("0.0.0.0", "192.0.2.1")):
        media = load(None, {"media": {"address": address, "public_address": public}}).media
        assert media.told == public
    with pytest.raises(BadConfigError, match="both are IPv4 or both IPv6"):
        load(None, {"media": {"address": "0.0.0.0", "public_address": "2001:db8::1"}})


def test_a_trunk_elsewhere_cannot_send_to_a_loopback_address_of_either_kind() -> None:
    trunk = [{"name": "a", "uri": "sip:192.0.2.1"}]
    with pytest.raises(BadConfigError, match="cannot send audio to a loopback address"):
        load(None, {"media": {"address": "::1"}, "trunks": trunk})
    load(None, {"media": {"address": "2001:db8::1"}, "trunks": trunk})


@pytest.mark.parametrize("rule", ["auto", "strict", "any"])
def test_whose_audio_is_believed_may_be_set(tmp_path: Path, rule: str) -> None:
    assert read(tmp_path, f'{TRUNK}symmetric_rtp = "{rule}"').trunks[0].symmetric_rtp == rule
    assert read(tmp_path, TRUNK).trunks[0].symmetric_rtp == "auto"


@pytest.mark.parametrize("mode", Dtmf)
def test_how_digits_go_may_be_set(tmp_path: Path, mode: Dtmf) -> None:
    assert read(tmp_path, f'{TRUNK}dtmf = "{mode}"').trunks[0].dtmf == mode
    assert read(tmp_path, TRUNK).trunks[0].dtmf == "auto"
    assert get_args(DtmfMode) == tuple(Dtmf)


@pytest.mark.parametrize("srtp", sdp.Srtp)
def test_audio_may_be_encrypted(tmp_path: Path, srtp: sdp.Srtp) -> None:
    assert read(tmp_path, f'{TRUNK}srtp = "{srtp}"').trunks[0].srtp == srtp
    assert read(tmp_path, TRUNK).trunks[0].srtp == "off"


def test_whether_a_trunk_may_transfer(tmp_path: Path) -> None:
    assert read(tmp_path, f'{TRUNK}transfers = "allow"').trunks[0].transfers == "allow"
    assert read(tmp_path, TRUNK).trunks[0].transfers == "refuse"


def test_an_address_in_brackets_is_no_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_HTTP__LISTEN", "[::1]:8379")
    assert load(None, {}).http.listen == Address("::1", 8379)


def test_a_whole_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(f"{SECRET}\n")
    settings = read(
        tmp_path,
        '[http]\nlisten = "[::1]:0"\n[sip]\nlisten = "127.0.0.1:5070"\n'
        '[media]\naddress = "127.0.0.1"\npublic_address = "192.0.2.1"\nports = [30000, 30999]\n'
        f'{TRUNK}username = "us"\npassword_file = "{tmp_path}/password"\ncodecs = ["PCMA"]\n'
        'caller_id = "+1 555 0001"\nmax_calls = 3\n'
        '[admission]\norigins = ["https://Shop.example"]\nallow = ["+1", "6"]\ndeny = ["+1900"]\n'
        'max_duration = 60\n[log]\nlevel = "debug"\n',
    )
    (trunk,) = settings.trunks
    assert trunk.uri == TrunkUri("127.0.0.1", 15060, "udp")
    assert trunk.password is not None
    assert trunk.password.get_secret_value() == SECRET
    assert trunk.caller_id == "+15550001"
    assert settings.http.listen.is_loopback
    assert settings.media.ports == (30000, 30999)
    assert settings.admission.origins == ("https://shop.example",)
    assert SECRET not in repr(settings)


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


def test_several_trunks_and_how_each_is_used(tmp_path: Path) -> None:
    lab, other = read(
        tmp_path,
        f'{TRUNK}username = "us"\npassword = "{SECRET}"\nregister = true\nexpires = 3600\n'
        f'priority = 2\nweight = 3\noptions = 0\nnumbers = "plain"\n{OTHER}',
    ).trunks
    assert (lab.registers, lab.expires) == (True, 3600)
    assert (lab.priority, lab.weight, lab.options, lab.numbers) == (2, 3, 0, "plain")
    assert (other.registers, other.expires) == (False, 300)
    assert (other.priority, other.weight, other.options, other.numbers) == (1, 1, 30, "e164")


def test_what_is_known_of_calls_from_a_trunk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = read(
        tmp_path,
        '[sip]\nstrangers = "refuse"\n'
        f'{TRUNK}sources = ["192.0.2.0/24", "2001:db8::1"]\nidentity = "pai"\n'
        'numbers_in = [["00", "+"], ["0", "+49"], ["", "+"]]\nheaders = ["X-Customer", "x-shop-*"]',
    ).trunks[0]
    assert [str(each) for each in lab.sources] == ["192.0.2.0/24", "2001:db8::1/128"]
    assert lab.numbers_in == (("00", "+"), ("0", "+49"), ("", "+"))
    assert (lab.identity, lab.headers) == ("pai", ("X-Customer", "x-shop-*"))
    settings = read(tmp_path, TRUNK)
    plain = settings.trunks[0]
    assert (plain.sources, plain.numbers_in) == ((), ())
    assert (plain.identity, plain.headers) == ("from", Trunk("", "").headers)
    assert settings.sip.strangers == "silent"
    monkeypatch.setenv("GATEWAY_TRUNKS__0__NUMBERS_IN", json.dumps(lab.numbers_in))
    monkeypatch.setenv("GATEWAY_TRUNKS__0__SOURCES", '["192.0.2.7"]')
    monkeypatch.setenv("GATEWAY_SIP__STRANGERS", "refuse")
    settings = read(tmp_path, TRUNK)
    assert settings.trunks[0].numbers_in == lab.numbers_in
    assert [str(each) for each in settings.trunks[0].sources] == ["192.0.2.7/32"]
    assert settings.sip.strangers == "refuse"


def test_every_word_for_strangers_and_identity_means_something() -> None:
    strangers = get_args(SipSettings.model_fields["strangers"].annotation)
    assert {Elsewhere(word) for word in strangers} == {*Elsewhere} - {Elsewhere.TAKEN}
    assert get_args(TrunkSettings.model_fields["identity"].annotation) == tuple(Identity)


def test_rules_for_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = (("+1", ""), ("+", "00"))
    text = f'{TRUNK}numbers = [["+1", ""], ["+", "00"]]'
    assert read(tmp_path, text).trunks[0].numbers == rules
    monkeypatch.setenv("GATEWAY_TRUNKS__0__NUMBERS", '[["+1", ""], ["+", "00"]]')
    assert read(tmp_path, TRUNK).trunks[0].numbers == rules
    monkeypatch.setenv("GATEWAY_TRUNKS__0__NUMBERS", "plain")
    assert read(tmp_path, TRUNK).trunks[0].numbers == "plain"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("*", "*"),
        ("+44*", "+44*"),
        ("+44 (0)20*", "+4420*"),
        ("+44 20 7946 0000", "+442079460000"),
        ("112", "112"),
        ("#31#*", "#31#*"),
        ("sales", "sales"),
        ("sales-*", "sales-*"),
    ],
)
def test_what_a_route_is_for_is_kept_in_one_spelling(
    tmp_path: Path, written: str, kept: str
) -> None:
    text = f'{TRUNK}{OTHER}[[routes]]\nto = "{written}"\ntrunks = ["other", "lab"]'
    (route,) = read(tmp_path, text).routes
    assert (route.to, route.trunks) == (kept, ("other", "lab"))


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


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[http]\nlistn = 1", "http.listn = 1: unknown key; the nearest one is listen"),
        ("[htp]\nlisten = 1", "htp: unknown key; the nearest one is http"),
        ('[HTTP]\nlisten = "127.0.0.1:1"', "HTTP: unknown key; known are http, sip, media, trunks"),
        ("http = 3", "http = 3: a table of keys and values is needed"),
        ('[http]\nlisten = "8080"', "http.listen = '8080': host:port is needed"),
        ('[http]\nlisten = "127.0.0.1:65536"', "http.listen = '127.0.0.1:65536': a port is"),
        ('[http]\nlisten = "shop.example:80"', "the host must be an IP address of this machine"),
        ('[http]\nlisten = "0.0.0.0:80"', "http.listen = '0.0.0.0:80': admission.mode \"open\""),
        (
            '[http]\nkey = "/etc/passwd"',
            "http.certificate: certificate and key are needed together",
        ),
        ('[http]\ncertificate = "/nope"', "http.certificate = '/nope': no such file"),
        ('[sip]\nengine = "x"', "sip.engine = 'x': Input should be 'auto'"),
        (
            '[media]\npublic_address = "0.0.0.0"',
            "media.public_address = '0.0.0.0': one address of this machine",
        ),
        (
            '[media]\naddress = "0.0.0.0"\n[sip]\nlisten = "[::]:5060"\n'
            '[[trunks]]\nname = "a"\nuri = "sip:[2001:db8::1]"',
            "trunks[0].uri = 'sip:[2001:db8::1]:5060;transport=udp': media.address = '0.0.0.0' has "
            'no IPv6 address; "::" is every address of both kinds',
        ),
        ("[media]\nports = [9, 8]", "media.ports = [9, 8]: two ports are needed"),
        ("[media]\nports = 9", "media.ports = 9: a list is needed"),
        (
            '[incoming]\nto = "*"',
            "incoming: a list is needed: in the file [[incoming]],",
        ),
        ("[media]\nthreads = 65", "media.threads = 65: Input should be less than or equal to 64"),
        ("[media]\nthreads = -1", "media.threads = -1: Input should be greater than or equal to 0"),
        ("[media]\nworkers = 2", "media.workers = 2: unknown key; known are address,"),
        (
            "[media]\nthreads = 4\nports = [30000, 30006]",
            "media.ports = [30000, 30006]: trunks need at least 4 of these, and browsers take 4",
        ),
        (
            "[media]\nthreads = 1\nbrowser_port = 443\nports = [30000, 30002]",
            "media.ports = [30000, 30002]: trunks need at least 4 of these, and browsers take 0",
        ),
        ("[media]\nbrowser_port = 0", "media.browser_port = 0: Input should be greater than or"),
        ("[media]\nbrowser_port = 65536", "media.browser_port = 65536: Input should be less than"),
        (
            "[media]\nthreads = 3\nbrowser_port = 65534",
            "media.browser_port = 65534: 3 threads need as many ports from here on, and 65535 is",
        ),
        ('[media]\naddress = "pbx"', "media.address = 'pbx': an IPv4 or IPv6 address is needed"),
        ('[media]\naddress = "ff02::1"', "media.address = 'ff02::1': one address of this machine"),
        ('[media]\naddress = "fe80::1%lo"', "media.address = 'fe80::1%lo': a link-local address"),
        (
            '[media]\naddress = "::ffff:192.0.2.1"',
            "media.address = '::ffff:192.0.2.1': an IPv4 address is written as one",
        ),
        (
            '[media]\npublic_address = "2001:db8::1"',
            "media.public_address = '2001:db8::1': both are IPv4 or both IPv6, and media.address",
        ),
        (
            TRUNK + 'symmetric_rtp = "yes"',
            "trunks[0].symmetric_rtp = 'yes': Input should be 'auto', 'strict' or 'any'",
        ),
        (
            TRUNK + 'dtmf = "rfc2833"',
            "trunks[0].dtmf = 'rfc2833': Input should be 'auto', 'rfc4733', 'info' or 'inband'",
        ),
        (
            TRUNK + 'srtp = "sdes"',
            "trunks[0].srtp = 'sdes': Input should be 'off', 'optional' or 'required'",
        ),
        (
            TRUNK + "transfers = true",
            "trunks[0].transfers = True: Input should be 'refuse' or 'allow'",
        ),
        (
            '[media]\ncodec = "PCMU"',
            "media.codec = 'PCMU': Input should be 'opus' or 'passthrough'",
        ),
        ("[media]\ncomplexity = 11", "media.complexity = 11: Input should be less than or equal"),
        ("[media]\nbitrate = 5999", "media.bitrate = 5999: Input should be greater than or equal"),
        ("[media]\nbitrate = 64001", "media.bitrate = 64001: Input should be less than or equal"),
        ("[media]\ntimeout = 0.5", "media.timeout = 0.5: at least 1 second is needed, or 0 for"),
        ("[media]\ntimeout = nan", "media.timeout = nan: Input should be a finite number"),
        ("[media]\nearly_timeout = -1", "media.early_timeout = -1: Input should be greater than"),
        ('[[trunks]]\nname = "a"', "trunks[0].uri: this key is needed"),
        ('[[trunks]]\nuri = "sip:a"\nname = "a b"', "trunks[0].name = 'a b': String should match"),
        ('[[trunks]]\nname = "a"\nuri = "sip:a:0"', "trunks[0].uri = 'sip:a:0': a port is 1 to"),
        (TRUNK + "max_calls = 0", "trunks[0].max_calls = 0: Input should be greater than or equal"),
        (TRUNK + 'codecs = ["G729"]', "trunks[0].codecs[0] = 'G729': Input should be 'PCMU', 'P"),
        (TRUNK + "codecs = []", "trunks[0].codecs = []: at least one codec"),
        (TRUNK + 'caller_id = "a b"', "trunks[0].caller_id = 'a b': a number or a SIP user"),
        (TRUNK + 'username = "a"', "trunks[0].password: username and password"),
        (
            TRUNK + 'password_file = "/nope"',
            "trunks[0].password_file = '/nope': the file cannot be",
        ),
        (
            '[[trunks]]\nname = "a"\nuri = "sip:192.0.2.1"',
            "media.address = '127.0.0.1': the trunk 'a' at 192.0.2.1 cannot send audio to a loop",
        ),
        (
            '[[trunks]]\nname = "a"\nuri = "sip:192.0.2.1"\n'
            '[media]\naddress = "192.0.2.2"\npublic_address = "127.0.0.2"',
            "media.public_address = '127.0.0.2': the trunk 'a' at 192.0.2.1 cannot send audio to",
        ),
        (
            TRUNK + OTHER + TRUNK,
            "trunks[2].name = 'lab': trunks[0] has this name; each needs one of its own",
        ),
        (TRUNK + "priority = 0", "trunks[0].priority = 0: Input should be greater than or equal"),
        (TRUNK + "priority = 1001", "trunks[0].priority = 1001: Input should be less than or eq"),
        (TRUNK + "weight = 0", "trunks[0].weight = 0: Input should be greater than or equal to 1"),
        (TRUNK + "weight = 1001", "trunks[0].weight = 1001: Input should be less than or equal"),
        (TRUNK + "options = 4", "trunks[0].options = 4: at least 5 seconds are needed, or 0 for"),
        (TRUNK + "options = 3601", "trunks[0].options = 3601: Input should be less than or equal"),
        (TRUNK + "options = -1", "trunks[0].options = -1: Input should be greater than or equal"),
        (TRUNK + "expires = 59", "trunks[0].expires = 59: Input should be greater than or equal"),
        (TRUNK + "expires = 86401", "trunks[0].expires = 86401: Input should be less than or eq"),
        (TRUNK + "register = true", "trunks[0].username: register needs username and password"),
        (TRUNK + 'register = "x"', "trunks[0].register = 'x': Input should be a valid boolean"),
        (TRUNK + "registers = true", "trunks[0].registers: unknown key; the nearest one is reg"),
        (TRUNK + 'numbers = "e.164"', 'trunks[0].numbers = \'e.164\': "e164", "plain" or rules'),
        (TRUNK + "numbers = []", 'trunks[0].numbers = []: "e164", "plain" or rules are needed'),
        (TRUNK + 'numbers = ["+1", ""]', "trunks[0].numbers = ['+1', '']: \"e164\", \"plain\" or"),
        (TRUNK + 'numbers = [["+1"]]', 'trunks[0].numbers: "e164", "plain" or rules are needed'),
        (TRUNK + 'numbers = [["", "0"]]', 'trunks[0].numbers: "e164", "plain" or rules are need'),
        (TRUNK + 'numbers = [["+1", 1]]', 'trunks[0].numbers: "e164", "plain" or rules are need'),
        (TRUNK + 'numbers = [["+1 2", ""]]', "trunks[0].numbers: '+1 2' begins no number: + and"),
        (TRUNK + 'sources = ["here"]', "an IP address or a network such as"),
        (TRUNK + 'sources = ["192.0.2.1/24"]', "bits behind the prefix are set"),
        (TRUNK + 'sources = ["0.0.0.0/0"]', "everybody is no trunk"),
        (TRUNK + 'sources = "192.0.2.1"', "trunks[0].sources = '192.0.2.1': a list is needed"),
        (TRUNK + 'numbers_in = "e164"', "trunks[0].numbers_in = 'e164': rules are needed: how a"),
        (TRUNK + 'numbers_in = [["0"]]', "trunks[0].numbers_in: rules are needed"),
        (TRUNK + 'numbers_in = [["", ""]]', "trunks[0].numbers_in: rules are needed"),
        (TRUNK + 'numbers_in = [["0", 49]]', "trunks[0].numbers_in: rules are needed"),
        (TRUNK + 'numbers_in = [["0 ", "+"]]', "'0 ' begins no number: + and digits are needed"),
        (TRUNK + 'numbers_in = [["0", "+49 "]]', "'+49 ' begins no number: + and digits"),
        (TRUNK + 'identity = "number"', "Input should be 'from', 'pai', 'ppi' or 'rpid'"),
        (TRUNK + 'headers = ["Subject"]', "trunks[0].headers[0] = 'Subject': the name of an X- he"),
        (TRUNK + 'headers = ["X-A*b"]', "trunks[0].headers[0] = 'X-A*b': the name of an X- header"),
        (TRUNK + 'headers = ["*"]', "trunks[0].headers[0] = '*': the name of an X- header"),
        ('[sip]\nstrangers = "loud"', "sip.strangers = 'loud': Input should be 'silent' or 'refu"),
        (TRUNK + 'numbers = [["+", "@"]]', "trunks[0].numbers: '@' begins no number: + and digits"),
        (TRUNK + ROUTE, "routes[0].trunks[1] = 'other': there is no such trunk; known are lab"),
        (ROUTE, "routes[0].trunks[0] = 'lab': there is no such trunk"),
        (
            TRUNK + OTHER + '[[routes]]\nto = "*"\ntrunks = ["otter"]',
            "routes[0].trunks[0] = 'otter': there is no such trunk; the nearest one is other",
        ),
        (
            TRUNK + '[[routes]]\nto = "*"\ntrunks = ["lab", "lab"]',
            "routes[0].trunks = ['lab', 'lab']: at least one trunk is needed, and each only once",
        ),
        (
            TRUNK + '[[routes]]\nto = "*"\ntrunks = []',
            "routes[0].trunks = []: at least one trunk is needed, and each only once",
        ),
        (TRUNK + '[[routes]]\ntrunks = ["lab"]', "routes[0].to: this key is needed"),
        (TRUNK + '[[routes]]\nto = "*"', "routes[0].trunks: this key is needed"),
        (
            TRUNK + '[[routes]]\nto = "+44"\ntrunks = ["lab"]',
            "routes[0].to = '+44': a number or a SIP user is needed, or how they begin and \"*\"",
        ),
        (TRUNK + '[[routes]]\nto = "<*"\ntrunks = ["lab"]', "routes[0].to = '<*': a prefix is"),
        (
            TRUNK + '[[routes]]\nto = "*"\ntrunk = ["lab"]\ntrunks = ["lab"]',
            "routes[0].trunk = ['lab']: unknown key; the nearest one is trunks",
        ),
        ('[admission]\nmode = "token"', 'admission.mode: mode "token" needs token_secret_file or'),
        ('[admission]\nmode = "x"', "admission.mode = 'x': Input should be 'open'"),
        (
            TRUNK + 'codecs = ["L16", "L16"]',
            "trunks[0].codecs = ['L16', 'L16']: at least one codec",
        ),
        ("[http]\nx-forwarded = 1", "http.x-forwarded = 1: unknown key; known are listen, cert"),
        ('[admission]\nallow = ["<"]', "admission.allow[0] = '<': a prefix is 1 to 32"),
        ('[admission]\nallow = [""]', "admission.allow[0] = '': a prefix is 1 to 32"),
        ('[admission]\ndeny = ["+1900;x"]', "admission.deny[0] = '+1900;x': a prefix is 1 to 32"),
        ('[admission]\nshort_codes = ["1"]', "admission.short_codes[0] = '1': a short code is 2"),
        ('[admission]\ncountry = "UK"', "admission.country = 'UK': a country is two capital"),
        ('[admission]\npremium = "perhaps"', "admission.premium = 'perhaps': Input should be a"),
        ("[admission]\nmax_ringing = 0", "admission.max_ringing = 0: Input should be greater"),
        (
            '[admission]\njwks_url = "https://a"',
            'jwks_url: this is for mode = "token"; "open"',
        ),
        ('[admission]\nissuer = "a"', 'admission.issuer: this is for mode = "token"'),
        (
            '[admission]\nmode = "token"\njwks_url = "http://login.example/keys"',
            "admission.jwks_url = 'http://login.example/keys': https is needed",
        ),
        (
            '[admission]\nmode = "token"\njwks_url = "https://login.example:x/keys"',
            "admission.jwks_url = 'https://login.example:x/keys': a URL is needed",
        ),
        (
            f'[admission]\nmode = "token"\njwks_url = "https://me:{SECRET}@login.example/"',
            "admission.jwks_url = '…@login.example/': a URL without user or password is needed",
        ),
        (
            '[admission]\nmode = "token"\ntoken_secret_file = "/nope"',
            "admission.token_secret_file = '/nope': the file cannot be read: No such file",
        ),
        (
            '[admission]\nchallenge_url = "https://a"',
            "admission.challenge_secret_file: challenge_url and challenge_secret_file are needed",
        ),
        (
            '[admission]\nmode = "token"\njwks_url = "https://a/k"\nchallenge_url = "https://b"',
            'admission.challenge_url: this is for mode = "open"',
        ),
        (
            "[admission.limits]\ncalls_at_once = -1",
            "admission.limits.calls_at_once = -1: Input should be greater than or equal to 0",
        ),
        (
            "[admission.limits]\nspend_per_day = 10.5",
            "admission.limits.rates_file: spend_per_day needs it",
        ),
        (
            "[admission.limits]\nspend_per_day = inf",
            "admission.limits.spend_per_day = inf: Input should be a finite number",
        ),
        (
            "[admission.limits]\ncalls_per_minutes = 1",
            "admission.limits.calls_per_minutes = 1: unknown key; the nearest one is calls_per_m",
        ),
        (
            '[http]\ntrusted_proxies = ["10.0.0.1/8"]',
            "http.trusted_proxies[0] = '10.0.0.1/8': an IP address or a network such as "
            '"192.0.2.0/24" is needed; bits behind the prefix are set',
        ),
        ('[http]\ntrusted_proxies = ["proxy"]', "trusted_proxies[0] = 'proxy': an IP address or"),
        ('[http]\ntrusted_proxies = ["::/0"]', "trusted_proxies[0] = '::/0': everybody is no"),
        ('[http]\napi_keys_file = "/nope"', "http.api_keys_file = '/nope': no such file"),
        ('[media]\nhold_music = "/nope"', "media.hold_music = '/nope': no such file"),
        ('[turn]\nurls = ["turn:a"]', "turn.secret_file: turn.urls needs the secret that the TURN"),
        ('[turn]\nurls = ["stun:a"]\npolicy = "relay"', "turn.policy = 'relay': a turn: or turns:"),
        ('[turn]\nurls = ["turn://a"]', "turn.urls[0] = 'turn://a': the URL of a STUN or TURN"),
        ('[turn]\nurls = ["turn:a:0"]', "turn.urls[0] = 'turn:a:0': a port is 1 to 65535"),
        ('[turn]\nurls = ["stun:a?transport=udp"]', "?transport=udp': a stun: URL has no"),
        ("[sessions]\nresume_window = -1", "sessions.resume_window = -1: Input should be greater"),
        ("[sessions]\nresume_window = 3601", "sessions.resume_window = 3601: Input should be less"),
        (
            "[sessions]\nresume_window = nan",
            "sessions.resume_window = nan: Input should be a finite",
        ),
        ("[turn]\nlifetime = 59", "turn.lifetime = 59: Input should be greater than or equal to"),
        ('[turn]\nsecret_file = "/nope"', "turn.secret_file = '/nope': the file cannot be read"),
        (
            f'[records]\ndatabase = "postgresql://u:{SECRET}@a"',
            "records.database = '…@a': a host and a database are needed: //user@host/database",
        ),
        (
            "[sessions]\ndrain_timeout = -1",
            "sessions.drain_timeout = -1: Input should be greater than or equal to 0",
        ),
        (
            "[sessions]\ndrain_timeout = 86401",
            "sessions.drain_timeout = 86401: Input should be less than or equal to 86400",
        ),
        (
            f'[records]\ndatabase = "postgresql+psycopg://u:{SECRET}@a/b"',
            "records.database = '…@a/b': \"postgresql+asyncpg://user@host/database\" is needed",
        ),
        (
            f'[records]\ndatabase = "postgresql://u@a/b?ssl=require&password={SECRET}"',
            "records.database = '…@a/b?ssl=require&password=…': the password belongs before the",
        ),
        (
            f'[records]\ndatabase = "postgresql://u:{SECRET}@a:x/b"',
            "records.database = '…@a:x/b': Port could not be cast",
        ),
        ('[records]\nadmission_database = "x"', "records.admission_database = 'x': \"sqlite:///\""),
        ("[records]\nspool_megabytes = 0", "records.spool_megabytes = 0: Input should be greater"),
        ('[records]\nnumbers = "none"', "records.numbers = 'none': Input should be 'full' or"),
        ('[records]\npassword_file = "/nope"', "records.password_file = '/nope': the file cannot"),
        ('[records]\ndatabase = "gateway.db"', "records.database = 'gateway.db': \"sqlite:///\""),
        ('[records]\ndatabase = "sqlite:///"', "records.database = 'sqlite:///': \"sqlite:///\""),
        ('[log]\nnumbers = "none"', "log.numbers = 'none': Input should be 'masked' or 'full'"),
        ('[admission]\norigins = ["shop"]', "admission.origins[0] = 'shop': an origin is"),
        ("[admission]\nmax_duration = 0", "admission.max_duration = 0: Input should be greater"),
        ("[log]\nlevel = 1", "log.level = 1: Input should be 'debug'"),
        ("[http", "this is not TOML"),
    ],
)
def test_what_is_wrong_is_one_line_with_key_value_and_rule(
    tmp_path: Path, text: str, line: str
) -> None:
    (problem,) = problems(tmp_path, text)
    assert line in problem
    assert "\n" not in problem
    assert SECRET not in problem


LONG = "k" * 32


def test_tokens_allow_any_address_to_listen_on(tmp_path: Path) -> None:
    file = tmp_path / "secrets"
    file.write_text(f"# the newer first\n\n{LONG}\n  {LONG}2\n")
    settings = read(
        tmp_path,
        '[http]\nlisten = "0.0.0.0:443"\n'
        f'[admission]\nmode = "token"\ntoken_secret_file = "{file}"\n',
    )
    assert settings.admission.token_secret_file == file
    assert LONG not in repr(settings), "the settings hold where it stands"


def test_keys_of_a_login_service_are_as_good_as_a_secret(tmp_path: Path) -> None:
    for url in ("https://login.example/keys.json", "http://127.0.0.1:9000/keys"):
        text = f'[admission]\nmode = "token"\njwks_url = "{url}"\nissuer = "shop"'
        assert read(tmp_path, text).admission.jwks_url == url


@pytest.mark.parametrize(
    ("secrets", "rule"),
    [
        (b"", "the file holds no secret"),
        (b"# none yet\n\n", "the file holds no secret"),
        (b"k" * 31, "line 1: a secret of HS256 has at least 32 bytes"),
        (b"#\n" + b"k" * 32 + b"\n" + SECRET.encode(), "line 3: a secret of HS256 has at least 32"),
        (b"\xff" * 32, "the file cannot be read: it is not UTF-8"),
    ],
)
def test_what_is_no_file_of_token_secrets(tmp_path: Path, secrets: bytes, rule: str) -> None:
    file = tmp_path / "secrets"
    file.write_bytes(secrets)
    (problem,) = problems(tmp_path, f'[admission]\nmode = "token"\ntoken_secret_file = "{file}"')
    assert rule in problem
    assert SECRET not in problem


def test_a_secret_and_a_url_of_keys_are_not_both_taken(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text(LONG)
    text = f'mode = "token"\ntoken_secret_file = "{tmp_path}/secrets"\njwks_url = "https://a/"'
    (problem,) = problems(tmp_path, f"[admission]\n{text}")
    assert problem == (
        "admission.jwks_url: either token_secret_file or jwks_url is needed, not both"
    )


def test_a_relay_takes_one_secret(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    text = (
        '[turn]\nurls = ["turn:turn.example:3478?transport=tcp", "turns:[2001:db8::1]", '
        f'"stun:192.0.2.1"]\npolicy = "relay"\nsecret_file = "{file}"\n'
    )
    file.write_text("short\n")
    assert read(tmp_path, text).turn.lifetime == 600
    file.write_text("short\nanother\n")
    (problem,) = problems(tmp_path, text)
    assert problem == f"turn.secret_file = '{file}': one secret is needed, on one line"


def test_limits_and_proxies_may_be_set(tmp_path: Path) -> None:
    (tmp_path / "rates").write_text("")
    settings = read(
        tmp_path,
        '[http]\ntrusted_proxies = ["192.0.2.1", "2001:db8::/32"]\n'
        '[admission]\nallow = ["+1*", "+44 20", "*72", "#31#"]\ncountry = "DE"\n'
        'short_codes = ["116"]\n'
        f'[admission.limits]\nspend_per_day = 12.5\nrates_file = "{tmp_path}/rates"\n'
        '[records]\ndatabase = ""\n[log]\naudit_file = "audit.jsonl"\n',
    )
    assert [str(each) for each in settings.http.trusted_proxies] == [
        "192.0.2.1/32",
        "2001:db8::/32",
    ]
    assert settings.admission.limits.spend_per_day == 12.5
    assert settings.admission.limits.calls_at_once_per_identity == 2
    assert settings.log.audit_file == Path("audit.jsonl")


@pytest.mark.parametrize(
    "text",
    [
        '[media]\naddress = "192.0.2.2"\n[[trunks]]\nname = "a"\nuri = "sip:192.0.2.1"',
        '[media]\npublic_address = "192.0.2.2"\n[[trunks]]\nname = "a"\nuri = "sip:192.0.2.1"',
        '[[trunks]]\nname = "a"\nuri = "sip:127.0.0.2"',
        '[[trunks]]\nname = "a"\nuri = "sip:pbx.example"',  # nobody is asked at start
    ],
)
def test_a_trunk_that_can_send_to_us_passes(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text).trunks[0].name == "a"


def test_what_a_later_version_takes_is_called_so(tmp_path: Path) -> None:
    text = '[cluster]\nredis = "redis://a"'
    assert problems(tmp_path, text) == ("cluster: not in this version",)


def test_webhooks_are_read(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("# the new one\nwhsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
    text = f'[webhooks]\nurl = "https://crm.example/calls"\nsecret_file = "{file}"\n'
    assert load(None, {}).webhooks.url is None
    webhooks = read(tmp_path, text).webhooks
    assert (webhooks.url, webhooks.secret_file) == ("https://crm.example/calls", file)
    assert webhooks.events == ("ringing", "answered", "ended")
    assert webhooks.retry_for == 36_000
    events = read(tmp_path, f'{text}events = ["limit"]').webhooks.events
    assert events == ("limit",)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('url = "https://a"', "webhooks.secret_file: url and secret_file are needed together"),
        ('url = "http://a.example"', "webhooks.url = 'http://a.example': https is needed: else"),
        ('url = "ftp://a"', "webhooks.url = 'ftp://a': a URL is needed"),
        ('url = "https://u:p@a"', "a URL without user or password is needed"),
        ('secret_file = "/nope"', "webhooks.secret_file = '/nope': the file cannot be read"),
        ('events = ["call"]', "webhooks.events[0] = 'call': Input should be 'ringing', 'answered'"),
        ("retry_for = 1", "webhooks.retry_for = 1: Input should be greater than or equal to 60"),
        ("most_waiting = 0", "webhooks.most_waiting = 0: Input should be greater than or equal"),
    ],
)
def test_webhooks_that_cannot_be_are_said(tmp_path: Path, text: str, line: str) -> None:
    assert line in problems(tmp_path, f"[webhooks]\n{text}")[0]


@pytest.mark.parametrize(
    "secret",
    ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ=", "whsec_!!!", f"whsec_{'A' * 100}"],
)
def test_a_secret_of_webhooks_that_is_none_is_said(tmp_path: Path, secret: str) -> None:
    file = tmp_path / "secret"
    file.write_text(secret)
    text = f'[webhooks]\nurl = "https://a.example"\nsecret_file = "{file}"'
    (problem,) = problems(tmp_path, text)
    assert 'line 1: a secret is "whsec_" and 24 to 64 bytes in base64' in problem
    assert secret not in problem


@pytest.mark.parametrize(
    "text",
    [
        f'{TRUNK}username = 7\npassword = "{SECRET}"',
        f'{TRUNK}password = "{SECRET}"',
        f'{TRUNK}username = "a"\npassword = ["{SECRET}"]',
        f'{TRUNK}username = "a"\npasword = "{SECRET}"',
        f'{TRUNK}username = "a"\npw = "{SECRET}"',
        f'{TRUNK}username = "a"\npassword = "{SECRET}"\npassword_file = "/nope"',
        f'[[trunks]]\nname = "a"\nuri = "sip:me:{SECRET}@pbx"',
        f'[[trunks]]\nname = "a"\nuri = "sip:me:a/{SECRET}@pbx"',
        f'trunks = ["{SECRET}"]',
        f'trunks = "{SECRET}"',
        f'{TRUNK}register = true\npassword = "{SECRET}"',
        f'{TRUNK}register = true\npassword = "{SECRET}"\nroutes = 1',
        f'{TRUNK}{ROUTE}password = "{SECRET}"',
        f'[http]\npassword = "{SECRET}"',
    ],
)
def test_no_problem_shows_a_secret(tmp_path: Path, text: str) -> None:
    assert SECRET not in " ".join(problems(tmp_path, text))


def test_all_problems_are_found_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadConfigError, match=r"^http.x.*\(1 more\)$") as refused:
        read(tmp_path, "[http]\nx = 1\n[log]\ny = 1")
    assert len(refused.value.problems) == 2


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
        ("GATEWAY_TRUNKS__X", "1", "trunks: a list is needed"),
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


KEYS = [
    "http",
    "listen",
    "trunks",
    "routes",
    "to",
    "numbers",
    "uri",
    "name",
    "password",
    "password_file",
    "ports",
    "0",
    "x",
]
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(KEYS), values))
def test_no_values_raise_anything_else(flags: dict[str, Any]) -> None:
    problems: tuple[str, ...] = ()
    try:
        load(None, flags)
    except BadConfigError as error:
        problems = error.problems
    assert "\n" not in "".join(problems)


def test_where_records_and_what_admission_remembers_are(tmp_path: Path) -> None:
    records = read(tmp_path, "").records
    assert (records.kept, records.is_postgresql) == (True, False)
    assert records.of_admission == records.database == "sqlite:///gateway.db"
    assert records.spool_file == Path("gateway.db.spool")
    assert read(tmp_path, '[records]\ndatabase = ""').records.kept is False
    assert read(tmp_path, '[records]\ndatabase = "sqlite:///:memory:"').records.kept is False
    (tmp_path / "password").write_text(f"{SECRET}\n")
    server = "postgresql+asyncpg://gateway@db.example/records"
    text = f'[records]\ndatabase = "{server}"\npassword_file = "{tmp_path}/password"\n'
    records = read(tmp_path, text).records
    assert (records.database, records.is_postgresql) == (server, True)
    assert records.of_admission == "sqlite:///gateway.db"
    assert records.spool_file == Path("gateway.spool")
    records = read(tmp_path, text + 'admission_database = ""\nspool = "/var/spool/x"\n').records
    assert (records.of_admission, records.spool_file) == ("", Path("/var/spool/x"))


def test_a_password_in_the_url_of_a_database_is_not_shown(tmp_path: Path) -> None:
    settings = read(tmp_path, f'[records]\ndatabase = "postgresql://u:{SECRET}@a/b"')
    assert SECRET not in repr(settings)
    (problem,) = problems(tmp_path, '[records]\npassword_file = "{tmp_path}/x"')
    assert "the file cannot be read" in problem
