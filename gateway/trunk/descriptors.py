"""Room for file descriptors: connections of strangers must not take those of calls."""

from __future__ import annotations

import logging
import resource

log = logging.getLogger(__name__)


def raise_descriptor_limit() -> None:
    """Raise the soft limit of open files, often 1024, to the hard one.

    The soft limit is low for the sake of select() alone (getrlimit(2)), which nothing here uses: a
    call has sockets of its own for media, and each TCP connection to the SIP port has one.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == hard:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError) as error:
        log.warning("the limit of open files stays at %d, not %d: %s", soft, hard, error)
    else:
        log.info("the limit of open files is raised from %d to %d", soft, hard)
