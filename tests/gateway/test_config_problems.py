"""What is wrong with a configuration is one line: the key, the value and the rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.config_sources import BadConfigError, load
from tests.gateway.config_files import OTHER, ROUTE, SECRET, TRUNK, problems, read

pytestmark = pytest.mark.usefixtures("no_variables")


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
        (
            "[records]\nspool_megabytes = 1001",
            "records.spool_megabytes = 1001: Input should be less than or equal to 1000",
        ),
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


def test_what_a_later_version_takes_is_called_so(tmp_path: Path) -> None:
    text = '[cluster]\nredis = "redis://a"'
    assert problems(tmp_path, text) == ("cluster: not in this version",)


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
