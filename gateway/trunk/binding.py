"""What the classes of ours that the SIP engine calls have in common, and values in its types."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from functools import wraps
from typing import Any, Final, ParamSpec

import pjsua2 as pj

from gateway.trunk.message import Message, read

log = logging.getLogger(__name__)

HAS_FILTER: Final = hasattr(pj, "MessageFilter")  # our own build; the stock wheel has none
HAS_TLS: Final = hasattr(pj.TlsConfig, "serverName")  # likewise

P = ParamSpec("P")


def guarded(callback: Callable[P, None]) -> Callable[P, None]:
    """Log what a method raises, and let the engine do as it would have done.

    As text: a kept traceback would keep the call's object too. Without this pjsua2 would print it.
    """

    @wraps(callback)
    def run(*arguments: P.args, **named: P.kwargs) -> None:
        try:
            callback(*arguments, **named)
        except Exception:  # noqa: BLE001 - nothing may be raised into the engine
            call = getattr(arguments[0], "call_id", "no call")
            text = traceback.format_exc()
            log.error("%s: %s failed\n%s", call, callback.__qualname__, text)

    return run


def sip_headers(headers: tuple[tuple[str, str], ...]) -> Any:
    """Return headers as the engine takes them."""
    made = pj.SipHeaderVector()
    for name, value in headers:
        header = pj.SipHeader()
        header.hName, header.hValue = name, value
        made.append(header)
    return made


def audio_only(options: Any) -> Any:
    """Ask for one audio stream, whatever the engine would offer by itself."""
    options.opt.audioCount, options.opt.videoCount = 1, 0
    if hasattr(options.opt, "textCount"):  # from pjproject 2.16 on
        options.opt.textCount = 0
    return options


def received(event: Any) -> Message | None:
    """Return the message behind an engine's event, if one came in."""
    if event.type == pj.PJSIP_EVENT_RX_MSG:
        data = event.body.rxMsg.rdata
    elif event.type != pj.PJSIP_EVENT_TSX_STATE:
        return None
    elif event.body.tsxState.type == pj.PJSIP_EVENT_RX_MSG:
        data = event.body.tsxState.src.rdata
    else:
        return None
    return read(data.wholeMsg, data.srcAddress)
