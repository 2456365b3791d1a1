"""The event loop that all blocking clients of a process share, in a separate thread."""

from __future__ import annotations

import asyncio
import atexit
import sys
import threading
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Final, NoReturn, ParamSpec, Protocol, TypeVar

import anyio

from dify_async._http.lifecycle import forget_in_forked_children
from dify_async.errors import ConfigurationError

P = ParamSpec("P")
T = TypeVar("T")

_CLEAN_UP: Final = 2.5
"""Seconds for the clean-up of an interrupted call: asking the server to stop the run takes at most 2
seconds."""


class _Closable(Protocol):
    def aclose(self) -> Coroutine[Any, Any, None]: ...


class Bridge:
    """A thread that runs an event loop, from the first call to the end of the process."""

    def __init__(self) -> None:
        self.open: weakref.WeakSet[_Closable] = weakref.WeakSet()
        """Streams and batches that are closed at the end of the process if they are still open."""
        # Reentrant: a signal handler may interrupt the first call and make a call itself.
        self._starting = threading.RLock()
        self._started: Future[asyncio.AbstractEventLoop] | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end = asyncio.Event()
        self._is_ending = False
        self._tasks: set[asyncio.Task[Any]] = set()

    def call(self, function: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a coroutine function in the event loop, and wait for its result."""
        return self.run(function(*args, **kwargs))

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the event loop, and wait for its result.

        If the wait is interrupted, as by Ctrl-C, the coroutine is cancelled and has time to clean up.
        """
        try:
            loop = self._loop_for_call()
        except BaseException:
            coroutine.close()
            raise
        done = threading.Event()
        tasks: list[asyncio.Task[T]] = []

        def start() -> None:
            # Runs in a copy of the caller's context, which `call_soon_threadsafe` makes.
            tasks.append(self._start_task(coroutine))
            tasks[0].add_done_callback(finish)

        def finish(task: asyncio.Task[T]) -> None:
            if not task.cancelled():
                task.exception()  # Otherwise asyncio logs an exception that nobody retrieved.
            done.set()

        def cancel() -> None:
            if tasks:
                tasks[0].cancel()
            else:  # The call was interrupted before the start was scheduled.
                coroutine.close()
                done.set()

        try:
            loop.call_soon_threadsafe(start)
            self._wait(done)
        except BaseException:
            loop.call_soon_threadsafe(cancel)
            done.wait(_CLEAN_UP)
            raise
        return tasks[0].result()

    def post(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a coroutine function in the event loop without waiting. For finalizers."""
        if self is current() and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(lambda: self._start_task(function()))

    def end(self) -> None:
        """End the event loop, at the end of the process."""
        with self._starting:
            self._is_ending = True
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join(2 * _CLEAN_UP)

    def _loop_for_call(self) -> asyncio.AbstractEventLoop:
        if threading.current_thread() is self._thread:
            raise ConfigurationError(
                "a blocking call in the event loop of the blocking clients would wait for itself: use the "
                "clients of dify_async in code that runs there, such as a limiter"
            )
        return self._running_loop()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None or self._is_ending:
            with self._starting:
                if self._started is None and not self._is_ending:
                    self._start()
                started = self._started
            if self._is_ending or started is None:
                _at_exit()
            self._loop = started.result()
        return self._loop

    def _start(self) -> None:
        self._started = Future()
        self._thread = threading.Thread(
            target=self._run, args=(self._started,), name="dify-async", daemon=True
        )
        self._thread.start()

    def _run(self, started: Future[asyncio.AbstractEventLoop]) -> None:
        try:
            # anyio also cleans up at the end: tasks that are still running are cancelled and awaited.
            anyio.run(self._main, started)
        except BaseException as exc:
            if started.done():
                # A process that exits starts no threads since Python 3.12, and asyncio needs one to end its
                # executor, which resolves host names.
                if self._is_ending and isinstance(exc, RuntimeError):
                    return
                raise
            self._thread = self._started = None
            started.set_exception(exc)  # For example, no file descriptor is left for the loop.

    async def _main(self, started: Future[asyncio.AbstractEventLoop]) -> None:
        started.set_result(asyncio.get_running_loop())
        await self._end.wait()
        # Calls and streams are closed here, because afterwards anyio cancels everything, including the
        # requests that stop runs.
        ending = list(self._tasks)
        for task in ending:
            task.cancel()
        ending += [self._start_task(one.aclose()) for one in list(self.open)]
        if ending:
            await asyncio.wait(ending, timeout=_CLEAN_UP)

    def _start_task(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start a task, and keep a reference until it ends: the event loop keeps only weak references."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _wait(self, done: threading.Event) -> None:
        if sys.platform == "win32":  # On Windows, a wait without a timeout ignores Ctrl-C.
            while not done.wait(0.1):
                pass
        else:
            done.wait()
        if self._is_ending:
            _at_exit()


def _at_exit() -> NoReturn:
    """End a call when the process exits: an exception in a daemon thread would only cause noise."""
    if threading.current_thread().daemon:
        threading.Event().wait()
    raise ConfigurationError("the process is exiting, so no further calls are possible")


_bridge = Bridge()


def current() -> Bridge:
    """Return the bridge of this process."""
    return _bridge


def _forget() -> Bridge:
    global _bridge
    inherited, _bridge = _bridge, Bridge()
    return inherited


forget_in_forked_children(_forget)
atexit.register(lambda: current().end())
