"""A part of a systemd unit's sandbox, put around a process by libseccomp, as systemd itself does.

Systemd is not there in a container, and a sandbox that is too narrow is found in production. Here
are those settings that can break a program at any moment: system calls, address families, memory
that is written and executed, capabilities.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import re
import socket
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from tests.peers.process import tree_environment
from tests.peers.requirement import missing, require

LIBRARY = "libseccomp.so.2"

# seccomp.h of libseccomp
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_EQUAL, _GREATER, _MASKED_EQUAL = 4, 6, 7
_UNKNOWN = -1  # __NR_SCMP_ERROR
_AF_MAX = 46
_PROT_WRITE, _PROT_EXEC, _SHM_EXEC = 2, 4, 0o100000
_PR_CAPBSET_DROP = 24
_CAPABILITIES = 41


class Policy(NamedTuple):
    """What a unit allows."""

    calls: list[str]
    families: list[int]
    write_execute: bool  # memory that is both


class _Comparison(ctypes.Structure):
    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


def settings_of(unit: Path) -> dict[str, list[str]]:
    """Return the values of each key of a unit file, in order."""
    settings: dict[str, list[str]] = {}
    for key, value in re.findall(r"^(\w+)=(.*)$", unit.read_text(), re.MULTILINE):
        settings.setdefault(key, []).append(value)
    return settings


def policy_of(unit: Path) -> Policy:
    """Read a unit's lists, and what systemd's names for groups of calls stand for."""
    settings, groups = settings_of(unit), _groups()
    allowed: set[str] = set(_expand("@default", groups))
    for line in settings["SystemCallFilter"]:
        calls = {call for name in line.lstrip("~").split() for call in _expand(name, groups)}
        allowed = allowed - calls if line.startswith("~") else allowed | calls
    (families,) = settings["RestrictAddressFamilies"]
    return Policy(
        sorted(allowed),
        [getattr(socket, name) for name in families.split()],
        settings.get("MemoryDenyWriteExecute") != ["yes"],
    )


def _groups() -> dict[str, list[str]]:
    listed = subprocess.run(
        [require("systemd-analyze"), "syscall-filter", "--no-pager"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    groups: dict[str, list[str]] = {}
    for line in listed.splitlines():
        name = line.partition("#")[0].strip()
        if line.startswith("@"):
            group = groups[name] = []
        elif name:
            group.append(name)
    return groups


def _expand(name: str, groups: dict[str, list[str]]) -> set[str]:
    if not name.startswith("@"):
        return {name}
    return {call for each in groups[name] for call in _expand(each, groups)}


def sandboxed_environment(unit: Path, folder: Path) -> dict[str, str]:
    """Return the environment of a Python that enters the unit's sandbox as it starts."""
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        missing(f"{LIBRARY} is not there (Debian package libseccomp2)")
    policy = folder / "sandbox.json"
    policy.write_text(json.dumps(policy_of(unit)))
    start = folder / "start"
    start.mkdir()
    (start / "sitecustomize.py").write_text(
        f"from tests.examples import sandboxed\nsandboxed.enter({str(policy)!r})\n"
    )
    return tree_environment(start)


def enter(policy_file: str) -> None:
    """Enter the sandbox; there is no way out of it, for children neither."""
    calls, families, write_execute = json.loads(Path(policy_file).read_text())
    _drop_capabilities()
    library = ctypes.CDLL(LIBRARY)
    library.seccomp_init.restype = ctypes.c_void_p
    refused = [*_refused_families(families), *([] if write_execute else _written_and_executed())]
    _load(library, _ALLOW, refused)
    # Last: it does not allow to load another
    allowed: list[_Rule] = [(_ALLOW, call, ()) for call in calls]
    _load(library, _ERRNO | errno.EPERM, allowed)


_Rule = tuple[int, str, tuple[tuple[int, int, int, int], ...]]


def _refused_families(allowed: list[int]) -> list[_Rule]:
    """Return a rule for each family that is not allowed."""
    refuse = _ERRNO | errno.EAFNOSUPPORT
    refused = [family for family in range(_AF_MAX) if family not in allowed]
    rules: list[_Rule] = [(refuse, "socket", ((0, _EQUAL, family, 0),)) for family in refused]
    return [*rules, (refuse, "socket", ((0, _GREATER, _AF_MAX - 1, 0),))]


def _written_and_executed() -> list[_Rule]:
    """Return what MemoryDenyWriteExecute= refuses (systemd.exec(5))."""
    refuse, both = _ERRNO | errno.EPERM, _PROT_WRITE | _PROT_EXEC
    return [
        (refuse, "mmap", ((2, _MASKED_EQUAL, both, both),)),
        (refuse, "mprotect", ((2, _MASKED_EQUAL, _PROT_EXEC, _PROT_EXEC),)),
        (refuse, "pkey_mprotect", ((2, _MASKED_EQUAL, _PROT_EXEC, _PROT_EXEC),)),
        (refuse, "shmat", ((2, _MASKED_EQUAL, _SHM_EXEC, _SHM_EXEC),)),
    ]


def _drop_capabilities() -> None:
    """Empty the bounding set, as root: after the next exec nothing is left. Else there is none."""
    if os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in range(_CAPABILITIES):
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)


def _load(library: Any, default: int, rules: list[_Rule]) -> None:
    filtering = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(default)))
    for action, name, comparisons in rules:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number == _UNKNOWN:  # newer than the library
            continue
        array = (_Comparison * max(1, len(comparisons)))(*(_Comparison(*c) for c in comparisons))
        failed = library.seccomp_rule_add_array(
            filtering, ctypes.c_uint32(action), number, len(comparisons), array
        )
        if failed:
            raise OSError(-failed, f"seccomp: {name}: {os.strerror(-failed)}")
    failed = library.seccomp_load(filtering)
    if failed:
        raise OSError(-failed, f"seccomp: {os.strerror(-failed)}")
