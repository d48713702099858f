"""Who can be rung: the pages that are registered, by the identity that they are called under."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from gateway.errors import CapacityError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.calls.news import Tell
    from gateway.calls.ring import Ring

# A person's desk, phone and a few forgotten tabs; one call rings them all, and all hear of its end
MOST_PAGES: Final = 32


class Page(Protocol):
    """A page that calls may ring."""

    def ring(self, ring: Ring) -> Tell:
        """Ring; return what takes the news of the call for this page.

        Raises
        ------
        LimitError, CapacityError
            It has as many calls as it may have.
        GatewayError
            It may not be called any more.
        """


class Directory:
    """The pages by identity; a page has one identity at a time."""

    def __init__(self) -> None:
        self._pages: dict[str, dict[Page, None]] = {}  # in the order of their registration
        self._identities: dict[Page, str] = {}
        self._watchers: defaultdict[str, list[Callable[[Page], None]]] = defaultdict(list)

    def __len__(self) -> int:
        return len(self._identities)

    def register(self, identity: str, page: Page) -> None:
        """Let calls for an identity ring a page, in place of the one that it had before.

        Raises
        ------
        CapacityError
            Too many pages are registered under it.
        """
        pages = tuple(self._pages.get(identity, ()))
        if page not in pages and len(pages) >= MOST_PAGES:
            raise CapacityError(f"{MOST_PAGES} pages are registered under {identity!r} already")
        if self._identities.get(page) != identity:
            self.unregister(page)
        self._pages.setdefault(identity, {})[page] = None
        self._identities[page] = identity
        if page not in pages:
            for joined in tuple(self._watchers.get(identity, ())):
                joined(page)

    def unregister(self, page: Page) -> str | None:
        """Let nothing ring a page any more; return the identity that it had, if it had one."""
        identity = self._identities.pop(page, None)
        if identity is not None:
            pages = self._pages[identity]
            del pages[page]
            if not pages:
                del self._pages[identity]
        return identity

    def identity_of(self, page: Page) -> str | None:
        """Return what a page is registered under."""
        return self._identities.get(page)

    def pages(self, identity: str) -> Sequence[Page]:
        """Return the pages of an identity."""
        return tuple(self._pages.get(identity, ()))

    def watch(self, identity: str, joined: Callable[[Page], None]) -> Callable[[], None]:
        """Tell of each page that comes to an identity; return what ends that."""
        self._watchers[identity].append(joined)

        def stop() -> None:
            self._watchers[identity].remove(joined)
            if not self._watchers[identity]:
                del self._watchers[identity]

        return stop
