"""What a test needs from the machine, and what happens when it is missing.

Here a test without its peer is skipped, and says what to install. Under CI=true it fails: there, a
skipped test would look like a passed one.
"""

from __future__ import annotations

import os
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NoReturn

import pytest

# The Debian package of each program
PACKAGES = {
    "baresip": "baresip-core",
    "chromium": "chromium",
    "dnsmasq": "dnsmasq-base",
    "espeak-ng": "espeak-ng",
    "firefox-esr": "firefox-esr",
    "ip": "iproute2",
    "kamailio": "kamailio",
    "linphonec": "linphone-cli",
    "nft": "nftables",
    "nginx": "nginx-light",
    "node": "nodejs",
    "npm": "npm",
    "openssl": "openssl",
    "php": "php-cli",
    "postgres": "postgresql",
    "promtool": "prometheus",
    "sipp": "sip-tester",
    "sox": "sox",
    "systemd-analyze": "systemd",
    "tshark": "tshark",
    "turnserver": "coturn",
    "unshare": "util-linux",
    "WebKitWebDriver": "webkit2gtk-driver",
    "Xvfb": "xvfb",
}

# Where Debian puts daemons, which no user's PATH has
SYSTEM_PATH = "/usr/sbin:/sbin"

# Where `make web` puts npm, on a machine that has none
OWN_PATH = f"{sys.prefix}/bin"


def require(program: str) -> Path:
    """Return the program's path; skip the test, or fail it in CI, when there is none."""
    path = shutil.which(program) or shutil.which(program, path=f"{SYSTEM_PATH}:{OWN_PATH}")
    if path is None:
        package = PACKAGES.get(program, program)
        missing(f"{program} is not installed (Debian package {package})")
    return Path(path)


def require_ipv6() -> None:
    """Skip the test, or fail it in CI, where not even loopback has an IPv6 address."""
    try:
        there = bool(Path("/proc/net/if_inet6").read_text())
    except OSError:
        there = False
    if not there:
        missing("this machine has no IPv6")


def require_own_engine() -> None:
    """Skip the test, or fail it in CI, where the SIP engine is not our own build."""
    try:
        installed = version("pjsua2-python")
    except PackageNotFoundError:
        installed = "none"
    if "+gateway" not in installed:
        missing(f"the SIP engine is not our build but {installed}: run make engine")


def missing(reason: str) -> NoReturn:
    """Skip the test for this reason; fail it in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason, allow_module_level=True)
