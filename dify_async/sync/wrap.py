"""How a blocking method is made of an asynchronous one: same arguments, same result, same docstring."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

from dify_async._core.pager import Pager as AsyncPager
from dify_async._core.stream import EventStream as AsyncEventStream
from dify_async.batch import Batch as AsyncBatch
from dify_async.batch import Rows, RowT
from dify_async.sync.batch import Batch, unblocking
from dify_async.sync.bridge import current
from dify_async.sync.pager import Pager
from dify_async.sync.stream import EventStream, ResultT_co

P = ParamSpec("P")
T = TypeVar("T")
EventT = TypeVar("EventT")


class Resource:
    """The blocking side of an asynchronous object."""

    def __init__(self, twin: Any) -> None:
        self._twin = twin


def blocking(
    method: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Any, P], T]:
    """Make a method that waits for what the asynchronous one gives."""

    @functools.wraps(method)
    def wait(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return current().call(method, self._twin, *args, **kwargs)

    return wait


def blocking_function(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Make a function that waits for what the asynchronous one gives."""

    @functools.wraps(function)
    def wait(*args: P.args, **kwargs: P.kwargs) -> T:
        return current().call(function, *args, **kwargs)

    return wait


def made_with(kind: Callable[P, Any]) -> Callable[[Callable[..., None]], Callable[Concatenate[Any, P], None]]:
    """Give an `__init__` the arguments of another class."""

    def decorate(init: Callable[..., None]) -> Callable[Concatenate[Any, P], None]:
        init.__signature__ = inspect.signature(kind.__init__)  # type: ignore[attr-defined]
        return init

    return decorate


def blocking_stream(
    method: Callable[Concatenate[Any, P], AsyncEventStream[EventT, ResultT_co]],
) -> Callable[Concatenate[Any, P], EventStream[EventT, ResultT_co]]:
    """Make a method that gives a blocking stream."""

    @functools.wraps(method)
    def stream(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> EventStream[EventT, ResultT_co]:
        return EventStream(method(self._twin, *args, **kwargs))

    return stream


def blocking_view(
    method: Callable[Concatenate[Any, P], Any], kind: Callable[[Any], T]
) -> Callable[Concatenate[Any, P], T]:
    """Make a method that gives the blocking side of an object."""

    @functools.wraps(method)
    def view(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return kind(method(self._twin, *args, **kwargs))

    return view


def blocking_batch(
    method: Callable[Concatenate[Any, Rows[RowT], P], AsyncBatch[RowT, ResultT_co]],
) -> Callable[Concatenate[Any, Rows[RowT], P], Batch[RowT, ResultT_co]]:
    """Make a method that gives a blocking batch."""

    @functools.wraps(method)
    def batch(self: Any, /, rows: Rows[RowT], *args: P.args, **kwargs: P.kwargs) -> Batch[RowT, ResultT_co]:
        return Batch(method(self._twin, unblocking(rows), *args, **kwargs))

    return batch  # type: ignore[return-value] # that `rows` has a name is no harm


def blocking_pager(
    method: Callable[Concatenate[Any, P], AsyncPager[T]],
) -> Callable[Concatenate[Any, P], Pager[T]]:
    """Make a method that gives a blocking list."""

    @functools.wraps(method)
    def pages(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> Pager[T]:
        return Pager(method(self._twin, *args, **kwargs))

    return pages
