"""What is measured: a table of disciplines, and how each one is measured with a client.

A measurement runs in a process of its own, see `benchmarks._worker`. Nothing before the warm-up is measured.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import statistics
import sys
import time
import urllib.request
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks import _content
from benchmarks.clients import BlockingClient, Client, Inputs

_PAGE: Final = 4096
_RATE: Final = 200


class Measured(NamedTuple):
    """One measurement of one client."""

    value: float
    """In the unit of the discipline."""
    wall: float
    """Seconds that the whole work took."""
    seen: int = 0
    """Events, calls or rows that arrived."""
    expected: int = 0
    extra: dict[str, float] = {}  # noqa: RUF012 - never changed
    """More figures, by name."""


class Counter:
    """Counts pieces of text, their characters, and the time of the first."""

    def __init__(self) -> None:
        self.texts = 0
        self.first = 0.0

    def add(self, text: str) -> None:  # noqa: ARG002
        if not self.texts:
            self.first = time.perf_counter()
        self.texts += 1


def texts_of(events: int) -> int:
    """Return the number of `text_chunk` events in a run."""
    return sum(_content.is_text(place, events) for place in range(events))


def _run_id(number: int) -> str:
    # A different run each time, as in real use: a repeated URL would be served from a cache.
    return f"{_content.RUN_ID[:-6]}{number:06d}"


class _Stopwatch:
    def __init__(self) -> None:
        gc.collect()
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def per(self, units: int, scale: float = 1e6) -> tuple[float, float]:
        """Return the CPU time for one unit, and the seconds that all of them took."""
        cpu, wall = time.process_time() - self._cpu, time.perf_counter() - self._wall
        return cpu / units * scale, wall


def _check_texts(found: int, events: int) -> None:
    if found != texts_of(events):
        raise RuntimeError(f"{found} texts arrived of {texts_of(events)}")


async def decode(client: Client, size: int, _: str) -> Measured:
    """Read one stream of many events, sent as fast as the client reads."""
    counter = Counter()
    await client.stream({"events": 200}, Counter().add)
    watch = _Stopwatch()
    seen = await client.stream({"events": size}, counter.add)
    cpu, wall = watch.per(size)
    if seen == size:
        _check_texts(counter.texts, size)
    return Measured(cpu, wall, seen, size)


def blocking_stream(client: BlockingClient, size: int, _: str) -> Measured:
    """Do the same as `decode` without `await`."""
    counter = Counter()
    client.stream({"events": 200}, Counter().add)
    watch = _Stopwatch()
    seen = client.stream({"events": size}, counter.add)
    cpu, wall = watch.per(size)
    if seen == size:
        _check_texts(counter.texts, size)
    return Measured(cpu, wall, seen, size)


async def _calls(client: Client, size: int, width: int) -> Measured:
    seen = 0

    async def work(count: int) -> int:
        todo = iter(range(count))
        good = 0

        async def lane() -> None:
            nonlocal good
            for number in todo:
                found = await client.get(_run_id(number))
                good += found is None or found == _run_id(number)

        await asyncio.gather(*(lane() for _ in range(width)))
        return good

    await work(200)
    watch = _Stopwatch()
    seen = await work(size)
    cpu, wall = watch.per(size)
    return Measured(cpu, wall, seen, size)


async def calls(client: Client, size: int, _: str) -> Measured:
    """Fetch runs one after the other."""
    return await _calls(client, size, 1)


async def calls_at_once(client: Client, size: int, _: str) -> Measured:
    """Fetch runs, 64 at once."""
    return await _calls(client, size, 64)


def blocking_calls(client: BlockingClient, size: int, _: str) -> Measured:
    """Do the same as `calls` without `await`."""
    for number in range(200):
        client.get(_run_id(number))
    watch = _Stopwatch()
    seen = 0
    for number in range(size):
        found = client.get(_run_id(number))
        seen += found is None or found == _run_id(number)
    cpu, wall = watch.per(size)
    return Measured(cpu, wall, seen, size)


async def fan_out(client: Client, size: int, _: str) -> Measured:
    """Follow many streams of 50 events at once, each with 200 events per second."""
    inputs = {"events": 50, "rate": _RATE}

    async def work(streams: int) -> int:
        return sum(await asyncio.gather(*(client.stream(inputs, Counter().add) for _ in range(streams))))

    await work(20)
    watch = _Stopwatch()
    seen = await work(size)
    cpu, wall = watch.per(size * 50)
    return Measured(cpu, wall, seen, size * 50)


async def first_text(client: Client, size: int, _: str) -> Measured:
    """Measure the time from the call until the first text of a run arrives, in runs one after the other."""
    inputs: Inputs = {"events": 10, "rate": 1_000}
    times: list[float] = []
    for number in range(size + 10):
        counter = Counter()
        began = time.perf_counter()
        await client.stream(inputs, counter.add)
        if number >= 10:
            times.append((counter.first - began) * 1e3)
    times.sort()
    p99 = times[len(times) * 99 // 100]
    return Measured(statistics.median(times), sum(times) / 1e3, size, size, {"p99": p99})


def resident() -> int:
    """Return the memory of this process in bytes. Works on Linux only, because it reads `/proc`."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * _PAGE


