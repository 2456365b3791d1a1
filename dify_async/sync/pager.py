"""Lists that come in pages, without `await`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, Generic, TypeVar

from dify_async._core.pager import Pager as AsyncPager
from dify_async._core.pager import unseen
from dify_async.models import Page
from dify_async.sync.bridge import current

ItemT = TypeVar("ItemT")


class Pager(Generic[ItemT]):
    """A list on the server, fetched page by page as it is read.

    ```python
    for log in client.workflows.logs(status="failed"):
        ...
    ```

    Each reading begins anew with the first page. An entry that new ones have pushed onto the next page in
    the meantime is given once.
    """

    def __init__(self, twin: AsyncPager[ItemT]) -> None:
        self._twin = twin

    def pages(self) -> Iterator[Page[ItemT]]:
        """Give whole pages, with what the server says beside their entries."""
        pages = aiter(self._twin.pages())
        while (page := current().call(_next_or_none, pages)) is not None:
            yield page

    def __iter__(self) -> Iterator[ItemT]:
        seen: set[Any] = set()
        for page in self.pages():
            yield from unseen(page, seen)

    def first_page(self) -> Page[ItemT]:
        """Give the first page, also where it is empty."""
        return current().call(self._twin.first_page)

    def all(self, limit: int | None = None) -> list[ItemT]:
        """Give all entries as a list, or the first `limit` of them."""
        return current().call(self._twin.all, limit)


async def _next_or_none(pages: AsyncIterator[Page[ItemT]]) -> Page[ItemT] | None:
    return await anext(pages, None)
