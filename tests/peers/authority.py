"""Certificate authorities of the test's own, and certificates with whatever is wrong with them."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from pathlib import Path

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, in files."""

    certificate: Path
    key: Path

    def serving(self, *, clients: Path | None = None) -> ssl.SSLContext:
        """Return what a server with it accepts; with `clients` only who has theirs."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        if clients is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(clients)
        return context


@dataclass
class Authority:
    """One that signs; its own certificate is `file`."""

    folder: Path
    name: str = "test authority"
    _key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    @property
    def file(self) -> Path:
        return self.folder / f"{self.name}.pem"

    def __post_init__(self) -> None:
        now = datetime.now(UTC)
        built = self._builder(self.name, self._key, now - DAY, now + 99 * DAY).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.file.write_bytes(built.sign(self._key, SHA256()).public_bytes(Encoding.PEM))

    def issue(self, *names: str, common: str = "peer", since: int = -1, until: int = 30) -> Pair:
        """Sign a certificate for DNS names, addresses and URIs; valid by days from now."""
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        built = self._builder(common, key, now + since * DAY, now + until * DAY)
        if names:
            alternatives = x509.SubjectAlternativeName([_general(name) for name in names])
            built = built.add_extension(alternatives, critical=False)
        signed = built.sign(self._key, SHA256())
        stem = self.folder / f"{signed.serial_number:x}"
        pair = Pair(stem.with_suffix(".crt"), stem.with_suffix(".key"))
        pair.certificate.write_bytes(signed.public_bytes(Encoding.PEM))
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        pair.key.write_bytes(secret)
        return pair

    def _builder(
        self, subject: str, key: ec.EllipticCurvePrivateKey, begins: datetime, ends: datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(_named(subject))
            .issuer_name(_named(self.name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(ends)
        )


def _named(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _general(name: str) -> x509.GeneralName:
    if name.startswith(("sip:", "sips:")):
        return x509.UniformResourceIdentifier(name)
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
