"""What the settings themselves give away: they may be read, and yet no call would come of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from ipaddress import ip_address

from gateway.admission import numbering
from gateway.admission.dialing import LONGEST_E164
from gateway.admission.number import parse_prefix
from gateway.admission.policy import EVERYTHING
from gateway.check.finding import Finding, doubt
from gateway.config import HttpSettings, Settings
from gateway.config_admission import AdmissionSettings

PORTS_OF_A_CALL = 2  # RTP and RTCP of its trunk


def examine(settings: Settings) -> list[Finding]:
    """Find what contradicts itself, or leaves nothing to be done."""
    return [
        *_nothing_allowed(settings),
        *_dial_plan(settings.admission),
        *_tokens(settings.admission),
        *_capacity(settings),
        *_open_keys(settings),
        *_public(settings.http),
        *_proxied(settings),
        *_demo(settings.http),
        *_kinds_of_address(settings),
    ]


def _nothing_allowed(settings: Settings) -> Iterator[Finding]:
    if settings.admission.allow:
        return
    remedy = 'allow = ["+1"] allows every number that begins with +1'
    if settings.incoming:  # a page that is only called needs no dial plan
        yield doubt(f"admission.allow: it is empty, so calls come in only; {remedy}")
    else:
        yield Finding(False, f"admission.allow: it is empty, so no call is possible; {remedy}")


def _dial_plan(admission: AdmissionSettings) -> Iterator[Finding]:
    for key in ("allow", "deny"):
        for prefix in getattr(admission, key):
            if (problem := _fault(prefix)) is not None:
                yield Finding(False, f"admission.{key}: {prefix!r} matches nothing: {problem}")
    for prefix in admission.allow:
        denied = [each for each in admission.deny if _covers(each, prefix)]
        if denied:
            text = (
                f"admission.allow: {prefix!r} allows nothing, as admission.deny has {denied[0]!r}"
            )
            yield Finding(False, text)
        elif _is_code(prefix) and not admission.feature_codes:
            yield Finding(
                False,
                f"admission.allow: {prefix!r} allows nothing: codes that begin so need "
                "admission.feature_codes = true, and a * stands for any digits only at the end",
            )
        elif dear := _dear_areas(prefix, admission):
            yield doubt(
                f"admission.allow: {prefix!r} includes countries of the Caribbean and others that "
                "share +1, which cost more and are where fraud calls; list the area codes that you "
                f"need, or add to admission.deny: {json.dumps(dear)[1:-1]}"
            )


def _fault(prefix: str) -> str | None:
    """Return why nothing that can be called begins so, None where something does."""
    plain = parse_prefix(prefix.removesuffix("*"))
    if prefix == EVERYTHING or plain is None:
        return None
    if not plain.startswith("+"):
        known = re.fullmatch(r"[0-9*#]+|[A-Za-z0-9*_][A-Za-z0-9*_+.!~-]*", plain)
        return None if known else "no number begins so, and no SIP user"
    digits = plain[1:]
    if not digits.isdigit() and digits:
        return 'after + there are only digits, and a * at the end, as in "+44*"'
    if digits.startswith("0") or len(digits) > LONGEST_E164:
        return f"after + there is a country's code, and at most {LONGEST_E164} digits"
    code = numbering.country_code(digits)
    if code and numbering.national_prefix(code) == "0" and digits[len(code) :].startswith("0"):
        right = f"+{code}{digits[len(code) :].lstrip('0')}"
        return f"the 0 is dialled inside the country only; write {right!r}"
    return None


def _is_code(prefix: str) -> bool:
    plain = parse_prefix(prefix.removesuffix("*")) or ""
    return re.fullmatch("[0-9]*[*#][0-9*#]*", plain) is not None


def _dear_areas(prefix: str, admission: AdmissionSettings) -> list[str]:
    """Return the dear area codes of +1 that a prefix allows without naming them."""
    plain = parse_prefix(prefix.removesuffix("*")) or ""
    if not plain.startswith("+1"):
        return []
    areas = [f"+1{area}" for area in numbering.dear_north_american_areas()]
    return [
        area
        for area in areas
        if area.startswith(plain)
        and area != plain
        and not any(_covers(each, area) for each in admission.deny)
    ]


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


def _open_keys(settings: Settings) -> Iterator[Finding]:
    for place, trunk in enumerate(settings.trunks):
        if trunk.srtp != "off" and trunk.hop.transport in ("udp", "tcp"):
            yield doubt(
                f"trunks[{place}].srtp = {trunk.srtp!r}: the keys go by SIP over "
                f"{trunk.hop.transport.upper()}, so whoever reads that hears the calls; TLS, or a "
                "network of their own, hides them"
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


def _proxied(settings: Settings) -> Iterator[Finding]:
    """Doubt a gateway whose pages are elsewhere, and which stands behind a proxy, as it seems."""
    http = settings.http
    if settings.admission.origins and http.listen.is_loopback and not http.trusted_proxies:
        yield doubt(
            "http.trusted_proxies: none is named, so all who come by a proxy on this machine count "
            'as one address; in mode "open" loopback has no limits of its own at all'
        )


def _demo(http: HttpSettings) -> Iterator[Finding]:
    if http.serves_demo and not (http.listen.is_loopback and not http.trusted_proxies):
        yield doubt(
            "http.demo: everybody who finds the gateway finds the demo page; it is for trying out"
        )


def _kinds_of_address(settings: Settings) -> Iterator[Finding]:
    """Doubt a trunk of the one kind of IP whose sound is to come over the other."""
    told = settings.media.told
    if ip_address(told).is_unspecified:  # the settings refuse a trunk of another kind
        return
    for place, trunk in enumerate(settings.trunks):
        ip = trunk.uri.ip
        if ip is not None and ip.version != ip_address(told).version:
            yield doubt(
                f"trunks[{place}].uri = '{trunk.uri}': it is told to send its sound to {told} "
                f"(media.address), which few do that speak IPv{ip.version}"
            )
