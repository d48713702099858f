"""Session descriptions: read, written, and rewritten between a browser and a SIP trunk.

Pure functions over frozen values, standard library only; `README.md` shows the way round.
"""

from sdp.attributes import read_candidate
from sdp.browser import (
    AUDIO_LEVEL,
    BrowserOffer,
    choose_browser_codecs,
    choose_extensions,
    read_browser_offer,
)
from sdp.browser_answer import BrowserAnswer, answer_browser
from sdp.crypto import Crypto, Encryption, Srtp, make_keys
from sdp.error import SdpError, without_keys
from sdp.mirror import mirror, plain
from sdp.model import (
    Attribute,
    Codec,
    Connection,
    Direction,
    Extension,
    Fingerprint,
    IceParameters,
    Line,
    Media,
    Origin,
    RtpAddress,
    SessionDescription,
    Setup,
)
from sdp.parse import Reading, parse, read
from sdp.render import render
from sdp.target import forbidden_target
from sdp.trunk import TrunkPolicy, make_trunk_offer, offer_to_trunk
from sdp.trunk_answer import TrunkMedia, answer_trunk, read_trunk_answer, shared_codecs

__all__ = [
    "AUDIO_LEVEL",
    "Attribute",
    "BrowserAnswer",
    "BrowserOffer",
    "Codec",
    "Connection",
    "Crypto",
    "Direction",
    "Encryption",
    "Extension",
    "Fingerprint",
    "IceParameters",
    "Line",
    "Media",
    "Origin",
    "Reading",
    "RtpAddress",
    "SdpError",
    "SessionDescription",
    "Setup",
    "Srtp",
    "TrunkMedia",
    "TrunkPolicy",
    "answer_browser",
    "answer_trunk",
    "choose_browser_codecs",
    "choose_extensions",
    "forbidden_target",
    "make_keys",
    "make_trunk_offer",
    "mirror",
    "offer_to_trunk",
    "parse",
    "plain",
    "read",
    "read_browser_offer",
    "read_candidate",
    "read_trunk_answer",
    "render",
    "shared_codecs",
    "without_keys",
]
