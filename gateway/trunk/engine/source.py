"""Where pjproject's source comes from: Debian's `asterisk` source package, or the operator's file.

Debian ships pjproject as one component of its `asterisk` source package in sid. It is fetched with
apt from the mirror that this machine uses anyway, in a private apt directory: no root, nothing of
the system's apt changes, and apt checks the archive's signature as always. On top of that the
tarball must be one that this gateway was tested with.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Final

SUITE: Final = "sid"  # neither bookworm nor trixie has asterisk
KEYRING: Final = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

KNOWN_GOOD: Final = {
    "6860c2f7604b4eee75f38151a9ef69774eb3f0c5286fc1d14bc1db2dc5a9e8aa": "2.17",
}
"""SHA-256 of a tarball → the pjproject version in it."""

# The mirror's index may have run out its date (Check-Valid-Until); its signature still counts.
APT_CONF: Final = """\
Dir::Etc::sourcelist "{0}/sources.list";
Dir::Etc::sourceparts "{0}/empty";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "{0}/empty";
Dir::State "{0}";
Dir::State::lists "{0}/lists";
Dir::State::status "{0}/status";
Dir::Cache "{0}";
Dir::Cache::archives "{0}/archives";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
Acquire::Retries "2";
Acquire::http::Timeout "20";
APT::Sandbox::User "root";
Debug::NoLocking "true";
"""


class CannotBuildError(Exception):
    """A build needs something that is not on this machine; the message has the remedy."""


class UnknownSourceError(Exception):
    """The tarball is none of those this gateway was tested with."""


def obtain(cache: Path, scratch: Path) -> Path:
    """Return pjproject's tarball: the operator's, the cached one, or a fresh one by apt."""
    if named := os.environ.get("PJPROJECT_TARBALL"):
        tarball = Path(named).expanduser()
        if not tarball.is_file():
            raise CannotBuildError(f"PJPROJECT_TARBALL names {named!r}, which is not a file.")
        check(tarball)
        return tarball
    for digest in KNOWN_GOOD:
        kept = cache / f"pjproject-{digest[:12]}.tar"
        if kept.is_file() and sha256(kept) == digest:
            return kept
    fetched = fetch_by_apt(scratch)
    digest = check(fetched)
    kept = cache / f"pjproject-{digest[:12]}.tar"
    shutil.copyfile(fetched, partial := kept.with_suffix(".partial"))
    partial.replace(kept)
    return kept


def check(tarball: Path) -> str:
    """Return the tarball's SHA-256, or refuse a tarball that nobody has vouched for."""
    digest = sha256(tarball)
    if digest in KNOWN_GOOD or digest == os.environ.get("PJPROJECT_SHA256", "").strip().lower():
        return digest
    raise UnknownSourceError(
        f"{tarball.name} has SHA-256 {digest}, which is none of those this gateway was tested "
        f"with ({', '.join(f'{v}: {d[:12]}…' for d, v in KNOWN_GOOD.items())}). If you trust it, "
        f"accept it with PJPROJECT_SHA256={digest}."
    )


def unpack(tarball: Path, folder: Path) -> Path:
    """Unpack and return the source's top folder."""
    try:
        with tarfile.open(tarball) as archive:
            # Debian 12's Python 3.11.2 has no filters yet; the tarball is a known one in any case
            archive.extraction_filter = getattr(tarfile, "data_filter", None)
            archive.extractall(folder)
    except (tarfile.TarError, EOFError) as error:
        raise UnknownSourceError(f"{tarball.name} cannot be unpacked: {error}") from error
    tops = [path.parent for path in folder.glob("*/aconfigure")]
    if len(tops) != 1:
        raise UnknownSourceError(f"{tarball.name} holds no pjproject (no */aconfigure in it).")
    return tops[0]


def fetch_by_apt(scratch: Path) -> Path:
    """Fetch the component tarball of Debian's source package into `scratch`."""
    for tool in ("apt-get", "dpkg-source"):
        if not shutil.which(tool):
            raise CannotBuildError(
                f"{tool} is missing, so pjproject's source cannot be fetched from Debian "
                "(apt-get install dpkg-dev); or name a tarball with PJPROJECT_TARBALL=…"
            )
    if not KEYRING.is_file():
        raise CannotBuildError(f"{KEYRING} is missing: apt-get install debian-archive-keyring")
    folder = scratch / "apt"
    for name in ("lists/partial", "archives/partial", "empty", "source"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    (folder / "sources.list").write_text(f"deb-src [signed-by={KEYRING}] {mirror()} {SUITE} main\n")
    (folder / "apt.conf").write_text(APT_CONF.format(folder))
    environment = os.environ | {"APT_CONFIG": str(folder / "apt.conf")}
    for arguments in (["update"], ["source", "--download-only", "asterisk"]):
        done = subprocess.run(
            ["apt-get", "-qq", *arguments],
            cwd=folder / "source",
            env=environment,
            text=True,
            capture_output=True,
        )
        if done.returncode:
            raise CannotBuildError(
                f"apt-get {arguments[0]} failed (no network?): {done.stderr.strip()[-400:]}"
            )
    tarballs = list((folder / "source").glob("*orig-Xpjproject.tar.*"))
    if len(tarballs) != 1:
        raise CannotBuildError(f"Debian {SUITE}'s asterisk source holds no pjproject any more.")
    return tarballs[0]


def mirror() -> str:
    """Return the Debian mirror that this machine's own apt uses."""
    done = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)", "Identifier: Packages"],
        text=True,
        capture_output=True,
    )
    for line in done.stdout.splitlines():
        release, _, uri = line.partition(" ")
        extra = any(word in release for word in ("security", "updates", "backports"))
        if not extra and uri.rstrip("/").endswith("debian"):
            return uri
    raise CannotBuildError(
        "This machine's apt knows no Debian mirror (run apt-get update once?); "
        "or name a tarball with PJPROJECT_TARBALL=…"
    )


def sha256(path: Path) -> str:
    """Return the file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
