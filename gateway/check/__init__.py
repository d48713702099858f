"""What `gateway check` finds out: what the settings say, files, addresses, trunks that answer."""

from __future__ import annotations

from gateway.check.examination import examine
from gateway.check.files import loose
from gateway.check.finding import Finding

__all__ = ["Finding", "examine", "loose"]
