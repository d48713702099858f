"""Builds the production SIP engine and installs it: `python -m gateway.trunk.engine.build`.

The stock wheel of pjsua2 carries 4 calls at a time, aborts the process on misuse and speaks TLS by
an OpenSSL out of support. This builds pjproject with the settings below (2000 calls, epoll, IPv6,
the system's OpenSSL 3) in under a minute on two cores, keeps the wheel in a cache folder, and
installs it into the Python that runs this. Only the standard library is used; no root is needed.

Exit status: 0 done; 1 the build failed or the source is unknown; 3 something is missing on this
machine (compiler, headers, network), said in one sentence: the stock wheel may serve meanwhile.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from gateway.trunk.engine import edits, source, wheel
from gateway.trunk.engine.source import CannotBuildError

RELEASE: Final = "gateway6"
"""Local version of our build; raise it when the build changes for the same pjproject."""

MISSING_STATUS: Final = 3
SWIG: Final = "4.4.1"  # the first line whose types raise no DeprecationWarning on Python 3.12+

CONFIG_SITE: Final = """\
#define NDEBUG 1                                /* no assert() may end the process */
#define PJ_HAS_IPV6 1
#define PJ_IOQUEUE_MAX_HANDLES 8192             /* TCP and TLS connections, with epoll */
#define PJ_IOQUEUE_DEFAULT_EPOLL_FLAGS 0        /* one thread polls: none needs to be kept off */
#define PJSUA_MAX_CALLS 2000
#define PJSUA_MAX_ACC 256
#define PJSUA2_MAX_SDP_BUF_LEN 16384            /* a longer SDP is not shown to callbacks */
#define PJSIP_MAX_PKT_LEN 8000                  /* of a message that comes or goes */
#define PJSIP_POOL_LEN_TDATA 2000               /* a message of ours takes 5 kB: small steps */
#define PJSIP_POOL_INC_TDATA 1000
#define PJMEDIA_MAX_SDP_MEDIA 8                 /* m= lines: 1.3 kB per possible call each */
#define PJSIP_MAX_TSX_COUNT 16383
#define PJSIP_MAX_DIALOG_COUNT 8191
#define PJSIP_TRANSPORT_SERVER_IDLE_TIME_FIRST 10 /* a stranger's connection that says nothing */
#define PJSIP_DONT_SWITCH_TO_TCP 1              /* the trunk's transport is the operator's choice */
#define PJMEDIA_HAS_SRTP 0                      /* SRTP is ours: pjmedia must add no crypto line */
#define PJMEDIA_CONF_USE_SWITCH_BOARD 1         /* the bridge proper leaks a port per call when no
                                                   sound device drives its clock */
#define PJMEDIA_CONF_SWITCH_BOARD_BUF_SIZE 4096 /* an Opus frame at 48 kHz */
#define PJMEDIA_CODEC_L16_HAS_16KHZ_MONO 1      /* an SDP that picks it is refused otherwise */
"""

UNUSED: Final = """
    video sound upnp resample libsrtp libyuv libwebrtc sdl ffmpeg v4l2 openh264 vpx
    speex-aec speex-codec gsm-codec ilbc-codec g7221-codec opencore-amr silk bcg729
