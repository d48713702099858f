"""Where the foreign suite lies: in pjproject's source, from which the SIP engine is built.

Nothing of it is copied into this tree: the files are taken from the tarball at each run.
"""

from __future__ import annotations

import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from gateway.trunk.engine import source
from gateway.trunk.engine.build import cache_folder
from tests.peers.requirement import missing

FOLDER: Final = "/tests/pjsua/"


def unpack_suite(folder: Path) -> Path:
    """Unpack pjproject's tests/pjsua into `folder`; return where it lies.

    The test is skipped, or fails in CI, where the source cannot be had.
    """
    try:
        with TemporaryDirectory() as scratch:
            tarball = source.obtain(cache_folder(), Path(scratch))
            with tarfile.open(tarball) as archive:
                archive.extraction_filter = getattr(tarfile, "data_filter", None)
                wanted = [each for each in archive if FOLDER in each.name and each.isfile()]
                archive.extractall(folder, wanted)
    except (source.CannotBuildError, source.UnknownSourceError) as error:
        missing(str(error))
    found = list(folder.glob(f"*{FOLDER}"))
    if len(found) != 1:
        missing(f"{tarball.name} holds no {FOLDER.strip('/')}")
    return found[0]
