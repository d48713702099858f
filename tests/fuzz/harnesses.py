"""The harnesses there are: each a module of this folder with one function, `one_input`."""

from __future__ import annotations

HARNESSES = (
    "rtp",
    "rtcp",
    "header_extension",
    "telephone_event",
    "comfort_noise",
    "opus",
    "playout",
    "sdp_text",
)
