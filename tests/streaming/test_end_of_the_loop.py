"""Event loops that end while streams are open leave no coroutine that was never awaited."""

from __future__ import annotations

import sys

import pytest

from dify_async.testing import FakeDify, Node, Workflow
from tests.support.limits import HANGS_AFTER
from tests.support.processes import running

PROGRAM = """
import asyncio, gc
from dify_async import AppClient

client = AppClient()
begun = asyncio.Semaphore(0)

async def read():
    async with client.workflows.stream({}) as run:
        async for _ in run:
            begun.release()
            await asyncio.Event().wait()

async def main():
    global tasks
    tasks = [asyncio.create_task(read()) for _ in range(20)]
    for _ in tasks:
        await begun.acquire()

"""

ENDS = {
    "asyncio.run": "asyncio.run(main())",
    "by hand": "loop = asyncio.new_event_loop(); loop.run_until_complete(main()); loop.close()",
}


@pytest.mark.parametrize("end", ENDS)
def test_open_streams_leave_no_coroutine_behind(fake_dify: FakeDify, end: str) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=10 * HANGS_AFTER)])
    environment = {
        "DIFY_API_KEY": fake_dify.api_key,
        "DIFY_BASE_URL": fake_dify.base_url,
        "DIFY_USER": "ada",
    }
    program = f"{PROGRAM}\n{ENDS[end]}\ntasks.clear()\ngc.collect()\n"
    with running([sys.executable, "-W", "always", "-c", program], environment) as process:
        _, stderr = process.communicate(timeout=HANGS_AFTER)
    assert process.returncode == 0
    assert "was never awaited" not in stderr
    assert fake_dify.runs_started == 20
    if end == "asyncio.run":
        assert stderr == ""
        assert fake_dify.runs_stopped == 20
