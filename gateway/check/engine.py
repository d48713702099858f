"""Which SIP engine is installed, and what of the settings it does not serve.

The wheel on PyPI is for a first look: `make run` is quick by it. What it lacks is said here, and in
time: not by a gateway that does not start, or by a call that cannot be held.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Literal

from gateway.check.finding import Finding, doubt
from gateway.config import Settings

Engine = Literal["own", "stock", "none"]

LACKS = "4 calls at a time, no hold, no transfer"
REMEDY = "`make engine` builds the one that"


def installed() -> Engine:
    """Say which engine a gateway would load; by its package, as loading it takes its time."""
    try:
        own = "+gateway" in version("pjsua2-python")
    except PackageNotFoundError:
        own = False
    if own:
        return "own"
    return "none" if find_spec("pjsua2") is None else "stock"


def examine(settings: Settings, engine: Engine) -> list[Finding]:
    """Find what the engine does not do; our own does all of it."""
    if engine == "none":
        return [Finding(False, "SIP engine: none is installed; `make engine` builds it")]
    if engine == "own":
        return []
    return [*_refused(settings), doubt(f"SIP engine: the stock one: {LACKS}; {REMEDY} has them")]


def _refused(settings: Settings) -> Iterator[Finding]:
    """Find what a gateway with the stock engine does not start with."""
    sip = settings.sip
    where = f"sip.listen = '{sip.listen}': the stock SIP engine"
    if sip.listen.version == 6:
        yield Finding(False, f"{where} has no IPv6; {REMEDY} does")
    elif not sip.listen.is_loopback:
        text = "does not start beyond loopback, where any stranger's message can end the process"
        yield Finding(False, f"{where} {text}; {REMEDY} does")
    secured = ["sip.tls_listen"] if sip.tls_listen is not None else []
    secured += [
        f"trunks[{place}].uri"
        for place, trunk in enumerate(settings.trunks)
        if trunk.hop.transport == "tls"
    ]
    for key in secured:
        yield Finding(False, f"{key}: the stock SIP engine has no safe TLS; {REMEDY} has it")
