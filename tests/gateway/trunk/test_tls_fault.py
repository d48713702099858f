"""Why a connection by TLS has failed, in words."""

from __future__ import annotations

import pytest

from gateway.trunk import tls_fault
from gateway.trunk.tls_fault import CODES, Peer, distrust, reason, refusal

SHOWN = Peer(("a.example", "b.example"), "An Authority", "2026-01-01", "2026-03-31")


@pytest.mark.parametrize(
    ("bits", "sentence"),
    [
        (
            tls_fault.VALIDITY_PERIOD | tls_fault.OTHER_NAME,
            "The trunk's certificate has expired, or is not valid yet "
            "(from 2026-01-01 to 2026-03-31).",
        ),
        (
            tls_fault.UNTRUSTED,
            "The trunk's certificate is of an authority ('An Authority') that is not trusted here.",
        ),
        (
            tls_fault.OTHER_NAME,
            "The trunk's certificate is not for 'c.example' but for a.example, b.example.",
        ),
        (tls_fault.REVOKED, "The trunk's certificate cannot be used: it is revoked."),
        (1 << 31, "The trunk's certificate cannot be used: OpenSSL does not accept it."),
    ],
)
def test_certificates(bits: int, sentence: str) -> None:
    assert distrust(bits, "c.example", SHOWN) == sentence


@pytest.mark.parametrize("bits", {*CODES.values(), 1 << 9, 0})
def test_a_certificate_of_which_nothing_is_known(bits: int) -> None:
    said = distrust(bits, "c.example", Peer())
    assert said.startswith("The trunk's certificate ")
    assert said.endswith(".")
    assert "()" not in said
    assert "for ." not in said


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "The trunk wants a certificate, and none was shown"),
        ("tlsv1 alert unknown ca", "The trunk does not trust the authority of our certificate."),
        ("WRONG_VERSION_NUMBER", "What answers at the trunk's port does not speak TLS."),
        ("Connection refused", "Nobody listens at the trunk's port."),
        ("End of file (PJ_EEOF)", "The trunk closed the connection. It may want a certificate"),
        ("something new", "No connection by TLS could be made: something new."),
        ("", "No connection by TLS could be made: it was closed."),
    ],
)
def test_what_openssl_says(said: str, sentence: str) -> None:
    assert refusal(said).startswith(sentence)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (495_048, "alert unknown ca"),
        (495_070, "alert protocol version"),
        (494_267, "wrong version number"),
        (494_001, "error 1 of OpenSSL"),
        (470_001, ""),
        (120_111, ""),  # of the system: connection refused
        (70_016, ""),
        (0, ""),
    ],
)
def test_the_engines_statuses(status: int, said: str) -> None:
    assert reason(status) == said
