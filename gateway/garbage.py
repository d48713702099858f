"""Python's garbage collection at times that no call hears.

The collector walks through every object that there is, and stops everything for as long: 100 ms in
a gateway that has just started, most of them for the libraries' modules, which never become
garbage. It does so whenever enough objects have been made, so in the middle of calls.
"""

from __future__ import annotations

import gc

# Young objects are looked at as often as ever; all of them only after so many that it is once in
# hours of calls. What calls leave behind is collected when they are over (`MediaPlane`)
THRESHOLDS = (2_000, 50, 100)


def settle() -> None:
    """Take what is there now for good; to be called once, when everything has started."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
