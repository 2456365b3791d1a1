"""Lists that arrive in pages, for blocking code."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, Generic, TypeVar

from dify_async._http.pager import Pager as AsyncPager
from dify_async._http.pager import unseen
from dify_async.models._base import Page
from dify_async.sync.bridge import current

ItemT = TypeVar("ItemT")


class Pager(Generic[ItemT]):
    """A list on the server, fetched page by page as it is read.

    ```python
    for log in client.workflows.logs(status="failed"):
        ...
    ```

    Each iteration starts at the first page. An entry that moves to the next page during the iteration,
    because new entries were added, is yielded once. Iteration ends after three pages without a new entry,
    even if the server reports that more pages follow.
    """

    def __init__(self, wrapped: AsyncPager[ItemT]) -> None:
        self._wrapped = wrapped

    def pages(self) -> Iterator[Page[ItemT]]:
        """Iterate over whole pages, which also have `total` and the other fields of the response."""
        pages = aiter(self._wrapped.pages())
        while (page := current().call(_next_or_none, pages)) is not None:
            yield page

    def __iter__(self) -> Iterator[ItemT]:
        seen: set[Any] = set()
        for page in self.pages():
            yield from unseen(page, seen)

    def first_page(self) -> Page[ItemT]:
        """Return the first page, which may be empty."""
        return current().call(self._wrapped.first_page)

    def all(self, limit: int | None = None) -> list[ItemT]:
        """Return all entries as a list, or the first `limit` of them.

        Raises:
            ConfigurationError: `limit` is not an int of 0 or more.
        """
        return current().call(self._wrapped.all, limit)

    def __repr__(self) -> str:
        return f"<Pager of {self._wrapped.name}: use `for`, or `pager.all(limit=...)`>"


async def _next_or_none(pages: AsyncIterator[Page[ItemT]]) -> Page[ItemT] | None:
    return await anext(pages, None)
