"""The pages that can be rung."""

from __future__ import annotations

import pytest

from gateway.calls.directory import MOST_PAGES, Directory
from gateway.calls.news import News, Tell
from gateway.calls.ring import Ring
from gateway.errors import CapacityError


class Page:
    def ring(self, ring: Ring) -> Tell:
        def tell(event: News) -> None:
            raise AssertionError(event)

        return tell


def test_nobody_is_there() -> None:
    assert Directory().pages("sales") == ()
    assert Directory().unregister(Page()) is None


def test_all_pages_of_an_identity_in_their_order() -> None:
    directory, pages = Directory(), [Page(), Page(), Page()]
    for page in pages:
        directory.register("sales", page)
    directory.register("sales", pages[0])  # once more
    directory.register("desk", Page())
    assert directory.pages("sales") == tuple(pages)
    assert directory.unregister(pages[1]) == "sales"
    assert directory.pages("sales") == (pages[0], pages[2])
    assert len(directory) == 3


def test_a_page_has_one_identity() -> None:
    directory, page = Directory(), Page()
    directory.register("sales", page)
    directory.register("desk", page)
    assert directory.pages("sales") == ()
    assert directory.identity_of(page) == "desk"
    assert directory.unregister(page) == "desk"
    assert directory.identity_of(page) is None
    assert not len(directory)


def test_who_comes_is_told() -> None:
    directory, page, came = Directory(), Page(), list[object]()
    stop = directory.watch("sales", came.append)
    directory.register("desk", page)
    assert came == []
    directory.register("sales", page)
    directory.register("sales", page)
    assert came == [page]
    stop()
    directory.register("sales", Page())
    assert came == [page]


def test_one_call_cannot_ring_the_whole_world() -> None:
    directory = Directory()
    for _ in range(MOST_PAGES):
        page = Page()
        directory.register("sales", page)
    directory.register("sales", page)  # once more
    moved = Page()
    directory.register("desk", moved)
    with pytest.raises(CapacityError, match="32 pages are registered under 'sales' already"):
        directory.register("sales", moved)
    assert directory.identity_of(moved) == "desk"
