"""What `gateway check` says of a certificate's dates and names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from gateway.check.certificate import judge

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
NAMES = [x509.DNSName("call.example"), x509.IPAddress(ip_address("192.0.2.1"))]


def certificate(
    file: Path, begins: datetime, ends: datetime, names: list[x509.GeneralName]
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "call.example")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    file.write_bytes(builder.sign(key, SHA256()).public_bytes(Encoding.PEM))


@pytest.mark.parametrize(
    ("begins", "ends", "line"),
    [
        (NOW - DAY, NOW + 89 * DAY, None),
        (NOW + DAY, NOW + 90 * DAY, "wrong: it is good from 2026-03-02 00:00 UTC on only"),
        (NOW - 90 * DAY, NOW, "wrong: it expired on 2026-03-01"),
        (NOW - 90 * DAY, NOW + 13 * DAY, "doubtful: it expires on 2026-03-14, in 13 days"),
    ],
)
def test_dates(tmp_path: Path, begins: datetime, ends: datetime, line: str | None) -> None:
    file = tmp_path / "cert.pem"
    certificate(file, begins, ends, list(NAMES))
    *dates, names = judge(file, NOW)
    key = f"http.certificate = '{file}'"
    said = [
        f"{'doubtful' if each.doubtful else 'wrong'}{each.text.removeprefix(key)}"
        for each in dates
        if each.doubtful or not each.ok
    ]
    assert said == ([] if line is None else [line])
    assert names.ok
    assert names.text == f"{key}: it is for call.example, 192.0.2.1, until {ends:%Y-%m-%d}"


def test_a_common_name_is_no_name(tmp_path: Path) -> None:
    certificate(tmp_path / "cert.pem", NOW - DAY, NOW + 89 * DAY, [])
    (found,) = judge(tmp_path / "cert.pem", NOW)
    assert not found.ok
    assert "it is for no name: they are read from subjectAltName alone" in found.text


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_what_is_no_certificate_is_left_to_who_loads_it(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "cert.pem"
    if content is not None:
        file.write_bytes(content)
    assert list(judge(file, NOW)) == []
