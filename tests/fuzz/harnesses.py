"""The harnesses there are: each a module of this folder with one function, `one_input`."""

from __future__ import annotations

HARNESSES = (
    "rtp",
    "rtcp",
    "header_extension",
    "telephone_event",
    "comfort_noise",
    "opus",
    "jitter_buffer",
    "sdp_text",
    "srtp_keys",
    "number",
    "dtls",
    "engine",
)