def peak() -> int:
    """Return the largest memory of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def release(base_url: str) -> None:
    """Let the server continue the runs it holds."""
    request = urllib.request.Request(f"{base_url}/release", method="POST")
    urllib.request.urlopen(request).close()


class Held:
    """Streams that have all received their first text, and wait for more."""

    def __init__(self, client: Client, inputs: Inputs, streams: int) -> None:
        self._inputs = {**inputs, "hold": True}
        self._client = client
        self._waiting = streams
        self._all_open = asyncio.Event()
        self._streams = streams
        self._tasks: list[asyncio.Task[int]] = []

    async def open(self, on_text: Callable[[str], None]) -> None:
        """Open all streams, and wait until each of them has its first text."""
        for _ in range(self._streams):
            self._tasks.append(asyncio.create_task(self._read(on_text)))
        opened = asyncio.create_task(self._all_open.wait())
        await asyncio.wait([opened, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in self._tasks:
            if task.done():
                await task
                raise RuntimeError("a stream ended before all were open")

    async def _read(self, on_text: Callable[[str], None]) -> int:
        texts = 0

        def count(text: str) -> None:
            nonlocal texts
            texts += 1
            if texts > 1:
                on_text(text)
                return
            self._waiting -= 1
            if self._waiting == 0:
                self._all_open.set()

        return await self._client.stream(self._inputs, count)

    async def finish(self) -> int:
        """Return the number of events of all streams, when they have ended."""
        return sum(await asyncio.gather(*self._tasks))


async def memory(client: Client, size: int, base_url: str) -> Measured:
    """Measure the growth of the process by open streams that wait for their next event."""
    inputs = {"events": 4, "rate": 1_000}
    await asyncio.gather(*(client.stream(inputs, Counter().add) for _ in range(10)))
    before, began = resident(), time.perf_counter()
    held = Held(client, inputs, size)
    await held.open(Counter().add)
    grown = resident() - before
    await asyncio.to_thread(release, base_url)
    seen = await held.finish()
    return Measured(grown / size / 1024, time.perf_counter() - began, seen, size * 4)


async def rows(client: Client, size: int, _: str) -> Measured:
    """Run many rows of 3 events, 50 at once: with `run_many`, or with 50 tasks in a loop."""
    inputs = {"events": 3}

    async def in_lanes(count: int, inputs: Inputs) -> int:
        todo = iter(range(count))
        good = 0

        async def lane() -> None:
            nonlocal good
            for _ in todo:
                events = await client.stream(inputs, Counter().add)
                good += events == inputs["events"]

        await asyncio.gather(*(lane() for _ in range(50)))
        return good

    run = client.rows or in_lanes
    await run(min(1_000, size), inputs)
    before = resident()
    watch = _Stopwatch()
    seen = await run(size, inputs)
    cpu, wall = watch.per(size)
    return Measured(cpu, wall, seen, size, {"grown MiB": (resident() - before) / 2**20})


async def large_event(client: Client, size: int, _: str) -> Measured:
    """Read one event of many megabytes."""
    await client.stream({"events": 3}, Counter().add)
    characters = 0

    def on_text(text: str) -> None:
        nonlocal characters
        characters += len(text)

    before = resident()
    watch = _Stopwatch()
    await client.stream({"events": 3, "size": size}, on_text)
    cpu, wall = watch.per(1, 1e3)
    return Measured(cpu, wall, characters, size // 17 * 17, {"peak MiB": (peak() - before) / 2**20})


class Discipline(NamedTuple):
    """Something that is measured for each client."""

    name: str
    title: str
    unit: str
    size: int
    quick_size: int
    measure: Callable[[Client, int, str], Coroutine[Any, Any, Measured]] | None = None
    measure_blocking: Callable[[BlockingClient, int, str], Measured] | None = None
    rounds: int = 7
    width: int = 1
    gate: float | None = None
    """dify_async may take this many times the value of the baseline. Wide: other work slows machines down."""


DISCIPLINES: Final = (
    Discipline("decode", "Stream", "µs CPU per event", 50_000, 5_000, decode, gate=1.7),
    Discipline("calls", "Calls, one after the other", "µs CPU per call", 2_000, 300, calls, gate=1.25),
    Discipline(
        "calls_at_once",
        "Calls, 64 at once",
        "µs CPU per call",
        2_000,
        300,
        calls_at_once,
        width=64,
        gate=1.25,
    ),
    Discipline(
        "fan_out", "500 streams at once", "µs CPU per event", 500, 50, fan_out, rounds=4, width=500, gate=1.25
    ),
    Discipline(
        "blocking_stream",
        "Stream, blocking",
        "µs CPU per event",
        50_000,
        5_000,
        measure_blocking=blocking_stream,
        gate=1.8,
    ),
    Discipline(
        "blocking_calls",
        "Calls, blocking",
        "µs CPU per call",
        2_000,
        300,
        measure_blocking=blocking_calls,
        gate=2.0,
    ),
    Discipline("imports", "Import", "ms CPU", 1, 1, rounds=11, gate=1.5),
    Discipline("first_text", "First text of a run", "ms, median", 100, 10, first_text, rounds=3),
    Discipline("memory", "Memory per open stream", "KiB", 500, 50, memory, rounds=3, width=500),
    Discipline("rows", "100,000 rows", "µs CPU per row", 100_000, 1_000, rows, rounds=1, width=50, gate=2.2),
    Discipline("large_event", "One event of 10 MB", "ms CPU", 10_000_000, 1_000_000, large_event, rounds=3),
)


def by_name(name: str) -> Discipline:
    """Return a discipline of the table."""
    return next(discipline for discipline in DISCIPLINES if discipline.name == name)
