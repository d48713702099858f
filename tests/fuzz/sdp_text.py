"""Descriptions: any text is read or refused, and what was read says the same once written."""

from __future__ import annotations

from pathlib import Path

import sdp

SEEDS = (Path(__file__).parents[1] / "sdp" / "data",)


def one_input(data: bytes) -> None:
    try:
        description = sdp.parse(data.decode("utf-8", "replace"))
    except sdp.SdpError:
        return
    assert sdp.parse(sdp.render(description)) == description
    try:
        sdp.read_browser_offer(description)
    except sdp.SdpError:
        return
