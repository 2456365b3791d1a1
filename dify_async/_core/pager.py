"""Lists that come in pages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Generic, TypeVar

from dify_async.models import Page

ItemT = TypeVar("ItemT")


def unseen(page: Page[ItemT], seen: set[Any]) -> Iterator[ItemT]:
    """Give the entries of a page that no page before it had, and note them."""
    for item in page.data:
        key = getattr(item, "id", None)
        if key is None or key not in seen:
            seen.add(key)
            yield item


class Pager(Generic[ItemT]):
    """A list on the server, fetched page by page as it is read.

    ```python
    async for log in client.workflows.logs(status="failed"):
        ...
    ```

    Each reading begins anew with the first page. An entry that new ones have pushed onto the next page in
    the meantime is given once.
    """

    def __init__(self, fetch: Callable[[Page[ItemT] | None], Awaitable[Page[ItemT] | None]]) -> None:
        self._fetch = fetch  # Gives the page after that one, the first for None, and None after the last.

    async def pages(self) -> AsyncIterator[Page[ItemT]]:
        """Give whole pages, with what the server says beside their entries."""
        page = await self._fetch(None)
        while page is not None and page.data:
            yield page
            page = await self._fetch(page)

    async def __aiter__(self) -> AsyncIterator[ItemT]:
        seen: set[Any] = set()
        async for page in self.pages():
            for item in unseen(page, seen):
                yield item

    async def first_page(self) -> Page[ItemT]:
        """Give the first page, also where it is empty."""
        page = await self._fetch(None)
        assert page is not None
        return page

    async def all(self, limit: int | None = None) -> list[ItemT]:
        """Give all entries as a list, or the first `limit` of them."""
        items: list[ItemT] = []
        if limit is not None and limit <= 0:
            return items
        async for item in self:
            items.append(item)
            if len(items) == limit:
                break
        return items

    def __iter__(self) -> None:
        raise TypeError(
            "this list is asynchronous: use `async for`, or the blocking client of dify_async.sync"
        )
