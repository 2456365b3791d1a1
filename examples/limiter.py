"""Limit this machine to three runs at the same time, across all processes."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from dify_async import AppClient

SLOTS = [Path(tempfile.gettempdir()) / f"dify-{number}.lock" for number in range(3)]


@asynccontextmanager
async def a_slot() -> AsyncGenerator[None]:
    """Lock one of the files. The operating system releases the locks of a process that dies."""
    while True:
        for path in SLOTS:
            lock = FileLock(path, blocking=False)
            try:
                lock.acquire()
            except Timeout:
                continue
            try:
                yield
                return
            finally:
                lock.release()
        await asyncio.sleep(0.1)


async def main(cities: list[str]) -> None:
    async with AppClient(limiter=a_slot) as client:
        rows = [{"city": city} for city in cities]
        async with client.workflows.run_many(rows, concurrency=10) as batch:
            async for outcome in batch:
                print(outcome.row, outcome.status)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
