"""One way to libopus: find it, check it, and give its functions types.

libopus is called directly because FFmpeg's wrapper offers neither repair from the next packet (FEC)
nor concealment nor decoding at 8 kHz into an array of ours. PyAV's wheel carries a recent copy, so
no further dependency is needed; an operator may prefer the system's or name a file.

The calls go through cffi in ABI mode, which needs no compiler: one with six arguments costs
0.28 µs against 0.47 µs by ctypes.
"""

from __future__ import annotations

import ctypes.util
import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cffi  # type: ignore[import-untyped]

OLDEST = (1, 3)  # decoding and encoding as used here, and in-DTX queries, since 2018

_DECLARATIONS = """
typedef struct OpusDecoder OpusDecoder;
typedef struct OpusEncoder OpusEncoder;

const char *opus_get_version_string(void);
const char *opus_strerror(int error);

OpusDecoder *opus_decoder_create(int32_t rate, int channels, int *error);
int opus_decode(OpusDecoder *, const unsigned char *data, int32_t size,
                int16_t *pcm, int frame_size, int decode_fec);
int opus_decoder_ctl(OpusDecoder *, int request, ...);
void opus_decoder_destroy(OpusDecoder *);

OpusEncoder *opus_encoder_create(int32_t rate, int channels, int application, int *error);
int32_t opus_encode(OpusEncoder *, const int16_t *pcm, int frame_size,
                    unsigned char *data, int32_t size);
int opus_encoder_ctl(OpusEncoder *, int request, ...);
void opus_encoder_destroy(OpusEncoder *);
"""

ffi = cffi.FFI()
ffi.cdef(_DECLARATIONS)


class LibopusError(ImportError):
    """No usable libopus; the message says where it was looked for and what was wrong."""


@dataclass(frozen=True, slots=True)
class Libopus:
    """The loaded library.

    `functions` has one attribute per function declared above; cffi checks each call's arguments.
    """

    path: str
    version: str
    functions: Any

    def describe_error(self, code: int) -> str:
        """Return libopus's words for one of its error codes."""
        return _text(self.functions.opus_strerror(code))

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
        functions = ffi.dlopen(path)
        version = _text(functions.opus_get_version_string())
    except (OSError, AttributeError) as error:
        raise LibopusError(f"{path}: {error}") from error
    number = re.search(r"(\d+)\.(\d+)", version)
    if number is None or (int(number[1]), int(number[2])) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise LibopusError(f"{path}: {version!r} is older than {oldest}")
    return Libopus(path, version, functions)


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


def _text(string: Any) -> str:
    return bytes(ffi.string(string)).decode("ascii", "replace")
