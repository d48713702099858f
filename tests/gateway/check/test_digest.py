"""Digests, by the examples of RFC 7616 section 3.9.1.

SHA-512-256 is proven by Asterisk (`test_password.py`): its example in the RFC is known to be wrong.
"""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.check.digest import Challenge, answer, challenges
from gateway.trunk.message import Message, read

MUFASA = ("Mufasa", "Circle of Life", ("GET", "/dir/index.html"))
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
REALM = "http-auth@example.org"


def refusal(*headers: str) -> Message:
    return read("\r\n".join(("SIP/2.0 401 Unauthorized", *headers, "", "")))


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_the_standard(algorithm: str, response: str) -> None:
    challenge = Challenge("Authorization", REALM, NONCE, algorithm, "auth", "opaque")
    header, value = answer(challenge, *MUFASA, CNONCE)
    assert header == "Authorization"
    assert f'response="{response}"' in value
    assert 'qop=auth, nc=00000001, cnonce="f2/wE4' in value
    assert 'opaque="opaque"' in value


def test_without_qop_as_rfc_2069_had_it() -> None:
    """The example of RFC 2069 section 2.4, as its erratum 749 has it."""
    challenge = Challenge(
        "Authorization", "testrealm@host.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093"
    )
    _, value = answer(challenge, "Mufasa", "CircleOfLife", ("GET", "/dir/index.html"), "unused")
    assert 'response="1949323746fe6a43ef61f9606e7febea"' in value
    assert "cnonce" not in value


MD5 = 'WWW-Authenticate: Digest realm="a", nonce="m"'
SHA = 'WWW-Authenticate: Digest realm="a",nonce="s", algorithm=SHA-256, qop="auth,auth-int"'
LONG = 'www-authenticate: digest REALM="a" , nonce="l", ALGORITHM=sha-512-256'
OTHER = 'WWW-Authenticate: Digest realm="b, c", nonce="o", stale=TRUE, opaque="x,y"'
PROXY = 'Proxy-Authenticate: Digest realm="a", nonce="p"'


@pytest.mark.parametrize(
    ("headers", "nonces"),
    [
        ((MD5,), "m"),
        ((MD5, SHA), "s"),
        ((SHA, MD5), "s"),
        ((MD5, LONG, SHA), "l"),
        ((MD5, OTHER, SHA), "so"),
        ((SHA, PROXY), "sp"),
        ((MD5, SHA.replace("auth,auth-int", "auth-int")), "m"),
        ((SHA.replace("SHA-256", "SHA-256-sess"), MD5), "m"),
        ((MD5.replace("Digest", "Basic"),), ""),
        (("WWW-Authenticate:",), ""),
        ((), ""),
    ],
)
def test_the_strongest_of_each_realm_is_answered(headers: tuple[str, ...], nonces: str) -> None:
    assert "".join(each.nonce for each in challenges(refusal(*headers))) == nonces


def test_a_challenge_is_read() -> None:
    (other,) = challenges(refusal(OTHER))
    assert (other.realm, other.opaque, other.stale) == ("b, c", "x,y", True)
    assert challenges(refusal(PROXY))[0].header == "Proxy-Authorization"


@given(st.text(max_size=100))
def test_any_challenge_is_read_and_answered(text: str) -> None:
    for each in challenges(refusal(f"WWW-Authenticate: Digest {text}")):
        _, value = answer(each, "u", "p", ("OPTIONS", "sip:a"), "c")
        assert re.search(r'response="[0-9a-f]{32,64}"', value)
        assert "\n" not in value
