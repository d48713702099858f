"""Keys of SRTP in descriptions: any text is read or refused, and no message tells a key."""

from __future__ import annotations

import sdp
from sdp.crypto import SUITES, read_keys, write_keys

POLICY = sdp.TrunkPolicy(srtp=sdp.Srtp.REQUIRED)
ADDRESS = sdp.RtpAddress("198.51.100.7", 40000, 40001)
KEYS = sdp.make_keys(SUITES, lambda size: b"\x55" * size)
OFFER = sdp.make_trunk_offer(policy=POLICY, address=ADDRESS, session_id=1, version=1, keys=KEYS)
SUITE = "AES_CM_128_HMAC_SHA1_80"

BEFORE = "v=0\no=- 1 1 IN IP4 203.0.113.1\ns=-\nc=IN IP4 203.0.113.1\nt=0 0\n"
BEFORE += "m=audio 5000 RTP/SAVP 0\na=crypto:"


def one_input(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    for line in (text, f"1 {text}", f"1 {SUITE} {text}", f"1 {SUITE} inline:{text}"):
        one_line(line)


def one_line(line: str) -> None:
    try:
        description = sdp.read(BEFORE + line).description
    except sdp.SdpError:
        return
    for media in description.media:
        keys, refused = read_keys(media)
        for each in keys:
            again = sdp.Media("audio", 1, "RTP/SAVP", ("0",), attributes=write_keys([each]))
            assert read_keys(again)[0][0].key == each.key
        for error in refused:
            assert sdp.without_keys(str(error)) == str(error)
    try:
        agreed = sdp.read_trunk_answer(OFFER, description, POLICY.srtp)
    except sdp.SdpError:
        pass
    else:
        assert agreed.encryption is not None
    try:
        ours, agreed = sdp.answer_trunk(
            description,
            policy=POLICY,
            address=ADDRESS,
            session_id=1,
            version=1,
            current=None,
            keys=KEYS,
        )
    except sdp.SdpError:
        return
    assert agreed.encryption is not None
    assert "crypto" not in sdp.mirror(sdp.render(ours))