"""
CONFIGURE: Final = ("--enable-epoll", *(f"--disable-{part}" for part in UNUSED.split()))

WRAPPER: Final = "pjsip-apps/src/swig/python"
"""The folder of the tree in which the extension module is made."""

WRAPPER_FLAGS: Final = ("-O1", "-g0", "-fPIC", "-fno-strict-aliasing", "-w")

HEADERS: Final = {
    "openssl/ssl.h": "libssl-dev",
    "opus/opus.h": "libopus-dev",
    "uuid/uuid.h": "uuid-dev",
}

VERIFY: Final = Path(__file__).with_name("verify.py")

OWN: Final = tuple(
    Path(__file__).with_name(name)
    for name in (
        *("callbacks.i", "challenges.cpp", "challenges.hpp"),
        *("message_filter.cpp", "message_filter.hpp", "message_filter.i"),
    )
)
"""Our part of the wrapper: what pjproject does not have."""


class BuildError(Exception):
    """A step of the build failed; the message ends with the last lines that it printed."""


def main() -> int:
    """Build (or find) the wheel and install it; return the exit status."""
    parser = argparse.ArgumentParser(description="Build the production SIP engine and install it.")
    parser.add_argument("--no-install", action="store_true", help="only put the wheel in the cache")
    parser.add_argument("--force", action="store_true", help="build even if the wheel is there")
    arguments = parser.parse_args()
    try:
        folder = wheel_folder()
        kept = sorted(folder.glob("*.whl"))
        built = build(folder) if arguments.force or not kept else kept[-1]
        if not arguments.no_install:
            install(built)
    except CannotBuildError as error:
        say(f"cannot build the SIP engine here: {error}")
        return MISSING_STATUS
    except (BuildError, edits.OtherSourceError, source.UnknownSourceError) as error:
        say(str(error))
        return 1
    return 0


def wheel_folder() -> Path:
    """Return where the wheel for this Python, machine, source and these settings belongs."""
    made_from = (
        *(
            CONFIG_SITE,
            CONFIGURE,
            edits.EDITS,
            edits.QUICKER,
            WRAPPER_FLAGS,
            SWIG,
            RELEASE,
            sorted(source.KNOWN_GOOD),
        ),
        *(os.environ.get(name) for name in ("PJPROJECT_TARBALL", "PJPROJECT_SHA256")),
        platform.libc_ver(),
        *(path.read_text() for path in OWN),
    )
    key = hashlib.sha256(repr(made_from).encode()).hexdigest()[:12]
    return cache_folder() / f"{wheel.tag()}-{key}"


def cache_folder() -> Path:
    """Return the folder that outlives checkouts and virtual environments."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "webrtc-sip-gateway" / "engine"


def build(folder: Path) -> Path:
    """Make the wheel: source, libraries and wrapper side by side, link, verify, pack."""
    check_tools()
    began = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="engine-") as name, Log(folder) as log:
        scratch = Path(name)
        say("fetching pjproject's source and swig")
        tree = source.unpack(source.obtain(cache_folder(), scratch), scratch / "tree")
        swig = obtain_swig(scratch, log)
        prepare(tree, log)
        say("compiling (under a minute on two cores)")
        with ThreadPoolExecutor(2) as pool:  # the wrapper needs headers only: one core each
            libraries = pool.submit(log.run, ["make", f"-j{os.cpu_count() or 1}", "lib"], tree)
            wrapper = pool.submit(compile_wrapper, tree, swig, log)
            libraries.result()
            wrapper.result()
        stage = link(tree, scratch / "stage", log)
        log.run([sys.executable, "-I", "-B", str(VERIFY), str(stage)], scratch)
        built = wheel.pack(stage, f"{tree_version(tree)}+{RELEASE}", folder)
    say(f"built {built.name} in {time.monotonic() - began:.0f} s")
    return built


def check_tools() -> None:
    """Raise CannotBuildError with the one command to type when a tool or a header is missing."""
    tools = {"gcc": "gcc", "g++": "g++", "make": "make"}
    lacking = [package for tool, package in tools.items() if not shutil.which(tool)]
    for header, package in HEADERS.items():
        if lacking or not preprocesses(f"#include <{header}>\n"):
            lacking.append(package)
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        lacking.append("python3-dev")
    if lacking:
        raise CannotBuildError(f"missing here: apt-get install {' '.join(lacking)}")


def preprocesses(text: str) -> bool:
    """Tell whether the C compiler finds what `text` includes."""
    command = ["gcc", "-E", "-x", "c", "-"]
    return subprocess.run(command, input=text, text=True, capture_output=True).returncode == 0


def tree_version(tree: Path) -> str:
    """Return pjproject's version as its makefiles state it."""
    found = dict(
        re.findall(
            r"PJ_VERSION_(MAJOR|MINOR|REV)\s*:=[ \t]*(\d+)", (tree / "version.mak").read_text()
        )
    )
    return ".".join(found[part] for part in ("MAJOR", "MINOR", "REV") if part in found)


