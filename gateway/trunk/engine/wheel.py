"""Packs the built engine as a wheel that pip takes for a newer version of the stock one.

Same distribution name, higher version: nothing that depends on `pjsua2-python` notices, and a later
`pip install` of the gateway keeps it. The format is a zip with three metadata files (PEP 427).
"""

from __future__ import annotations

import base64
import hashlib
import sysconfig
import zipfile
from pathlib import Path
from typing import Final

DISTRIBUTION: Final = "pjsua2-python"

METADATA: Final = """\
Metadata-Version: 2.1
Name: {name}
Version: {version}
Summary: pjsua2 (PJSIP) for Python, built for the gateway: 2000 calls, OpenSSL 3, epoll, IPv6
License: GPL-2.0-or-later
"""

WHEEL: Final = """\
Wheel-Version: 1.0
Generator: gateway.trunk.engine
Root-Is-Purelib: false
Tag: {tag}
"""


def tag() -> str:
    """Return the compatibility tag of a module compiled for this very Python."""
    abi = f"cp{sysconfig.get_python_version().replace('.', '')}"
    suffix = str(sysconfig.get_config_var("abiflags") or "")
    return f"{abi}-{abi}{suffix}-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"


def pack(content: Path, version: str, folder: Path) -> Path:
    """Pack every file of `content` (the wheel's top level) into a wheel in `folder`."""
    stem = f"{DISTRIBUTION.replace('-', '_')}-{version}"
    target, info = folder / f"{stem}-{tag()}.whl", f"{stem}.dist-info"
    members = {path.name: path.read_bytes() for path in sorted(content.iterdir())}
    members[f"{info}/METADATA"] = METADATA.format(name=DISTRIBUTION, version=version).encode()
    members[f"{info}/WHEEL"] = WHEEL.format(tag=tag()).encode()
    record = "".join(
        f"{name},sha256={_digest(data)},{len(data)}\n" for name, data in members.items()
    )
    members[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    partial = target.with_suffix(".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    partial.replace(target)  # a wheel in the cache is a whole wheel
    return target


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
