"""The media plane: ICE, DTLS, RTP and codecs of all calls. It knows no SDP and no SIP."""

from __future__ import annotations

from gateway.media.parameters import MediaConfig
from gateway.media.plane import MediaPlane
from gateway.media.session import MediaSession

__all__ = ["MediaConfig", "MediaPlane", "MediaSession"]
