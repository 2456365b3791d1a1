"""Follow many streams at once for some seconds, in this process, and print what it cost as JSON.

    python -m benchmarks._growth_worker CLIENT LOOP BASE_URL STREAMS RATE SECONDS [CORE]

LOOP is `asyncio` or `uvloop`. With CORE, the process runs on that core only, where the system can do so.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import sys
import time
from typing import Any, Final

from benchmarks._disciplines import Held, release, resident
from benchmarks.clients import load

_SETTLE: Final = 0.3
"""Seconds between the first event and the start of the measurement."""


async def follow(client_name: str, base_url: str, streams: int, rate: int, seconds: float) -> dict[str, Any]:
    """Open the streams, let them run, and return the figures of the time between."""
    delays: list[float] = []

    def on_text(text: str) -> None:
        delays.append(time.monotonic() - float(text))

    # The streams go on beyond the measurement; this process ends without reading the rest.
    settle = _SETTLE + 1 / rate
    events = int(rate * (seconds + settle) * 4) + 100
    async with load(client_name).connect(base_url, streams) as client:
        before = resident()
        held = Held(client, {"events": events, "rate": rate}, streams)
        await held.open(on_text)
        gc.collect()
        memory = (resident() - before) / streams / 1024
        await asyncio.to_thread(release, base_url)
        while not delays:  # noqa: ASYNC110 - setting an event for each text would be measured too
            await asyncio.sleep(0.01)
        await asyncio.sleep(settle)
        delays.clear()
        wall, cpu = time.perf_counter(), time.process_time()
        await asyncio.sleep(seconds)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        arrived = len(delays)
        delays.sort()
        found = {
            "offered": streams * rate,
            "arrived": round(arrived / wall),
            "cpu": round(cpu / wall, 4),
            "cpu per event": round(cpu / arrived * 1e6, 2) if arrived else None,
            "p50": round(delays[arrived // 2] * 1e3, 3) if arrived else None,
            "p99": round(delays[arrived * 99 // 100] * 1e3, 3) if arrived else None,
            "memory": round(memory, 1),
        }
        print(json.dumps(found), flush=True)
        os._exit(0)  # Closing the streams is not part of the measurement.


def main() -> None:
    client_name, loop, base_url, streams, rate, seconds, *core = sys.argv[1:]
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    if core and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(core[0])})
    work = follow(client_name, base_url, int(streams), int(rate), float(seconds))
    if loop == "uvloop":
        import uvloop  # noqa: PLC0415 - the other measurements are without it

        uvloop.run(work)
    else:
        asyncio.run(work)


if __name__ == "__main__":
    main()
