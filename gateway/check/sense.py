"""What the settings themselves give away: they may be read, and yet no call would come of them."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.admission.number import parse_prefix
from gateway.check.finding import Finding, doubt
from gateway.config import AdmissionSettings, HttpSettings, Settings

PORTS_OF_A_CALL = 2  # RTP and RTCP of its trunk


def examine(settings: Settings) -> list[Finding]:
    """Find what contradicts itself, or leaves nothing to be done."""
    return [
        *_dial_plan(settings.admission),
        *_tokens(settings.admission),
        *_capacity(settings),
        *_public(settings.http),
    ]


def _dial_plan(admission: AdmissionSettings) -> Iterator[Finding]:
    if not admission.allow:
        yield Finding(
            False,
            "admission.allow: it is empty, so no call is possible; "
            'allow = ["+1"] allows every number that begins with +1',
        )
    for prefix in admission.allow:
        denied = [each for each in admission.deny if _covers(each, prefix)]
        if denied:
            text = (
                f"admission.allow: {prefix!r} allows nothing, as admission.deny has {denied[0]!r}"
            )
            yield Finding(False, text)


def _covers(prefix: str, other: str) -> bool:
    plain, longer = (parse_prefix(each.removesuffix("*")) or "" for each in (prefix, other))
    return longer.startswith(plain)


def _tokens(admission: AdmissionSettings) -> Iterator[Finding]:
    if admission.jwks_url is not None and admission.issuer is None:
        yield doubt(
            "admission.issuer: none is set, so a token that the service at admission.jwks_url "
            "signs for another program counts here, too"
        )


def _capacity(settings: Settings) -> Iterator[Finding]:
    media = settings.media
    first, last = media.ports
    taken = sum(first <= port <= last for port in media.browser_ports)
    room = (last - first + 1 - taken) // PORTS_OF_A_CALL
    wanted = sum(trunk.max_calls for trunk in settings.trunks)
    if room < wanted:
        yield Finding(
            False,
            f"media.ports = {list(media.ports)}: they are enough for {room} calls, and trunks may "
            f"have {wanted} (max_calls): a call takes {PORTS_OF_A_CALL}",
        )


def _public(http: HttpSettings) -> Iterator[Finding]:
    if http.listen.is_loopback or http.certificate is not None:
        return
    if http.trusted_proxies:
        yield Finding(True, f"http.listen: {http.listen}: TLS is left to http.trusted_proxies")
    else:
        yield Finding(
            False,
            f"http.listen = '{http.listen}': without TLS browsers give a page no microphone, and "
            "everybody on the way reads the tokens; http.certificate and http.key are needed, or "
            "a proxy that http.trusted_proxies names",
        )
