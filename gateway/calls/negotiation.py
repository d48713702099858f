"""Where the two descriptions of a call meet.

A browser's offer becomes two things at once: our answer to the browser, and our own offer to the
trunk. Neither waits for the other, so that ICE and DTLS come up while the phone rings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sdp
from gateway import trunk
from gateway.calls.browser_description import (
    BITRATE,
    Offer,
    answer_browser,
    browser_remote,
    opus_parameters,
)
from gateway.calls.own_sockets import NO_SOCKETS, OwnSockets
from gateway.calls.symmetric_rtp import SymmetricRtp
from gateway.calls.trunk_negotiation import TrunkNegotiation
from gateway.media.parameters import LocalMedia

if TYPE_CHECKING:
    from gateway.calls.trunks import Route


class Negotiation(TrunkNegotiation):
    """Both descriptions of one call, and what the media plane has to know of them.

    Parameters
    ----------
    codecs
        What may be offered to the trunk, by name, the best first.
    bitrate
        Bit/s that the browser is asked for, as of `opus_parameters`.
    symmetric_rtp, dtmf, srtp, own
        As of `TrunkNegotiation`.
    """

    def __init__(
        self,
        offer: Offer,
        local: LocalMedia,
        codecs: tuple[str, ...],
        *,
        bitrate: int = BITRATE,
        symmetric_rtp: SymmetricRtp = SymmetricRtp.AUTO,
        dtmf: trunk.Dtmf = trunk.Dtmf.AUTO,
        srtp: sdp.Srtp = sdp.Srtp.OFF,
        own: OwnSockets = NO_SOCKETS,
    ) -> None:
        if offer.passes_through:
            # Nothing else, or the trunk's choice would bring a codec back into the path
            codecs = tuple(codec.name.upper() for codec in offer.codecs)
        super().__init__(
            local,
            codecs,
            browser=offer.browser,
            symmetric_rtp=symmetric_rtp,
            dtmf=dtmf,
            srtp=srtp,
            own=own,
        )
        self._parameters = opus_parameters(codecs, bitrate)
        self._answers = 0  # to the browser
        self.browser_answer = self.answer_browser(offer, local)
        self.browser_remote = browser_remote(offer)

    def answer_browser(self, offer: Offer, local: LocalMedia) -> str:
        """Answer an offer of the browser's: its first one, or a later one for another media path.

        What is agreed with the trunk stays as it is.
        """
        self._answers += 1
        return sdp.render(
            answer_browser(offer, local, self._parameters, self._session_id, self._answers)
        )

    @classmethod
    def on(cls, route: Route, offer: Offer, local: LocalMedia, own: OwnSockets) -> Negotiation:
        """Begin one on a trunk, as its calls are described."""
        return cls(
            offer,
            local,
            route.codecs,
            bitrate=route.bitrate,
            symmetric_rtp=route.symmetric_rtp,
            dtmf=route.dtmf,
            srtp=route.srtp,
            own=own,
        )
