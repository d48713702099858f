"""All that is tried, in the order in which it is told."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from gateway.check import (
    arrivals,
    engine,
    files,
    password,
    ports,
    published,
    records,
    routes,
    sense,
    tls,
    trunk,
)
from gateway.check.finding import Finding
from gateway.config import Settings
from gateway.config_sip import TrunkSettings, tls_files


async def examine(settings: Settings) -> list[Finding]:
    """Try everything in the settings that can be tried without a call."""
    here = await asyncio.to_thread(ports.runs_here, settings.http)
    findings = [
        *engine.examine(settings, engine.installed()),
        ports.http(settings, here),
        *ports.sip(settings, here),
        *ports.media(settings.media, here),
        Finding(True, ports.firewall(settings)),
        *files.examine(settings, datetime.now(UTC)),
        *await records.examine(settings.records),
        *sense.examine(settings),
        *routes.examine(settings),
        *arrivals.examine(settings),
        *await published.keys(settings.admission),
    ]
    # All at once: each that is dead takes seconds to be found so
    asked = await asyncio.gather(*(_ask(each, settings) for each in settings.trunks))
    dead = []
    for each, (*before, answer) in zip(settings.trunks, asked, strict=True):
        findings += [*before, answer]
        if not answer.ok:
            dead.append(each.name)
    return [*findings, *routes.reach(settings, dead)]


async def _ask(each: TrunkSettings, settings: Settings) -> list[Finding]:
    files = tls_files(settings.sip, each)
    listen = settings.sip.listen.host
    answer = await trunk.answer(each, files, listen)
    found = await trunk.audio(each, settings.media, listen)
    if answer.ok:
        secured = tls.context(files) if each.hop.transport == "tls" else None
        proof = await password.check(each, secured, listen)
        found += [] if proof is None else [proof]
    return [*found, answer]
