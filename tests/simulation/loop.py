"""An event loop without sockets, whose clock jumps to the next timer when there is nothing else to do."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

_MOST_STEPS: Final = 30_000
"""Steps of one simulated life; more are an endless loop."""


class Stuck(Exception):
    """The program waits for an event that never happens, or runs forever."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Deterministic: the same program takes the same steps, and an hour takes no time."""

    def __init__(self, now: float = 1000.0) -> None:
        super().__init__()
        self._selector = self  # `select` is called once in each step.
        self._clock_resolution = 1e-9
        self._now = now
        self._at_step: dict[int, list[Callable[[], object]]] = defaultdict(list)
        self.steps = 0
        """Steps so far: orders what happens at the same time."""
        self.complaints: list[str] = []
        """What asyncio would have logged, such as exceptions that were never retrieved."""
        self.set_exception_handler(self._complain)

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._now

    def at_step(self, step: int, callback: Callable[[], object]) -> None:
        """Call a function between two steps of the event loop."""
        self._at_step[step].append(callback)

    def select(self, timeout: float | None) -> tuple[()]:
        """Let time pass until the next timer, in place of waiting for sockets."""
        self.steps += 1
        if self.steps in self._at_step:
            for callback in self._at_step.pop(self.steps):
                callback()
            return ()
        if timeout is None:
            raise Stuck("all tasks wait, and nothing will wake them")
        if self.steps > _MOST_STEPS:
            raise Stuck(f"more than {_MOST_STEPS} steps")
        self._now += timeout
        return ()

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        """Call a function at once: no threads."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as exc:
            future.set_exception(exc)
        return future

    def end(self) -> None:
        """End the loop as `asyncio.run` does: cancel all tasks, wait for them, and close all generators."""
        with suppress(RuntimeError):  # A task that ended meanwhile may have requested another stop.
            self.run_until_complete(asyncio.sleep(0))
        tasks = asyncio.all_tasks(self)
        for task in tasks:
            task.cancel()
        if tasks:
            self.run_until_complete(asyncio.wait(tasks))
        self.run_until_complete(self.shutdown_asyncgens())

    def _process_events(self, event_list: object) -> None:
        """Do nothing: there are no sockets."""

    def _write_to_self(self) -> None:
        """Do nothing: there is no other thread."""

    def _complain(self, _: object, context: dict[str, Any]) -> None:
        self.complaints.append(f"{context['message']}: {context.get('exception')!r}")
