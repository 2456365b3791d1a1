"""The base class of resources, and lists in pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import attrs

from dify_async._http.api import Api
from dify_async._http.call_options import checked_options
from dify_async._http.pager import Pager
from dify_async._types import Json
from dify_async._wire.operation import Operation
from dify_async.errors import ConfigurationError
from dify_async.models._base import Page, sendable
from dify_async.options import CallOptions

ItemT = TypeVar("ItemT")


@attrs.frozen
class Resource:
    """A group of endpoints."""

    _api: Api = attrs.field(repr=False)


def pages(
    api: Api,
    operation: Operation[Page[ItemT]],
    options: CallOptions,
    cursor: Callable[[Page[Any], int], dict[str, Any] | None],
    *,
    limit: int,
    query: Mapping[str, Any] | None = None,
    ids: Mapping[str, str] | None = None,
) -> Pager[ItemT]:
    """Return a list in pages; `cursor` returns the query for the page after a given one, None at the end."""
    if options:
        checked_options(options, operation, takes_user=api.auth.sends_user)
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= 100:
        raise ConfigurationError(f"`limit` must be an int from 1 to 100, got {limit!r:.100}")

    async def fetch(last: Page[ItemT] | None) -> Page[ItemT] | None:
        position: dict[str, Any] | None = {}
        if last is not None:
            position = cursor(last, limit) if last.data else None
        if position is None:
            return None
        page = await api.call(
            operation, options, ids=ids, query={**(query or {}), "limit": limit, **position}
        )
        if page.page is None and cursor is next_number:
            page.page = position.get("page", 1)  # The list of feedback does not contain it.
        return page

    return Pager(operation.name, fetch)


def one_page(
    api: Api,
    operation: Operation[Page[ItemT]],
    options: CallOptions,
    *,
    query: Mapping[str, Any] | None = None,
    ids: Mapping[str, str] | None = None,
) -> Pager[ItemT]:
    """Return a list that the server sends as a single page."""
    if options:
        checked_options(options, operation, takes_user=api.auth.sends_user)

    async def fetch(last: Page[ItemT] | None) -> Page[ItemT] | None:
        return await api.call(operation, options, ids=ids, query=query) if last is None else None

    return Pager(operation.name, fetch)


def next_number(last: Page[Any], limit: int) -> dict[str, Any] | None:
    """Return the cursor of lists whose pages are numbered.

    Lists of child chunks have the number of pages instead of `has_more`; the list of feedback has neither.
    """
    number = last.page or 1
    if last.total_pages is not None:
        has_more = number < last.total_pages
    else:
        has_more = last.has_more or (last.total is None and len(last.data) >= limit)
    return {"page": number + 1} if has_more else None


def after_last(last: Page[Any], _: int) -> dict[str, Any] | None:
    """Return the cursor of lists that continue after their last entry."""
    return {"last_id": last.data[-1].id} if last.has_more else None


def before_first(last: Page[Any], _: int) -> dict[str, Any] | None:
    """Return the cursor of lists that continue before their first entry, going back in time."""
    return {"first_id": last.data[0].id} if last.has_more else None


def given(**fields: Any) -> dict[str, Any]:
    """Return the fields of a body that are not None."""
    return {name: sendable(value) for name, value in fields.items() if value is not None}


def sendable_list(name: str, values: Sequence[Any]) -> list[Json]:
    """Return a list of ids or settings in the form that is sent.

    Raises:
        ConfigurationError: `values` is not a list.
    """
    if isinstance(values, str | bytes) or not isinstance(values, Sequence):
        raise ConfigurationError(f"`{name}` must be a list, got {type(values).__name__}")
    return [sendable(one) for one in values]
