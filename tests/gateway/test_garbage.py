"""What has started is no garbage, and is not walked through for it any more."""

from __future__ import annotations

import subprocess
import sys

# In a process of its own: it would change the collector of every test after it
SCRIPT = """
import gc
import gateway.commands.serve
from gateway import garbage
before = len(gc.get_objects())
garbage.freeze_gc()
assert gc.get_freeze_count() > before * 0.9, "what the libraries made is set aside"
assert len(gc.get_objects()) < before * 0.1, "little is left to walk through"

assert gc.get_threshold() == garbage.THRESHOLDS

class Node: pass
node = Node(); node.itself = node
import weakref
gone = weakref.ref(node)
del node
garbage.collect_all()
assert gone() is None, "what became garbage afterwards is still found"
"""


def test_freezing_sets_the_libraries_aside() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
