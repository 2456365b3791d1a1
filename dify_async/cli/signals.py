"""Signals that end the command: Ctrl-C, SIGTERM (a stopped container or job), SIGHUP (a closed terminal).

Signals that the command was started to ignore, as by `nohup`, stay ignored.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final, NoReturn, TypeAlias, TypeVar

T = TypeVar("T")

_Handler: TypeAlias = Callable[[int, FrameType | None], object]

_SIGNALS: Final = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
_EXIT_CODE: Final = 128
"""The exit code of a command that a signal ended is this plus the signal's number, as in shells."""


class Interrupted(Exception):
    """A signal has ended the command."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = _EXIT_CODE + number


def exit_on_signals() -> None:
    """Exit at once on a signal: for the start, when there is nothing to clean up yet."""
    for number in _active():
        signal.signal(number, _exit)


def run_until_signal(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in an event loop; cancel it on a signal, so that it cleans up.

    Raises:
        Interrupted: A signal was received.
        KeyboardInterrupt: A second signal was received, before the coroutine had cleaned up.
    """
    return asyncio.run(_cancelled_by_signal(work))


@contextmanager
def raised_by_signals() -> Generator[None]:
    """Raise `Interrupted` on a signal, instead of cancelling the command: for calls that block its loop."""

    def interrupt(number: int, _frame: FrameType | None) -> NoReturn:
        raise Interrupted(number)

    with _handling(interrupt):
        yield


@contextmanager
def ctrl_c_cancels(task: asyncio.Task[Any]) -> Generator[None]:
    """Cancel a task on Ctrl-C, instead of the command; a second Ctrl-C raises `KeyboardInterrupt`."""
    loop = task.get_loop()
    pressed = False

    def cancel(_number: int, _frame: FrameType | None) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True
        loop.call_soon_threadsafe(task.cancel)

    with _handling(cancel, [signal.SIGINT]):
        yield


async def _cancelled_by_signal(work: Coroutine[Any, Any, T]) -> T:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    received: list[int] = []

    def cancel(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        if len(received) > 1:
            raise KeyboardInterrupt
        loop.call_soon_threadsafe(task.cancel)

    with _handling(cancel):
        try:
            return await work
        except BaseException:
            # Any exception: for example, writing to a closed terminal fails.
            if received:
                raise Interrupted(received[0]) from None
            raise


@contextmanager
def _handling(handler: _Handler, numbers: Sequence[int] = _SIGNALS) -> Generator[None]:
    before = {number: signal.signal(number, handler) for number in _active() if number in numbers}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous or signal.SIG_DFL)


def _active() -> list[int]:
    return [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN]


def _exit(number: int, _frame: FrameType | None) -> NoReturn:
    os._exit(_EXIT_CODE + number)
