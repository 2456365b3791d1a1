"""Measure one client in one discipline, in this process, and print the result as JSON.

    python -m benchmarks._worker DISCIPLINE CLIENT BASE_URL SIZE

Each measurement has its own process, so that the imports, caches and garbage of one do not affect another.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time

from benchmarks import _disciplines
from benchmarks._disciplines import Discipline, Measured
from benchmarks.clients import ClientModule, load


def measure(discipline: Discipline, module: ClientModule, base_url: str, size: int) -> Measured:
    """Measure a client in this process."""

    async def run() -> Measured:
        assert discipline.measure is not None
        async with module.connect(base_url, discipline.width) as client:
            return await discipline.measure(client, size, base_url)

    if discipline.measure_blocking is not None:
        with module.connect_blocking(base_url) as client:
            return discipline.measure_blocking(client, size, base_url)
    if discipline.measure is not None:
        return asyncio.run(run())
    wall, cpu = time.perf_counter(), time.process_time()
    exec(compile(module.IMPORT, "program", "exec"), {})
    return Measured((time.process_time() - cpu) * 1e3, time.perf_counter() - wall)


def main() -> None:
    name, client, base_url, size = sys.argv[1:]
    for variable in [variable for variable in os.environ if variable.lower().endswith("_proxy")]:
        del os.environ[variable]  # Some libraries always use the proxy, even for 127.0.0.1.
    measured = measure(_disciplines.by_name(name), load(client), base_url, int(size))
    print(json.dumps(measured._asdict()))


if __name__ == "__main__":
    main()
