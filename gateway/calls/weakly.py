"""Callbacks that do not keep alive what they call.

A call is made of parts that call it back. Were it kept by them, each call would leave a cycle
behind, which is freed by a garbage collection of everything only. That waits until there is no call
(gateway/garbage.py), and in a busy gateway there always is one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar
from weakref import WeakMethod

P = ParamSpec("P")
R = TypeVar("R")


def weakly(method: Callable[P, R]) -> Callable[P, R]:
    """Return a method for a part of its object, which ends with the object at the latest.

    Raises
    ------
    ReferenceError
        When what is returned is called and the object is gone.
    """
    reference = WeakMethod(method)

    def call_back(*args: P.args, **kwargs: P.kwargs) -> R:
        found = reference()
        if found is None:
            raise ReferenceError("what was to be called is gone")
        return found(*args, **kwargs)

    return call_back
