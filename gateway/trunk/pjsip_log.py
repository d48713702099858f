"""The SIP engine's own log, as records of ours."""

from __future__ import annotations

import logging
from typing import Any, Final

import pjsua2 as pj

from gateway.trunk.message import redact

pjsip_log = logging.getLogger("gateway.trunk.pjsip")

# By who watches the trunk, and with its name; and what is tried again until it goes
TOLD: Final = ("SIP registration error", "Unable to create re-INVITE")
LEVELS: Final = {1: logging.ERROR, 2: logging.WARNING, 3: logging.INFO}


class PjsipLog(pj.LogWriter):
    """Passes pjsip's log on, without credentials; nothing while it is `muted`."""

    muted = False

    def write(self, entry: Any) -> None:
        """Log one entry, which may hold a whole SIP message."""
        if self.muted:
            return
        level = LEVELS.get(entry.level, logging.DEBUG)
        if any(each in entry.msg for each in TOLD):
            level = logging.DEBUG
        pjsip_log.log(level, "%s", redact(entry.msg).rstrip())
