"""Check that memory, files, tasks and objects do not grow over many runs, or during a very long one.

    python -m benchmarks.soak [--runs 200000] [--at-once 50] [--events 1000000]

First many short runs, then one stream. After each tenth of the work, the memory, open files, tasks and
objects of the process are printed. They must not grow after the first tenth. The server runs in a
separate process.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks._disciplines import resident
from benchmarks._server import server
from dify_async import AppClient

SHORT: Final = 5
"""Events of a short run."""

_GROWTH: Final = 16 * 2**20
"""Maximum growth of the process in bytes: memory that its allocator does not return to the system."""


class Held(NamedTuple):
    """The resources that the process uses."""

    bytes: int
    files: int
    tasks: int
    objects: int

    @classmethod
    def now(cls) -> Held:
        """Return the resources in use now. Works on Linux only, because it reads `/proc`."""
        held = resident()  # After a garbage collection.
        files = sum(1 for _ in Path("/proc/self/fd").iterdir())
        return cls(held, files, len(asyncio.all_tasks()), len(gc.get_objects()))


class Watch:
    """Prints the resources in use during the work, and checks them at the end."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._began = time.perf_counter()
        self._held: list[Held] = []
        print(f"\n{unit:>12}{'MiB':>10}{'files':>8}{'tasks':>8}{'objects':>10}{'seconds':>10}")

    def look(self, done: int) -> None:
        """Record and print the resources in use after `done` units of work."""
        held = Held.now()
        self._held.append(held)
        took = time.perf_counter() - self._began
        counts = f"{held.files:>8}{held.tasks:>8}{held.objects:>10}"
        print(f"{done:>12}{held.bytes / 2**20:>10.1f}{counts}{took:>10.1f}", flush=True)

    def judge(self) -> bool:
        """Return True if the resources in use have not grown since the first tenth."""
        first, last = self._held[0], self._held[-1]
        good = (
            last.bytes - first.bytes <= _GROWTH
            and last.files <= first.files
            and last.tasks <= first.tasks
            and last.objects - first.objects <= 1000
        )
        print(f"{'PASS' if good else 'FAIL'}  {self._unit}: as much is held at the end as after a tenth")
        return good


async def short_runs(client: AppClient, runs: int, at_once: int) -> bool:
    """Run many short runs, `at_once` at a time."""
    watch = Watch("runs")

    async def lane(numbers: Iterator[int]) -> None:
        for _ in numbers:
            result = await client.workflows.run({"events": SHORT})
            if result.total_tokens != 27:
                raise RuntimeError("a run's result is not what the server sent")

    for tenth in range(1, 11):
        numbers = iter(range(runs // 10))
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(lane(numbers))
        watch.look(tenth * (runs // 10))
    return watch.judge()


async def one_stream(client: AppClient, events: int) -> bool:
    """Read one stream of many events."""
    watch = Watch("events")
    async with client.workflows.stream({"events": events}) as run:
        for number in itertools.count(1):
            if await anext(run, None) is None:
                break
            if number % (events // 10) == 0:
                watch.look(number)
        if number != events + 1:
            raise RuntimeError(f"{number - 1} events came of {events}")
    return watch.judge()


async def soak(base_url: str, runs: int, at_once: int, events: int) -> bool:
    """Run both parts, one after the other."""
    async with AppClient("app-bench", user="bench", base_url=base_url) as client:
        good = await short_runs(client, runs, at_once) if runs else True
        return (await one_stream(client, events) if events else True) and good


def main() -> int:
    """Run the benchmark with the options of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=200_000)
    parser.add_argument("--at-once", type=int, default=50)
    parser.add_argument("--events", type=int, default=1_000_000)
    asked = parser.parse_args()
    with server(sys.executable) as base_url:
        return 0 if asyncio.run(soak(base_url, asked.runs, asked.at_once, asked.events)) else 1


if __name__ == "__main__":
    sys.exit(main())
