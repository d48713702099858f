"""Asks the gateway whether it lives: `python healthcheck.py GATEWAY_TOML`; exit status 0 if so.

Where it listens is read as the gateway reads it, from the file and the GATEWAY_* variables, so that
the two cannot disagree.
"""

from __future__ import annotations

import ssl
import sys
from pathlib import Path
from urllib.request import HTTPSHandler, ProxyHandler, build_opener

from gateway.config_sources import BadConfigError, load

TIMEOUT = 3.0  # seconds; below the container's own

try:
    http = load(Path(sys.argv[1]), {}).http
    url = f"{'http' if http.certificate is None else 'https'}://{http.listen}/healthz"
    # The certificate is for the name that browsers use; no proxy stands between us and ourselves
    unverified = HTTPSHandler(context=ssl._create_unverified_context())
    build_opener(ProxyHandler({}), unverified).open(url, timeout=TIMEOUT).close()
except (BadConfigError, OSError) as error:
    sys.exit(f"unhealthy: {error}")
