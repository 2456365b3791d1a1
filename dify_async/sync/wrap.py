"""Create blocking methods from async ones, with the same arguments, result and docstring."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from dify_async._http.pager import Pager as AsyncPager
from dify_async._streaming.stream import EventStream as AsyncEventStream
from dify_async.batch import Batch as AsyncBatch
from dify_async.batch import ResultT as RowResultT
from dify_async.batch import Rows, RowT
from dify_async.sync.batch import Batch, non_blocking
from dify_async.sync.bridge import current
from dify_async.sync.pager import Pager
from dify_async.sync.stream import EventStream, ResultT_co

P = ParamSpec("P")
T = TypeVar("T")
EventT = TypeVar("EventT")
ContentsT = TypeVar("ContentsT")


class Blocking:
    """Base of blocking objects, which wrap an async object."""

    def __init__(self, wrapped: Any) -> None:
        self._wrapped = wrapped


class resource(Generic[T]):  # noqa: N801 - reads as a declaration
    """A descriptor: returns the resource's class on a client class, and a blocking resource on a client."""

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind
        self._name = ""

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self._name = name

    @overload
    def __get__(self, client: None, owner: type[Any]) -> type[T]: ...
    @overload
    def __get__(self, client: Any, owner: type[Any]) -> T: ...
    def __get__(self, client: Any, owner: type[Any]) -> T | type[T]:
        if client is None:
            return self._kind
        # Stored in the instance, where it is found before this descriptor.
        wrapped = getattr(client.async_client, self._name)
        found: T = client.__dict__.setdefault(self._name, self._kind(wrapped))  # type: ignore[call-arg]
        return found


def blocking(
    method: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Any, P], T]:
    """Return a method that waits for the result of a coroutine method."""

    @functools.wraps(method)
    def wait(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        coroutine = method(self._wrapped, *args, **kwargs)
        del args, kwargs  # They may contain secrets, and tools show the local variables of a traceback.
        return current().run(coroutine)

    return wait


def blocking_function(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Return a function that waits for the result of a coroutine function."""

    @functools.wraps(function)
    def wait(*args: P.args, **kwargs: P.kwargs) -> T:
        return current().call(function, *args, **kwargs)

    return wait


def with_arguments_of(
    kind: Callable[P, Any],
) -> Callable[[Callable[..., None]], Callable[Concatenate[Any, P], None]]:
    """Return a decorator that sets the signature of `__init__` to that of another class."""

    def decorate(init: Callable[..., None]) -> Callable[Concatenate[Any, P], None]:
        init.__signature__ = inspect.signature(kind.__init__)  # type: ignore[attr-defined]
        return init

    return decorate


def blocking_stream(
    method: Callable[Concatenate[Any, P], AsyncEventStream[EventT, ResultT_co]],
) -> Callable[Concatenate[Any, P], EventStream[EventT, ResultT_co]]:
    """Return a method that returns a blocking stream."""

    @functools.wraps(method)
    def stream(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> EventStream[EventT, ResultT_co]:
        return EventStream(method(self._wrapped, *args, **kwargs))

    return stream


def blocking_view(
    method: Callable[Concatenate[Any, P], Any], kind: Callable[[Any], T]
) -> Callable[Concatenate[Any, P], T]:
    """Return a method that wraps the returned object in `kind`."""

    @functools.wraps(method)
    def view(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return kind(method(self._wrapped, *args, **kwargs))

    return view


def blocking_batch(
    method: Callable[Concatenate[Any, Rows[RowT], P], AsyncBatch[RowT, RowResultT]],
) -> Callable[Concatenate[Any, Rows[RowT], P], Batch[RowT, RowResultT]]:
    """Return a method that returns a blocking batch."""

    @functools.wraps(method)
    def batch(self: Any, /, rows: Rows[RowT], *args: P.args, **kwargs: P.kwargs) -> Batch[RowT, RowResultT]:
        return Batch(method(self._wrapped, non_blocking(rows), *args, **kwargs))

    return batch  # type: ignore[return-value] # `rows` may also be passed by name.


def blocking_uploads(
    method: Callable[Concatenate[Any, str, Rows[RowT], P], AsyncBatch[RowT, RowResultT]],
) -> Callable[Concatenate[Any, str, Rows[RowT], P], Batch[RowT, RowResultT]]:
    """Return a method that returns a blocking batch of files for a knowledge base."""

    @functools.wraps(method)
    def batch(
        self: Any, /, dataset_id: str, files: Rows[RowT], *args: P.args, **kwargs: P.kwargs
    ) -> Batch[RowT, RowResultT]:
        return Batch(method(self._wrapped, dataset_id, non_blocking(files), *args, **kwargs))

    return batch  # type: ignore[return-value] # They may also be passed by name.


def blocking_sync(
    method: Callable[Concatenate[Any, str, ContentsT, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Any, str, ContentsT, P], T]:
    """Return a method that waits for contents with names to be kept in a knowledge base."""

    @functools.wraps(method)
    def wait(self: Any, /, dataset_id: str, contents: ContentsT, *args: P.args, **kwargs: P.kwargs) -> T:
        given: Any = contents
        if isinstance(contents, Iterable) and not isinstance(contents, Mapping | Sequence):
            given = non_blocking(given)
        return current().run(method(self._wrapped, dataset_id, given, *args, **kwargs))

    return wait  # type: ignore[return-value] # They may also be passed by name.


def blocking_pager(
    method: Callable[Concatenate[Any, P], AsyncPager[T]],
) -> Callable[Concatenate[Any, P], Pager[T]]:
    """Return a method that returns a blocking pager."""

    @functools.wraps(method)
    def pages(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> Pager[T]:
        return Pager(method(self._wrapped, *args, **kwargs))

    return pages
