"""How long the certificate is good for, and for which names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from gateway.check.finding import Finding, doubt

# Those who issue for 90 days advise to renew after 60; who has two weeks left has missed that
SOON = timedelta(days=14)


def judge(
    file: Path, now: datetime, key: str = "http.certificate", *, served: bool = True
) -> Iterator[Finding]:
    """Look at the first certificate of the file: the server's own, by the order of TLS.

    One that is not `served`, but shown to servers, needs no names.
    """
    key = f"{key} = '{file}'"
    try:
        certificate = x509.load_pem_x509_certificates(file.read_bytes())[0]
    except (OSError, ValueError):
        return  # trying to serve with it has said so
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    names = _names(certificate)
    if now < begins:
        yield Finding(False, f"{key}: it is good from {begins:%Y-%m-%d %H:%M} UTC on only")
    elif now >= ends:
        yield Finding(False, f"{key}: it expired on {ends:%Y-%m-%d}")
    elif ends - now < SOON:
        yield doubt(f"{key}: it expires on {ends:%Y-%m-%d}, in {(ends - now).days} days")
    if names:
        yield Finding(True, f"{key}: it is for {', '.join(names)}, until {ends:%Y-%m-%d}")
    elif served:
        yield Finding(
            False,
            f"{key}: it is for no name: they are read from subjectAltName alone (RFC 9525)",
        )


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return []
    names = extension.value
    addresses = names.get_values_for_type(x509.IPAddress)
    return [*names.get_values_for_type(x509.DNSName), *map(str, addresses)]
