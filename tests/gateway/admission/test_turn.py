"""TURN credentials, held against what openssl makes of the same scheme."""

from __future__ import annotations

import base64
import subprocess

import pytest

from gateway.admission.turn import IceServer, IceService, check_url, make_credential
from tests.peers.requirement import require

SECRET = "north-of-the-river"
URLS = ("stun:turn.example:3478", "turn:turn.example:3478?transport=udp", "turns:turn.example")
NOW = 1_700_000_000.9


def of_openssl(secret: str, text: str) -> str:
    """Return the HMAC-SHA1 as openssl computes it, which shares no code with hashlib's."""
    command = [str(require("openssl")), "mac", "-digest", "SHA1", "-binary"]
    command += ["-macopt", f"hexkey:{secret.encode().hex()}", "HMAC"]
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=True)
    return base64.b64encode(done.stdout).decode()


def test_credential_of_rfc_2202() -> None:
    """Test case 2 of RFC 2202 section 3, which anybody can look up."""
    digest = "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
    credential = make_credential("Jefe", "what do ya want for nothing?")
    assert credential == base64.b64encode(bytes.fromhex(digest)).decode()


@pytest.mark.parametrize("secret", [SECRET, "x", "s" * 200, "gro\u00df \U0001f511"])
def test_credential_is_that_of_openssl(secret: str) -> None:
    username = "1700000600:3b9d5c"
    assert make_credential(secret, username) == of_openssl(secret, username)


def test_servers_of_a_session() -> None:
    stun, turn = IceService(URLS, SECRET).servers("s1", now=NOW)
    assert stun.to_json() == {"urls": ["stun:turn.example:3478"]}
    username = "1700000600:s1"
    assert turn.to_json() == {
        "urls": list(URLS[1:]),
        "username": username,
        "credential": of_openssl(SECRET, username),
    }


def test_credentials_are_for_one_session_and_one_time() -> None:
    service = IceService(URLS[1:], SECRET, lifetime=60)
    first, other, later = (
        service.servers(session, now=now)[0]
        for session, now in [("s1", NOW), ("s2", NOW), ("s1", NOW + 1)]
    )
    assert len({first.credential, other.credential, later.credential}) == 3
    assert (first.username, later.username) == ("1700000060:s1", "1700000061:s1")


def test_no_urls_no_servers() -> None:
    assert IceService().servers("s1", now=NOW) == ()


def test_stun_alone_needs_no_secret() -> None:
    (stun,) = IceService(URLS[:1]).servers("s1", now=NOW)
    assert stun == IceServer(URLS[:1])


def test_turn_without_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a secret"):
        IceService(URLS)


def test_secrets_show_nowhere() -> None:
    service = IceService(URLS, SECRET)
    server = service.servers("s1", now=NOW)[1]
    assert server.credential
    shown = f"{service!r} {service} {server!r} {server}"
    assert SECRET not in shown
    assert server.credential not in shown


@pytest.mark.parametrize(
    "url",
    [
        "turn:turn.example",
        "turn:192.0.2.1:3478",
        "turn:[2001:db8::1]:3478?transport=tcp",
        "turns:turn.example:443?transport=tcp",
        "stun:turn.example",
    ],
)
def test_urls_that_browsers_take(url: str) -> None:
    assert check_url(url) == url


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "the URL of a STUN or TURN server is needed"),
        ("turn.example:3478", "the URL of a STUN or TURN server is needed"),
        ("http://turn.example", "the URL of a STUN or TURN server is needed"),
        ("turn://turn.example", "the URL of a STUN or TURN server is needed"),
        ("TURN:turn.example", "the URL of a STUN or TURN server is needed"),
        ("turn:", "the URL of a STUN or TURN server is needed"),
        ("turn:turn.example:", "the URL of a STUN or TURN server is needed"),
        ("turn:turn.example:3478/path", "the URL of a STUN or TURN server is needed"),
        ("turn:user@turn.example", "the URL of a STUN or TURN server is needed"),
        ("turn:turn.example?transport=sctp", "the URL of a STUN or TURN server is needed"),
        ("turn:turn.example\n", "the URL of a STUN or TURN server is needed"),
        ("turn:turn.example:0", "1 to 65535"),
        ("turn:turn.example:65536", "1 to 65535"),
        ("turn:turn.example:\u0663\u0664", "the URL of a STUN or TURN server is needed"),
        ("stun:turn.example?transport=udp", "RFC 7064"),
        ("turns:turn.example?transport=udp", "no DTLS"),
    ],
)
def test_urls_that_no_browser_takes(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        check_url(url)
    with pytest.raises(ValueError, match=why):
        IceService((url,), SECRET)
