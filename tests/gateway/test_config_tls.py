"""The keys of TLS and IPv6: what they may be, and what the parts are told by them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from gateway import wiring
from gateway.check import tls
from gateway.config_sip import TlsFiles, tls_files
from gateway.config_sources import load
from gateway.config_trunk_uri import TrunkUri
from gateway.config_values import Address
from gateway.errors import ConfigError
from gateway.listening import check_certificates
from gateway.trunk import SipAddress, Tls
from tests.peers.authority import Authority

if TYPE_CHECKING:
    from pathlib import Path


def trunk(uri: str, **keys: object) -> dict[str, object]:
    return {"name": "t", "uri": uri, **keys}


def problem(**tables: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        load(None, tables)
    return str(caught.value)


@pytest.mark.parametrize(
    ("uri", "read", "written"),
    [
        ("sips:a", TrunkUri("a", 5061, "tls", True, False), "sips:a"),
        ("sips:a:443;transport=tcp", TrunkUri("a", 443, "tls", secure=True), "sips:a:443"),
        ("sip:a;transport=tls", TrunkUri("a", 5061, "tls", False, False), "sip:a;transport=tls"),
    ],
)
def test_uris_of_tls(uri: str, read: TrunkUri, written: str) -> None:
    found = load(None, {"trunks": [trunk(uri)]}).trunks[0].uri
    assert (found, str(found)) == (read, written)


def test_uris_of_ipv6() -> None:
    uri = "sip:[2001:DB8:0::1];transport=tcp"
    settings = load(
        None,
        {
            "sip": {"listen": "[::]:5060"},
            "media": {"address": "2001:db8::2"},
            "trunks": [trunk(uri)],
        },
    )
    found = settings.trunks[0].uri
    assert (found, str(found)) == (
        TrunkUri("2001:db8::1", 5060, "tcp", False, False),
        "sip:[2001:db8::1]:5060;transport=tcp",
    )


@pytest.mark.parametrize(
    ("tables", "line"),
    [
        ({"trunks": [trunk("sips:a;transport=udp")]}, "sips: goes by TLS, never by UDP"),
        ({"trunks": [trunk("sip:[fe80::1]")]}, "an address that is reached from every link"),
        ({"trunks": [trunk("sip:[::ffff:1.2.3.4]")]}, "IPv4 written as such"),
        ({"trunks": [trunk("sip:[1::2::3]")]}, "what stands in brackets is no IPv6 address"),
        ({"trunks": [trunk("sip:::1")]}, "sip:host:port;transport=udp (or tcp, or tls) is needed"),
        (
            {"trunks": [trunk("sip:[2001:db8::1]")]},
            "trunks[0].uri = 'sip:[2001:db8::1]:5060;transport=udp': sip.listen = '0.0.0.0:5060' "
            'has no IPv6 address; "[::]:5060" is every address of both kinds',
        ),
        (
            {"trunks": [trunk("sip:192.0.2.1")], "sip": {"listen": "[2001:db8::1]:5060"}},
            "sip.listen = '[2001:db8::1]:5060' has no IPv4 address",
        ),
        ({"sip": {"listen": "localhost:5060"}}, "sip.listen = 'localhost:5060': an IP address"),
        (
            {"sip": {"tls_listen": "0.0.0.0:5061"}},
            "sip.certificate: tls_listen needs certificate and key",
        ),
        ({"sip": {"ca": "/nope"}}, "sip.ca = '/nope': no such file"),
        (
            {"sip": {"key": "/etc/passwd"}},
            "sip.certificate: certificate and key are needed together",
        ),
        (
            {"trunks": [trunk("sips:a", certificate="/etc/passwd")]},
            "trunks[0].key: certificate and key are needed together",
        ),
        (
            {"trunks": [trunk("sip:a", ca="/etc/passwd")]},
            "trunks[0].ca: this is for a uri with transport=tls, or sips:",
        ),
    ],
)
def test_what_is_refused(tables: dict[str, Any], line: str) -> None:
    assert line in problem(**tables)


@pytest.mark.parametrize(
    "host", ["a..b", "a.", "a-.b", "-a", "a_b", "a" * 64, ".".join(["a" * 63] * 4)]
)
def test_hosts_that_nobody_can_look_up(host: str) -> None:
    for uri in (f"sip:{host}", f"sips:{host}:5061"):
        assert "sip:host:port;transport=udp" in problem(trunks=[trunk(uri)])
    assert load(None, {"trunks": [trunk(f"sip:a.{'b-' * 31}b.example")]})


def test_one_port_for_tls_and_the_rest(tmp_path: Path) -> None:
    pair = Authority(tmp_path).issue("a")
    files = {"certificate": str(pair.certificate), "key": str(pair.key)}
    said = problem(sip={"listen": "0.0.0.0:5060", "tls_listen": "0.0.0.0:5060", **files})
    assert "sip.tls_listen = '0.0.0.0:5060': sip.listen has this port" in said
    said = problem(sip={"listen": "[::]:5060", "tls_listen": "127.0.0.1:5060", **files})
    assert "sip.listen has this port" in said
    load(None, {"sip": {"listen": "127.0.0.1:5060", "tls_listen": "127.0.0.2:5060", **files}})


def test_a_trunk_may_have_its_own(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    ours, own = authority.issue("a"), authority.issue("b")
    settings = load(
        None,
        {
            "sip": {
                "tls_listen": "127.0.0.1:5061",
                "certificate": str(ours.certificate),
                "key": str(ours.key),
            },
            "trunks": [
                trunk("sips:a"),
                trunk("sips:b", certificate=str(own.certificate), key=str(own.key), name="u"),
                trunk("sips:c", ca=str(authority.file), name="v"),
            ],
        },
    )
    found = [tls_files(settings.sip, each) for each in settings.trunks]
    assert found == [
        TlsFiles(None, *ours_of(ours)),
        TlsFiles(None, *ours_of(own)),
        TlsFiles(authority.file, *ours_of(ours)),
    ]
    assert wiring.tls_of(found[2]) == Tls(str(authority.file), str(ours.certificate), str(ours.key))
    config = wiring.endpoint_config(settings)
    assert config.tls_listen == SipAddress("127.0.0.1", 5061)
    assert config.tls == wiring.tls_of(found[0])
    assert settings.sip.tls_listen == Address("127.0.0.1", 5061)
    check_certificates(settings)


def ours_of(pair: Any) -> tuple[Path, Path]:
    return pair.certificate, pair.key


@pytest.mark.parametrize("place", ["sip", "trunks"])
@pytest.mark.parametrize("spoiled", ["certificate", "key", "ca"])
def test_files_that_are_not_what_they_should_be(tmp_path: Path, place: str, spoiled: str) -> None:
    authority = Authority(tmp_path)
    pair = authority.issue("a")
    files = {"certificate": pair.certificate, "key": pair.key, "ca": authority.file}
    files[spoiled].write_text("none")
    keys = {key: str(file) for key, file in files.items()}
    tables: dict[str, Any] = (
        {"sip": keys} if place == "sip" else {"trunks": [trunk("sips:a", **keys)]}
    )
    table = "sip" if place == "sip" else "trunks[0]"
    with pytest.raises(ConfigError, match=rf"{table}.{spoiled} = '".replace("[0]", r"\[0\]")):
        check_certificates(load(None, tables))


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked(tmp_path: Path) -> None:
    pair = Authority(tmp_path).issue("gateway.example")
    key = load_pem_private_key(pair.key.read_bytes(), None)
    secret = BestAvailableEncryption(b"open sesame")
    pair.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, secret))
    files = {"certificate": str(pair.certificate), "key": str(pair.key)}
    settings = load(None, {"sip": files, "trunks": [trunk("sips:a")]})
    words = "the key is encrypted by a passphrase"
    with pytest.raises(ConfigError, match=words):
        check_certificates(settings)
    with pytest.raises(ValueError, match=words):
        tls.context(tls_files(settings.sip, settings.trunks[0]))
