"""All that is tried, in the order in which it is told."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from gateway.check import files, ports, published, sense, trunk
from gateway.check.finding import Finding
from gateway.config import Settings


async def examine(settings: Settings) -> list[Finding]:
    """Try everything in the settings that can be tried without a call."""
    here = await asyncio.to_thread(ports.runs_here, settings.http)
    findings = [
        ports.http(settings, here),
        *ports.sip(settings, here),
        *ports.media(settings.media, here),
        Finding(True, ports.firewall(settings)),
        *files.examine(settings, datetime.now(UTC)),
        *sense.examine(settings),
        *await published.keys(settings.admission),
    ]
    for each in settings.trunks:
        findings += [*await trunk.audio(each, settings.media), await trunk.answer(each)]
    return findings
