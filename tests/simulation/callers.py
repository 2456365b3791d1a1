"""What callers do with the client, and what they observe."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import attrs
import pytest

from dify_async import AppClient, EventStream, RunHandle
from dify_async.sync import stream as blocking
from tests.simulation.loop import VirtualLoop
from tests.simulation.plans import CallPlan, LifePlan
from tests.simulation.server import Run


class Own(Exception):
    """An exception of the caller."""


@attrs.define
class Story:
    """One call, as its caller sees it."""

    number: int
    plan: CallPlan
    followed: Run | None = None
    """The run that the call is about, if it does not start one."""
    stream: EventStream[Any, Any] | None = None
    task: asyncio.Task[None] | None = None
    started_at: float | None = None
    events: list[tuple[int, Any]] = attrs.Factory(list)
    """With the step at which each was delivered."""
    result: Any = None
    handle: RunHandle | None = None
    error: BaseException | None = None
    inside: BaseException | None = None
    """What was raised inside of the block; leaving it may raise something else."""
    left: tuple[float, int] | None = None
    """Time and step at which the caller left the block."""
    interrupted: tuple[float, int] | None = None
    closing: tuple[float, int] | None = None
    """When another task called `aclose`."""
    closed_step: int | None = None
    detached_step: int | None = None
    ended: tuple[float, int] | None = None


class Bridge:
    """Runs the real blocking stream in the virtual loop instead of a thread."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.open: weakref.WeakSet[Any] = weakref.WeakSet()
        self._loop = loop
        self._task: asyncio.Task[Any] | None = None
        self._is_interrupted = False

    def call(self, function: Callable[..., Coroutine[Any, Any, Any]], *args: Any) -> Any:
        self._task = self._loop.create_task(function(*args))
        try:
            result = self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            if not self._is_interrupted:
                raise
        finally:
            self._task = None
        if self._is_interrupted:
            self._is_interrupted = False
            raise Own("interrupted")
        return result

    def post(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if not self._loop.is_closed():
            self._loop.create_task(function())

    def interrupt(self) -> bool:
        """Interrupt the call in progress, as Ctrl-C does; return False if there is none."""
        if self._task is None:
            return False
        self._is_interrupted = True
        self._task.cancel()
        return True

    @contextmanager
    def installed(self) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(blocking, "current", lambda: self)
            yield


class Limiter:
    """A custom limiter of runs. It may raise."""

    def __init__(self, plan: LifePlan) -> None:
        self._how = plan.limiter
        self.holders = 0

    @asynccontextmanager
    async def __call__(self) -> AsyncGenerator[None, None]:
        if self._how == "raises":
            raise Own("limiter")
        if self._how == "cancels":
            raise asyncio.CancelledError
        self.holders += 1
        try:
            yield
        finally:
            self.holders -= 1
            if self._how == "raises at the end":
                raise Own("limiter")


def open_stream(client: AppClient, story: Story) -> EventStream[Any, Any]:
    """Return the stream of a call."""
    plan = story.plan

    def on_ping() -> None:
        if plan.ping_raises:
            raise Own("ping")

    if plan.call == "attach":
        assert story.followed is not None
        return client.workflows.attach(story.followed.run_id, on_ping=on_ping, timeout=plan.total)
    return client.workflows.stream({"call": story.number}, on_ping=on_ping, timeout=plan.total)


async def make_call(client: AppClient, story: Story) -> None:
    """Make a call, and record its result."""
    loop: Any = asyncio.get_running_loop()
    plan = story.plan
    try:
        await asyncio.sleep(plan.after)
        story.started_at = loop.time()
        async with _timeout(story):
            if plan.call == "wait":
                assert story.followed is not None
                story.result = await client.workflows.wait(story.followed.run_id, timeout=plan.total)
            elif plan.call == "submit":
                inputs = {"call": story.number}
                story.handle = await client.workflows.submit(inputs, timeout=plan.total)
            else:
                await _read(open_stream(client, story), story)
    except BaseException as error:
        story.error = error
    finally:
        story.ended = (loop.time(), loop.steps)


@asynccontextmanager
async def _timeout(story: Story) -> AsyncGenerator[None, None]:
    loop: Any = asyncio.get_running_loop()
    seconds = story.plan.seconds if story.plan.interruption == "timeout" else None

    def note() -> None:
        story.interrupted = (loop.time(), loop.steps)

    timer = loop.call_later(seconds, note) if seconds is not None else None
    try:
        async with asyncio.timeout(seconds):
            yield
    finally:
        if timer is not None:
            timer.cancel()


async def _read(stream: EventStream[Any, Any], story: Story) -> None:
    loop: Any = asyncio.get_running_loop()
    plan = story.plan
    story.stream = stream
    async with stream as run:
        try:
            if plan.detaches:
                run.detach()
                story.detached_step = loop.steps
            if plan.call == "text":
                async for _ in run.text:
                    await asyncio.sleep(plan.pause)
            elif plan.call != "result":
                async for event in run:
                    story.events.append((loop.steps, event))
                    if plan.pause:
                        await asyncio.sleep(plan.pause)
                    if len(story.events) == plan.leaves_after:
                        if plan.leaves_by == "exception":
                            raise Own("caller")
                        return
            story.result = await run.result()
        except BaseException as error:
            story.inside = error
            raise
        finally:
            story.left = (loop.time(), loop.steps)


def make_blocking_call(client: AppClient, story: Story, bridge: Bridge, loop: VirtualLoop) -> None:
    """Make a call as blocking code does: between two calls there is no running event loop."""
    plan = story.plan
    story.started_at = loop.time()
    story.stream = open_stream(client, story)
    try:
        with bridge.installed(), blocking.EventStream(story.stream) as run:
            try:
                if plan.detaches:
                    run.detach()
                    story.detached_step = loop.steps
                for event in run:
                    story.events.append((loop.steps, event))
                    if plan.pause:
                        loop.run_until_complete(asyncio.sleep(plan.pause))
                    if len(story.events) == plan.leaves_after:
                        if plan.leaves_by == "exception":
                            raise Own("caller")
                        return
                story.result = run.result()
            except BaseException as error:
                story.inside = error
                raise
            finally:
                story.left = (loop.time(), loop.steps)
    except BaseException as error:
        error.__context__ = None  # Its frames would keep a reference to the stream.
        story.error = error.with_traceback(None)
    finally:
        story.ended = (loop.time(), loop.steps)
