"""Python's garbage collection at times that no call hears.

A collection of everything walks through every object that there is, and holds the interpreter's
lock for as long: 100 ms in a gateway that has just started, most of them for the libraries'
modules, which never become garbage. So these are set aside for good. What is left is small: a live
call has some 250 objects, and with 100 of them a collection of everything takes 6 to 10 ms.

Those are still two ticks of the media clock. Automatically only young objects are looked at, in a
fraction of a millisecond, and all of them when there is no call. A call leaves nothing behind
that refers to itself (test_release.py and test_session_release.py in the tests), so that can wait.
"""

from __future__ import annotations

import gc

# The net number of new objects after which they are looked at, how often that is until those that
# were left are looked at again (2 ms at most), and how often that is until all are, call or none:
# in a gateway that is never idle, after twenty million objects that stayed
THRESHOLDS = (2_000, 10, 1_000)


def freeze_gc() -> None:
    """Take what is there now for good; to be called once, when everything has started."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


def collect_all() -> None:
    """Look through all that came since; for when there is no call."""
    gc.collect()
