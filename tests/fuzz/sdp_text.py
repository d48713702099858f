"""Descriptions: any text is read or refused, and what was read says the same once written."""

from __future__ import annotations

from pathlib import Path

import sdp

SEEDS = (Path(__file__).parents[1] / "sdp" / "data",)

POLICY = sdp.TrunkPolicy(("PCMU", "PCMA", "G722", "opus", "L16"))
ADDRESS = sdp.RtpAddress("198.51.100.7", 40000, 40001)
OFFER = sdp.make_trunk_offer(policy=POLICY, address=ADDRESS, session_id=1, version=1)


def one_input(data: bytes) -> None:
    strictly(data.decode("utf-8", "replace"))
    liberally(data.decode("utf-8", "surrogateescape"))


def strictly(text: str) -> None:
    try:
        description = sdp.parse(text)
    except sdp.SdpError:
        return
    assert sdp.parse(sdp.render(description)) == description
    try:
        sdp.read_browser_offer(description)
    except sdp.SdpError:
        return


def liberally(text: str) -> None:
    try:
        description = sdp.read(text).description
    except sdp.SdpError:
        return
    written = sdp.render(description)
    assert sdp.parse(written) == description
    assert sdp.read(written) == sdp.Reading(description)
    shown = sdp.plain(description)
    assert sdp.parse(sdp.render(shown)) == shown
    try:
        media = sdp.read_trunk_answer(OFFER, description)
    except sdp.SdpError:
        pass
    else:
        assert media.address.port
        sdp.forbidden_target(media.address.host)
    try:
        answer, _ = sdp.answer_trunk(
            description, policy=POLICY, address=ADDRESS, session_id=1, version=1, current=None
        )
    except sdp.SdpError:
        return
    assert len(answer.media) == len(description.media)
    sdp.parse(sdp.mirror(sdp.render(answer)))
