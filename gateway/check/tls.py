"""A connection by TLS as calls to a trunk make it: verified in the same way, and as strictly.

Names that stand in a certificate as `sip:` URIs alone (RFC 5922) are what Python does not read.
"""

from __future__ import annotations

import asyncio
import ssl

from gateway.config_sip import TlsFiles
from gateway.listening import refuse_passphrase
from gateway.system_words import why
from gateway.trunk.tls_fault import CODES, Peer, distrust, refusal


def context(files: TlsFiles) -> ssl.SSLContext:
    """Say what is believed and what is shown.

    Raises
    ------
    ValueError
        A file is not what it should be; in words.
    """
    # Not the default context, which since Python 3.13 refuses chains that the engine takes
    secured = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    secured.minimum_version = ssl.TLSVersion.TLSv1_2
    # A trunk's own certificate may stand in the file of authorities
    secured.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if files.ca is None:
        secured.load_default_certs()
    else:
        try:
            secured.load_verify_locations(files.ca)
        except OSError as error:
            raise ValueError(f"ca = '{files.ca}': {why(error)}") from None
    if files.certificate is not None:
        try:
            secured.load_cert_chain(files.certificate, files.key, refuse_passphrase)
        except OSError as error:
            raise ValueError(
                f"certificate = '{files.certificate}', key = '{files.key}': {why(error)}"
            ) from None
    return secured


def part(writer: asyncio.StreamWriter) -> None:
    """Close a connection, over TLS without waiting for the other side's goodbye."""
    if writer.get_extra_info("ssl_object") is not None:
        writer.transport.abort()
    writer.close()


def explain(error: ssl.SSLError, host: str) -> str:
    """Say why no connection has come about."""
    if isinstance(error, ssl.SSLCertVerificationError):
        bits = CODES.get(error.verify_code)
        if bits is not None:
            return distrust(bits, host, Peer())
        return f"The trunk's certificate cannot be used: {error.verify_message}."
    return refusal(error.reason or str(error))
