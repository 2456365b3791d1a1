"""A limit on the CPU time of a block of code."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest


@contextmanager
def limited_work(cpu_seconds: float) -> Iterator[None]:
    """Fail if a block needs more CPU time than this.

    For inputs so large that an algorithm of the wrong order needs many times the limit, and the right one a
    small part of it.
    """

    def stop(_: int, frame: FrameType | None) -> None:
        pytest.fail(f"more than {cpu_seconds} s of CPU time")

    previous = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)
