"""One way to libopus: find it, check it, and say where its functions are.

libopus is called directly because FFmpeg's wrapper offers neither repair from the next packet (FEC)
nor concealment nor decoding at 8 kHz into an array of ours. PyAV's wheel carries a recent copy, so
no further dependency is needed; an operator may prefer the system's or name a file.

Which copy it is turns out when the program starts, so nothing can be linked to it: `voice.opus`
calls the functions by their addresses. Nothing unloads a library, so they stay good.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib.util
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

OLDEST = (1, 3)  # decoding and encoding as used here, and in-DTX queries, since 2018

FUNCTIONS = (
    "opus_decoder_create",
    "opus_decode",
    "opus_decoder_ctl",
    "opus_decoder_destroy",
    "opus_encoder_create",
    "opus_encode",
    "opus_encoder_ctl",
    "opus_encoder_destroy",
    "opus_strerror",
)


class LibopusError(ImportError):
    """No usable libopus; the message says where it was looked for and what was wrong."""


@dataclass(frozen=True, slots=True)
class Libopus:
    """The loaded library; `addresses` has one of each of `FUNCTIONS`."""

    path: str
    version: str
    addresses: Mapping[str, int]

    def describe_error(self, code: int) -> str:
        """Return libopus's words for one of its error codes."""
        describe = ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_int)(self.addresses["opus_strerror"])
        return _text(describe(code))

    def __str__(self) -> str:
        return f"{self.version} ({self.path})"


@cache
def load(path: str | None = None) -> Libopus:
    """Load libopus from `path`, or by default from PyAV's wheel, else from the system.

    Raises
    ------
    LibopusError
        Nothing found, nothing loadable, or older than `OLDEST`.
    """
    problems: list[str] = []
    for candidate in _candidates(path):
        try:
            return _open(candidate)
        except LibopusError as error:
            problems.append(str(error))
    found = "; ".join(problems) or "neither PyAV's wheel nor the system has one"
    raise LibopusError(f"no usable libopus: {found}")


def _open(path: str) -> Libopus:
    try:
        library = ctypes.CDLL(path)
        ask = library.opus_get_version_string
        ask.restype = ctypes.c_char_p
        version = _text(ask())
        # Null is nobody's address: what has none has raised
        addresses = {n: ctypes.cast(library[n], ctypes.c_void_p).value or 0 for n in FUNCTIONS}
    except (OSError, AttributeError) as error:
        raise LibopusError(f"{path}: {error}") from error
    number = re.search(r"(\d+)\.(\d+)", version)
    if number is None or (int(number[1]), int(number[2])) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise LibopusError(f"{path}: {version!r} is older than {oldest}")
    return Libopus(path, version, addresses)


def _candidates(path: str | None) -> Iterator[str]:
    if path is not None:
        yield path
        return
    yield from _bundled()
    yield from _of_the_system()


def _bundled() -> list[str]:
    """Return the copies beside PyAV; wheels for Linux keep them in av.libs, for macOS in av."""
    spec = importlib.util.find_spec("av")
    if spec is None or spec.origin is None:
        return []
    package = Path(spec.origin).parent
    places = (
        (package.with_name("av.libs"), "libopus-*.so*"),
        (package / ".dylibs", "libopus*.dylib"),
    )
    return [str(found) for folder, name in places for found in sorted(folder.glob(name))]


def _of_the_system() -> Iterator[str]:
    yield "libopus.so.0"
    found = ctypes.util.find_library("opus")  # by compiler or ldconfig, so only if all else fails
    if found is not None:
        yield found


def _text(string: bytes) -> str:
    return string.decode("ascii", "replace")
