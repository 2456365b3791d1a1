"""What resources have in common: access to the server, and lists in pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import attrs

from dify_async._http.api import Api
from dify_async._http.call_options import checked_options
from dify_async._http.pager import Pager
from dify_async._wire.operation import Operation
from dify_async.errors import ConfigurationError
from dify_async.models import Page
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
    cursor: Callable[[Page[Any]], dict[str, Any]],
    *,
    limit: int,
    query: Mapping[str, Any] | None = None,
    ids: Mapping[str, str] | None = None,
) -> Pager[ItemT]:
    """Return a list in pages; `cursor` returns the query parameters of the page after one."""
    if options:
        checked_options(options, operation, takes_user=api.auth.sends_user)
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= 100:
        raise ConfigurationError(f"`limit` must be an int from 1 to 100, got {limit!r:.100}")

    async def fetch(last: Page[ItemT] | None) -> Page[ItemT] | None:
        if last is not None and (not last.has_more or not last.data):
            return None
        position = cursor(last) if last is not None else {}
        return await api.call(
            operation, options, ids=ids, query={**(query or {}), "limit": limit, **position}
        )

    return Pager(operation.name, fetch)


def next_number(last: Page[Any]) -> dict[str, Any]:
    """Return the cursor of lists whose pages are numbered."""
    return {"page": (last.page or 1) + 1}


def after_last(last: Page[Any]) -> dict[str, Any]:
    """Return the cursor of lists that continue after their last entry."""
    return {"last_id": last.data[-1].id}


def before_first(last: Page[Any]) -> dict[str, Any]:
    """Return the cursor of lists that go back in time, before their first entry."""
    return {"first_id": last.data[0].id}