def obtain_swig(scratch: Path, log: Log) -> list[str]:
    """Return the command of swig: the tested one by pip, else the system's."""
    folder = scratch / "swig"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--retries", "1", "--no-deps"]
    try:
        log.run([*pip, "--target", str(folder), f"swig=={SWIG}"], scratch)
    except BuildError:
        if system := shutil.which("swig"):
            return [system]
        raise CannotBuildError(
            f"neither swig {SWIG} by pip nor the system's: apt-get install swig"
        ) from None
    data = folder / "swig" / "data"
    library = next((data / "share" / "swig").iterdir())
    return ["env", f"SWIG_LIB={library}", str(data / "bin" / "swig")]


def prepare(tree: Path, log: Log) -> None:
    """Write the settings into the source and configure it."""
    (tree / "pjlib/include/pj/config_site.h").write_text(CONFIG_SITE)
    edits.apply(tree)
    for path in OWN:
        shutil.copy(path, tree / WRAPPER)
    flags = "-O2 -fPIC"
    log.run(["./aconfigure", *CONFIGURE, f"CFLAGS={flags}", f"CXXFLAGS={flags}"], tree)


def compile_wrapper(tree: Path, swig: list[str], log: Log) -> None:
    """Generate pjsua2.py and its C++ wrapper, and compile the latter.

    `-threads`: the wrapper lets go of the GIL in every call, so that polling stalls nobody.
    """
    folder = tree / WRAPPER
    parts = ("pjlib", "pjlib-util", "pjmedia", "pjsip", "pjnath")
    includes = [f"-I{tree / part / 'include'}" for part in parts]
    options = ["-c++", "-w312", "-threads", "-python", "-I.", "-o", "pjsua2_wrap.cpp"]
    log.run([*swig, *includes, *options, "../pjsua2.i"], folder)
    edits.quicken(folder / "pjsua2_wrap.cpp")
    flags = [flag for flag in ask(folder, "cflags", log) if not flag.startswith("-O")]
    python = f"-I{sysconfig.get_path('include')}"
    for name in (*(path.name for path in OWN if path.suffix == ".cpp"), "pjsua2_wrap.cpp"):
        log.run(["g++", "-c", *flags, *WRAPPER_FLAGS, python, name], folder)


def link(tree: Path, stage: Path, log: Log) -> Path:
    """Link the extension module; return the folder that holds the wheel's two files."""
    folder = tree / WRAPPER
    stage.mkdir()
    shutil.copyfile(folder / "pjsua2.py", stage / "pjsua2.py")
    module = stage / f"_pjsua2{sysconfig.get_config_var('EXT_SUFFIX')}"
    libraries = [f"-l{name}" for name in ask(folder, "libs", log)]
    paths = ask(folder, "ldflags", log)
    objects = sorted(path.name for path in folder.glob("*.o"))
    log.run(["g++", "-shared", "-s", *objects, "-o", str(module), *paths, *libraries], folder)
    return stage


def ask(folder: Path, what: str, log: Log) -> list[str]:
    """Ask pjproject's own makefile for compiler or linker arguments."""
    return shlex.split(log.run(["make", "--no-print-directory", "-f", "helper.mak", what], folder))


def install(built: Path) -> None:
    """Install the wheel into the Python that runs this."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    done = subprocess.run(
        [*pip, "--force-reinstall", "--disable-pip-version-check", str(built)],
        text=True,
        capture_output=True,
    )
    if done.returncode:
        raise BuildError(f"pip could not install {built.name}: {done.stderr.strip()[-800:]}")
    say(f"installed {built.name}")


class Log:
    """Runs the steps; what they print goes into build.log beside the wheel."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "build.log"
        self._file = self.path.open("w")

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def run(self, command: list[str], folder: Path) -> str:
        """Run one step; return its standard output, or raise BuildError with its last lines."""
        done = subprocess.run(command, cwd=folder, text=True, errors="replace", capture_output=True)
        shown = shlex.join(command)[:400]
        self._file.write(f"$ {shown}\n{done.stdout}{done.stderr}\n")
        if done.returncode:
            last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
            raise BuildError(
                f"{shown}\nended with {done.returncode}; all of it: {self.path}\n{last}"
            )
        return done.stdout


def say(text: str) -> None:
    """Tell the person at the terminal."""
    sys.stderr.write(f"engine: {text}\n")


if __name__ == "__main__":
    sys.exit(main())
