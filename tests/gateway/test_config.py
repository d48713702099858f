from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

import sdp
from gateway.calls.browser_description import BITRATE
from gateway.calls.browser_side import RESUME_WINDOW
from gateway.config import Address, SessionSettings, TrunkUri
from gateway.config_sip import DtmfMode, SipSettings, TrunkCodec, TrunkSettings
from gateway.config_sources import BadConfigError, load
from gateway.media import MediaConfig
from gateway.signaling.sessions import Sessions
from gateway.trunk import Elsewhere, Identity, Trunk
from gateway.trunk.dtmf import Dtmf
from sdp.trunk import TRUNK_CODECS
from tests.gateway.config_files import OTHER, SECRET, TRUNK, problems, read

pytestmark = pytest.mark.usefixtures("no_variables")


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
    monkeypatch.setattr("gateway.config_media.usable_cores", lambda: cores)
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


def test_a_whole_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(f"{SECRET}\n")
    settings = read(
        tmp_path,
        '[http]\nlisten = "[::1]:0"\n[sip]\nlisten = "127.0.0.1:5070"\n'
        '[media]\naddress = "127.0.0.1"\npublic_address = "192.0.2.1"\nports = [30000, 30999]\n'
        f'{TRUNK}username = "us"\npassword_file = "{tmp_path}/password"\ncodecs = ["PCMA"]\n'
        'caller_id = "+1 555 0001"\nmax_calls = 3\n'
        '[admission]\norigins = ["https://Shop.example:443"]\nallow = ["+1", "6"]\n'
        'deny = ["+1900"]\n'
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


@pytest.mark.parametrize(
    ("http", "served"),
    [
        ('listen = "127.0.0.1:8080"', True),
        ('listen = "[::1]:8080"\ndemo = false', False),
        ('listen = "127.0.0.1:8080"\ntrusted_proxies = ["127.0.0.1"]', False),
        ('listen = "0.0.0.0:8080"', False),
        ('listen = "0.0.0.0:8080"\ndemo = true', True),
    ],
)
def test_the_demo_page_is_for_whoever_sits_at_the_machine(
    tmp_path: Path, http: str, served: bool
) -> None:
    tokens = f'mode = "token"\ntoken_secret_file = "{tmp_path}/secrets"'
    (tmp_path / "secrets").write_text("s" * 32)
    settings = read(tmp_path, f"[http]\n{http}\n[admission]\n{tokens}\n")
    assert settings.http.serves_demo is served
    assert settings.http.serves_preflight is served
    for wanted in (True, False):  # whatever there is of the demo
        value = str(wanted).lower()
        text = f"[http]\n{http}\npreflight = {value}\n[admission]\n{tokens}\n"
        assert read(tmp_path, text).http.serves_preflight is wanted


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


def test_webhooks_are_read(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("# the new one\nwhsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
    text = f'[webhooks]\nurl = "https://crm.example/calls"\nsecret_file = "{file}"\n'
    assert load(None, {}).webhooks.url is None
    webhooks = read(tmp_path, text).webhooks
    assert (webhooks.url, webhooks.secret_file) == ("https://crm.example/calls", file)
    assert webhooks.events == ("ringing", "answered", "ended")
    assert webhooks.retry_for == 36_000
    events = read(tmp_path, f'{text}events = ["limit", "feedback"]').webhooks.events
    assert events == ("limit", "feedback")


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
