"""The blocking client in a notebook: a real kernel, whose event loop is always running."""

from __future__ import annotations

import queue
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

from dify_async.testing import FakeDify, Node, Workflow
from tests.support.limits import HANGS_AFTER


@pytest.fixture
def kernel() -> Iterator[Any]:
    manager = KernelManager()
    manager.kernel_spec.argv[0] = sys.executable  # type: ignore[union-attr]
    manager.start_kernel(extra_arguments=["--HistoryManager.enabled=False"])
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=HANGS_AFTER)
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=False)


def cell(kernel: Any, code: str) -> str:
    """Run a cell, and return its output."""
    printed: list[str] = []

    def note(message: dict[str, Any]) -> None:
        content = message["content"]
        if message["msg_type"] == "stream":
            printed.append(content["text"])
        elif message["msg_type"] == "error":
            printed.append("\n".join(content["traceback"]))

    try:
        kernel.execute_interactive(code, output_hook=note, timeout=HANGS_AFTER)
    except queue.Empty:
        pytest.fail(f"the cell did not end: {code}")
    return "".join(printed)


def test_blocking_clients_work_in_a_notebook(kernel: Any, fake_dify: FakeDify) -> None:
    head = f"""
import asyncio
from dify_async.sync import AppClient
client = AppClient({fake_dify.api_key!r}, user="ada", base_url={fake_dify.base_url!r})
print(asyncio.get_running_loop().is_running())
"""
    assert cell(kernel, head) == "True\n"
    assert cell(kernel, "print(client.workflows.run({'a': 1}).outputs)") == "{'a': 1}\n"
    stream = "with client.workflows.stream({}) as run:\n    print(''.join(run.text), run.result().status)"
    assert cell(kernel, stream) == "Hello, world succeeded\n"
    assert cell(kernel, "print(sum(1 for log in client.workflows.logs()))") == "2\n"
    assert cell(kernel, "print(await asyncio.sleep(0, 'the loop goes on'))") == "the loop goes on\n"
    fake_dify.workflow = Workflow(nodes=[Node("Boom", error="it broke")])
    assert "it broke" in cell(kernel, "client.workflows.run({})")
    signature = (
        "import inspect; print(inspect.signature(client.workflows.get), client.workflows.get.__doc__[:24])"
    )
    shown = cell(kernel, signature)
    assert "workflow_run_id" in shown
    assert "Return the server's" in shown
    assert cell(kernel, "client.close()") == ""
