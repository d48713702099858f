"""Cycles of our own objects, which wait for the garbage collector."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from graphlib import CycleError, TopologicalSorter
from types import FunctionType, MethodType

OURS = ("gateway.", "sdp.", "voice.")
LASTING = ("Calls",)  # there is one for as long as the gateway runs


def _module(found: object) -> str:
    """Return the module of an object's code."""
    if type(found) is MethodType:  # not isinstance: a dead weak proxy cannot be asked
        return _module(found.__self__)
    module = found.__module__ if type(found) is FunctionType else type(found).__module__
    return module or ""


def _name(found: object) -> str:
    if type(found) in (FunctionType, MethodType):
        return str(getattr(found, "__qualname__", ""))
    return type(found).__qualname__


def own_cycle(garbage: list[object]) -> list[str]:
    """Return a cycle with an object of ours and none of the tests', by names; empty without one."""
    nodes = {
        id(each): each
        for each in garbage
        if not _module(each).startswith("tests") and _name(each) not in LASTING
    }
    while True:
        graph = {
            key: [id(other) for other in gc.get_referents(each) if id(other) in nodes]
            for key, each in nodes.items()
        }
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            cycle = [nodes[key] for key in error.args[1]]
            if any(_module(each).startswith(OURS) for each in cycle):
                return [_name(each) for each in cycle]
            del nodes[id(cycle[0])]
        else:
            return []


@contextmanager
def leaving_no_cycle() -> Iterator[None]:
    """Fail if an object of ours is left that refers to itself."""
    gc.freeze()  # what was there before is not looked at
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield
        gc.collect()
        cycle = own_cycle(gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
        gc.unfreeze()
    assert not cycle, " <- ".join(cycle)
