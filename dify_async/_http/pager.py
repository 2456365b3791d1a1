"""Lists that arrive in pages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Final, Generic, TypeVar

from dify_async._base_errors import ConfigurationError
from dify_async.models._base import Page

ItemT = TypeVar("ItemT")

_STALE_PAGES: Final = 3
"""Number of consecutive pages without a new entry after which a list ends. Otherwise a list would never end
if the server ignores the cursor. A single such page may be caused by entries that were added in the
meantime."""


class Pager(Generic[ItemT]):
    """A list on the server, fetched page by page as it is read.

    ```python
    async for log in client.workflows.logs(status="failed"):
        ...
    ```

    Each iteration starts at the first page. An entry that moves to the next page during the iteration,
    because new entries were added, is yielded once. Iteration ends after three pages without a new entry,
    even if the server reports that more pages follow.
    """

    def __init__(
        self, name: str, fetch: Callable[[Page[ItemT] | None], Awaitable[Page[ItemT] | None]]
    ) -> None:
        self.name = name
        """The operation that lists the entries: `GET /messages`."""
        # Returns the page after the given one, the first page for None, and None after the last page.
        self._fetch = fetch

    async def pages(self) -> AsyncIterator[Page[ItemT]]:
        """Iterate over whole pages, which also have `total` and the other fields of the response."""
        seen: set[Any] = set()
        last: Page[ItemT] | None = None
        stale = 0
        while stale < _STALE_PAGES:
            page = await self._fetch(last)
            if page is None or not page.data:
                return
            stale = 0 if last is None or _has_news(page, last, seen) else stale + 1
            seen.update(getattr(item, "id", None) for item in page.data)
            yield page
            last = page

    async def __aiter__(self) -> AsyncIterator[ItemT]:
        seen: set[Any] = set()
        async for page in self.pages():
            for item in unseen(page, seen):
                yield item

    async def first_page(self) -> Page[ItemT]:
        """Return the first page, which may be empty."""
        page = await self._fetch(None)
        assert page is not None
        return page

    async def all(self, limit: int | None = None) -> list[ItemT]:
        """Return all entries as a list, or the first `limit` of them.

        Raises:
            ConfigurationError: `limit` is not an int of 0 or more.
        """
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 0):
            raise ConfigurationError(f"`limit` must be an int of 0 or more, got {limit!r:.100}")
        items: list[ItemT] = []
        if limit == 0:
            return items
        async for item in self:
            items.append(item)
            if len(items) == limit:
                break
        return items

    def __repr__(self) -> str:
        return f"<Pager of {self.name}: use `async for`, or `await pager.all(limit=...)`>"

    def __iter__(self) -> None:
        raise TypeError("this list is asynchronous: use `async for`, or a client of dify_async.sync")


def unseen(page: Page[ItemT], seen: set[Any]) -> Iterator[ItemT]:
    """Yield the entries of a page that are not in `seen`, and add them."""
    for item in page.data:
        key = getattr(item, "id", None)
        if key is None or key not in seen:
            seen.add(key)
            yield item


def _has_news(page: Page[Any], last: Page[Any], seen: set[Any]) -> bool:
    """Return False for a page that repeats earlier ones, as when the server ignores the cursor."""
    keys = {getattr(item, "id", None) for item in page.data}
    return page.data != last.data if keys == {None} else not keys <= seen
