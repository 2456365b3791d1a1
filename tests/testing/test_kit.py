"""The test kit in suites of users: pytest, pytest-asyncio, anyio, unittest, xdist, and without a runner."""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from dify_async import AppClient, errors, sync
from dify_async.models import Usage
from dify_async.testing import Chat, Completion, FakeDify, Node, Workflow

USAGE = Usage(prompt_tokens=12, completion_tokens=30, total_price=Decimal("0.00042"), currency="EUR")


# Fixtures


def test_each_kind_of_app_has_a_fixture(
    fake_workflow: FakeDify,
    fake_chatflow: FakeDify,
    fake_chat: FakeDify,
    fake_agent: FakeDify,
    fake_completion: FakeDify,
) -> None:
    modes = {"workflow": fake_workflow, "advanced-chat": fake_chatflow, "chat": fake_chat}
    for mode, dify in {**modes, "agent-chat": fake_agent, "completion": fake_completion}.items():
        with dify.sync_client("bob") as client:
            assert client.app.info().mode == mode


@pytest.mark.fake_dify(app=Chat(answer="Yes"))
def test_a_marker_describes_the_app(fake_chat: FakeDify, sync_dify_client: sync.AppClient) -> None:
    assert fake_chat.sync_client().chat.send("Well?").answer == "Yes"
    assert sync_dify_client.chat.send("Well?").answer == "Yes"


async def test_web_clients(fake_chat: FakeDify) -> None:
    async with fake_chat.web_client("visitor") as client:
        assert (await client.chat.send("hi")).answer == "Hello, world"
    assert fake_chat.messages[0].user == "visitor"


def test_blocking_web_clients(fake_chat: FakeDify) -> None:
    with fake_chat.sync_web_client() as client:
        assert client.chat.send("hi").answer == "Hello, world"


# Assertions


async def test_requests_are_found_by_their_operation(client: AppClient, fake_dify: FakeDify) -> None:
    await client.app.parameters()
    await client.workflows.run({"city": "Lisbon"}, user="a b")
    assert [one.method for one in fake_dify.requests.to("/parameters")] == ["GET"]
    (run,) = fake_dify.requests.to("POST /workflows/run")
    assert run.json()["inputs"] == {"city": "Lisbon"}
    assert run.headers["authorization"] == run.headers["Authorization"] == f"Bearer {fake_dify.api_key}"
    await client.request("GET", "/info", params={"user": "a b"})
    assert fake_dify.requests[-1].query == {"user": "a b"}
    with pytest.raises(errors.ConfigurationError, match=r"the body of GET /v1/info.* must be JSON, got b''"):
        fake_dify.requests[-1].json()


def test_a_record_that_is_missing_is_named(fake_dify: FakeDify) -> None:
    with pytest.raises(IndexError, match="no record at position 0: there are 0"):
        _ = fake_dify.runs[0]


# Usage


@pytest.mark.parametrize("app", [Chat(usage=USAGE), Chat(mode="agent-chat", usage=USAGE)])
async def test_the_usage_of_a_chat(client: AppClient, fake_dify: FakeDify, app: Chat) -> None:
    fake_dify.app = app
    usage = (await client.chat.send("hi")).usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (12, 30, 42)
    assert (usage.total_price, usage.currency) == (Decimal("0.00042"), "EUR")


async def test_the_usage_of_a_completion(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.app = Completion(usage=USAGE)
    usage = (await client.completions.create({})).usage
    assert usage is not None
    assert usage.total_price == Decimal("0.00042")


@pytest.mark.parametrize("mode", ["workflow", "advanced-chat"])
async def test_the_usage_of_nodes(client: AppClient, fake_dify: FakeDify, mode: str) -> None:
    nodes = [Node("A", type="llm", usage=USAGE), Node("B", tokens=3), Node("C", usage=USAGE)]
    fake_dify.app = Workflow(mode=mode, nodes=nodes)
    if mode == "workflow":
        result = await client.workflows.run({})
        assert (result.total_tokens, result.total_price) == (87, Decimal("0.00084"))
        return
    answer = await client.chat.send("hi")
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (24, 63)
    assert (answer.usage.total_tokens, answer.usage.total_price) == (87, Decimal("0.00084"))


def test_a_usage_is_checked() -> None:
    with pytest.raises(
        errors.ConfigurationError, match=r"`usage` must be a dify_async.models.Usage, got dict"
    ):
        Chat(usage={"prompt_tokens": 3})  # type: ignore[arg-type]


# Other runners

PYTEST = """
import pytest

pytest_plugins = ["dify_async.testing"]


@pytest.mark.asyncio
async def test_asyncio(dify_client, fake_dify):
    await dify_client.workflows.run({"a": 1})
    assert fake_dify.runs[0].inputs == {"a": 1}


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_anyio(dify_client, fake_dify, anyio_backend):
    async with dify_client:
        await dify_client.workflows.run({"a": 1})
    assert fake_dify.runs_started == 1


@pytest.mark.parametrize("number", range(4))
def test_blocking(sync_dify_client, fake_dify, number):
    sync_dify_client.workflows.run({"number": number})
    assert [run.inputs for run in fake_dify.runs.values()] == [{"number": number}]
"""

UNITTEST = """
import sys
import unittest

sys.modules["pytest"] = None  # It is not installed.

from dify_async.testing import FakeDify


class BlockingTest(unittest.TestCase):
    def setUp(self):
        self.dify = self.enterContext(FakeDify(tail=0))
        self.client = self.enterContext(self.dify.sync_client())

    def test_run(self):
        self.client.workflows.run({"a": 1})
        self.assertEqual(self.dify.runs[0].inputs, {"a": 1})


class AsyncTest(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.dify = self.enterContext(FakeDify(tail=0))
        self.client = await self.enterAsyncContext(self.dify.client())

    async def test_run(self):
        await self.client.workflows.run({"a": 1})
        self.assertEqual(self.dify.runs[0].inputs, {"a": 1})


if __name__ == "__main__":
    dify = FakeDify(tail=0).start()
    dify.sync_client().workflows.run({"a": 1})  # Without a runner.
    dify.close()
    print(len(dify.runs))
    unittest.main()
"""


def python(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-W", "error", *arguments]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # Plugins take time to load.
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_pytest_with_xdist(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(PYTEST)
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2"]
    command += ["-p", "xdist.plugin", "-p", "anyio", "-p", "pytest_asyncio.plugin"]
    command += ["-o", "asyncio_default_fixture_loop_scope=function"]
    assert "6 passed" in python(tmp_path, *command, "test_it.py")


def test_unittest_and_plain_scripts(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(UNITTEST)
    output = python(tmp_path, "test_it.py")
    assert output.startswith("1\n")
    assert "Ran 2 tests" in output
