"""How a call says who calls: From, and the header in which the trunk wants the number.

Pure. The caller is hidden where it asks for that by the name "anonymous" (RFC 3323): then no header
but the one that is for the trunk alone has a number, and Privacy tells it to keep that to itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.trunk.address import TrunkUri, from_uri
from gateway.trunk.config import Identity, Trunk

if TYPE_CHECKING:
    from gateway.trunk.caller import Diversion

Headers = tuple[tuple[str, str], ...]

HIDDEN: Final = "anonymous"
HIDDEN_FROM: Final = '"Anonymous" <sip:anonymous@anonymous.invalid>'  # RFC 3323 section 4.1.1.3
PRIVACY: Final = ("Privacy", "id")  # RFC 3325 section 9.3
NAMES: Final = {
    Identity.ASSERTED: "P-Asserted-Identity",
    Identity.PREFERRED: "P-Preferred-Identity",
    Identity.REMOTE_PARTY: "Remote-Party-ID",
}


def presented(
    trunk: Trunk, uri: TrunkUri, caller: str | None, display_name: str | None
) -> tuple[str, Headers]:
    """Return the From of a call, and the headers that say more of the caller.

    Where another header has the number, From says who we are to the trunk: its user name, if we
    have one there.

    Parameters
    ----------
    caller
        Of this call; None for the trunk's `caller_id`.
    """
    hidden = caller is not None and caller.lower() == HIDDEN
    number = caller if caller and not hidden else trunk.caller_id
    header = NAMES.get(trunk.identity)
    if hidden:
        shown = HIDDEN_FROM
    else:
        user = trunk.username if header and trunk.username else number
        shown = from_uri(user, display_name, uri)
    identity = from_uri(number, None if hidden else display_name, uri)
    if trunk.identity is Identity.REMOTE_PARTY:
        identity += f";party=calling;screen=no;privacy={'full' if hidden else 'off'}"
    nobody = number.lower() == HIDDEN  # neither the call nor the trunk has a number
    said: Headers = ((header, identity),) if header and not nobody else ()
    return shown, (*said, PRIVACY) if hidden else said


def diverted(uri: TrunkUri, diversion: Diversion | None) -> Headers:
    """Return the header that says who has sent a call on, and why (RFC 5806)."""
    if diversion is None:
        return ()
    reason = f";reason={diversion.reason}" if diversion.reason else ""
    return (("Diversion", f"{from_uri(diversion.number, None, uri)}{reason}"),)
