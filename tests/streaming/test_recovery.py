"""Interrupted streams are recovered: the run is started once, and its result is correct."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from contextlib import AsyncExitStack
from typing import Final
from urllib.parse import urlsplit

import pytest

from dify_async import AppClient, RunHandle, Timeouts, errors, events
from dify_async._streaming import recovery
from dify_async.models import WorkflowResult
from dify_async.testing import Cut, Drop, FakeDify, Node, Refuse, Silence, Workflow
from tests.support.clock import frozen_time
from tests.support.faults import GONE
from tests.support.front import Break, front_of
from tests.support.limits import HANGS_AFTER

NODES = [Node("One", text=["a", "b"]), Node("Two", seconds=0.2, text=["c", "d"]), Node("Three")]
WORKFLOW = Workflow(nodes=NODES, outputs={"answer": "abcd"})
PAGE = b"<html><title>502 Bad Gateway</title></html>"


@pytest.fixture(autouse=True)
def workflow(fake_dify: FakeDify) -> None:
    fake_dify.workflow = WORKFLOW


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up on a run after a second instead of 21 minutes."""
    monkeypatch.setattr(recovery, "GIVE_UP_AFTER", 1.0)


def summary(event: events.Event) -> tuple[str, str]:
    data = getattr(event, "data", None)
    return event.event, getattr(data, "title", "") or getattr(data, "text", "")


@pytest.mark.parametrize("how", ["abort", "reset", "end"])
@pytest.mark.parametrize("after", [1, 3, 5])
async def test_an_interrupted_stream_is_recovered(
    client: AppClient, fake_dify: FakeDify, how: str, after: int
) -> None:
    fake_dify.faults.append(Cut(after_events=after, how=how))
    async with client.workflows.stream({}) as run:
        delivered = [summary(event) async for event in run]
        result = await run.result()
    (played,) = fake_dify.runs.values()
    assert (result.status, result.outputs, result.gap) == ("succeeded", {"answer": "abcd"}, True)
    assert (result.total_steps, result.task_id) == (3, played.task_id)
    assert [one for one in delivered if one[0].startswith(("node", "workflow"))] == [
        ("workflow_started", ""),
        *((name, title) for title in ("One", "Two", "Three") for name in ("node_started", "node_finished")),
        ("workflow_finished", ""),
    ], "each once, although a snapshot repeats them"
    assert (fake_dify.runs_started, fake_dify.runs_stopped) == (1, 0)


async def test_a_run_that_ended_during_the_interruption_is_complete(
    client: AppClient, fake_dify: FakeDify
) -> None:
    fake_dify.faults.append(Cut(after_events=9))
    async with client.workflows.stream({}) as run:
        names = [event.event async for event in run]
        assert (await run.result()).gap
    assert (len(names), names[-1]) == (10, "workflow_finished")


async def test_a_complete_stream_has_no_gap(client: AppClient) -> None:
    assert not (await client.workflows.run({})).gap


async def test_a_server_that_restarts(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.faults += [
        Cut(after_events=3),
        Drop(on="/events"),
        Refuse(status=502, body=PAGE, on="/workflows/run/"),
        Refuse(status=502, body=PAGE, on="/events"),
        Refuse(status=503, on="/workflows/run/"),
    ]
    result = await client.workflows.run({})
    assert (result.outputs, result.gap) == ({"answer": "abcd"}, True)
    assert fake_dify.runs_started == 1


async def test_a_run_that_cannot_be_attached_is_polled(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.faults += [Cut(after_events=3), Refuse(status=404, code="not_found", on="/events", times=9)]
    async with client.workflows.stream({}) as run:
        *_, last = [event async for event in run]
        result = await run.result()
    (played,) = fake_dify.runs.values()
    assert isinstance(last, events.WorkflowFinished)
    assert last.raw["id"] == played.id, "the record as received"
    assert (result.outputs, result.total_tokens, result.gap) == ({"answer": "abcd"}, 0, True)
    assert sum("/events" in seen.path for seen in fake_dify.requests) == 1, "a 404 is not retried"


async def test_a_failed_run_raises_also_if_its_end_was_polled(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[*NODES, Node("Boom", error="it broke")])
    for way_back in ([], [Refuse(status=404, code="not_found", on="/events", times=9)]):
        fake_dify.faults[:] = [Cut(after_events=3), *way_back]
        with pytest.raises(errors.RunFailed, match="it broke") as caught:
            await client.workflows.run({})
        assert isinstance(caught.value.result, WorkflowResult)
        assert caught.value.result.gap


async def test_a_pause_found_by_polling_has_its_form(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[*NODES, Node("Ask", form="Sure?")])
    fake_dify.faults.append(Cut(after_events=3))
    with pytest.raises(errors.RunPaused) as caught:
        await client.workflows.run({})
    assert isinstance(caught.value.result, WorkflowResult)
    assert caught.value.result.paused is not None
    assert caught.value.result.paused.forms[0].form_content == "Sure?"


@pytest.mark.usefixtures("hasty")
async def test_a_killed_worker_ends_in_time(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("One"), Node("Dead", seconds=1000)])
    fake_dify.ping_every = 0.1
    fake_dify.faults.append(Cut(after_events=3, how="end"))
    async with asyncio.timeout(HANGS_AFTER):
        with pytest.raises(errors.StreamInterrupted) as caught:
            await client.workflows.run({})
    (played,) = fake_dify.runs.values()
    assert caught.value.handle is not None
    assert caught.value.handle.run_id == played.id
    assert (played.status, played.stop_calls) == ("running", 0), "after an interruption nothing is stopped"


async def test_the_total_timeout_ends_the_recovery(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.faults += [Cut(after_events=3), Refuse(status=503, on="GET", times=99)]
    with frozen_time() as clock:
        async with client.workflows.stream({}, timeout=0.5) as run:
            for _ in range(3):
                await anext(run)
            search = asyncio.create_task(run.result())
            while not search.done():
                await clock.settle()
                clock.advance(0.01)
            with pytest.raises(errors.TotalTimeout) as caught:
                await search
    assert caught.value.handle is not None


async def test_an_early_exit_during_recovery_stops_the_run(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("One"), Node("Slow", seconds=60)])
    fake_dify.faults += [Cut(after_events=3), Refuse(status=503, on="GET", times=99)]
    task = asyncio.create_task(client.workflows.run({}))
    assert await asyncio.to_thread(fake_dify.wait_for, lambda: len(fake_dify.requests) > 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert fake_dify.runs_stopped == 1


async def test_a_silent_server_raises_idletimeout(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.faults.append(Silence(after_events=2))
    with pytest.raises(errors.IdleTimeout) as caught:
        await client.workflows.run({}, timeout=Timeouts(idle=0.3))
    assert caught.value.handle is not None


async def test_a_server_that_is_unreachable_for_a_while(fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(
        nodes=[Node("One", text=["a", "b"]), Node("Two", seconds=1.0), Node("Three")], outputs={"x": 1}
    )
    async with AsyncExitStack() as stack:
        async with front_of(fake_dify) as front:
            port = urlsplit(front.base_url).port
            assert port is not None
            client = AppClient(fake_dify.api_key, user="ada", base_url=front.base_url)
            run = await stack.enter_async_context(client.workflows.stream({}))
            await stack.enter_async_context(client)
            delivered = [await anext(run) for _ in range(3)]
        # Its connections are cut, and it rejects new ones.
        reading = asyncio.create_task(run.result())
        await asyncio.wait([reading], timeout=0.4)
        async with front_of(fake_dify, port) as front:
            # It restarts behind a proxy that does not know it yet.
            front.breaks += [Break("page", status=502)] * 3
            result = await reading
    assert (result.outputs, result.gap, len(delivered)) == ({"x": 1}, True, 3)
    assert (fake_dify.runs_started, fake_dify.runs_stopped) == (1, 0)


TAKES_UP: Final = """
import sys
from dify_async import RunHandle
from dify_async.sync import AppClient
with AppClient() as client:
    print(client.workflows.wait(RunHandle.from_json(sys.stdin.read())).outputs["answer"])
"""


async def test_a_handle_is_continued_by_another_process(client: AppClient, fake_dify: FakeDify) -> None:
    handle = await client.workflows.submit({})
    settings = {
        "DIFY_API_KEY": fake_dify.api_key,
        "DIFY_BASE_URL": fake_dify.base_url,
        "DIFY_USER": "somebody",
    }
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", TAKES_UP, stdin=PIPE, stdout=PIPE, env={**os.environ, **settings}
    )
    output, _ = await other.communicate(handle.to_json().encode())
    assert output.decode().strip() == "abcd"
    assert fake_dify.runs_started == 1


# Waiting for runs that were started elsewhere


async def test_wait_returns_the_result(client: AppClient, fake_dify: FakeDify) -> None:
    handle = RunHandle.from_json((await client.workflows.submit({})).to_json())
    result = await client.for_user("bob").workflows.wait(handle)
    assert (result.outputs, result.gap, result.handle) == ({"answer": "abcd"}, False, handle)
    assert (await client.workflows.wait(handle.run_id)).outputs == {"answer": "abcd"}, (
        "also for a finished run"
    )
    assert fake_dify.runs_started == 1


async def test_wait_continues_after_faults(client: AppClient, fake_dify: FakeDify) -> None:
    handle = await client.workflows.submit({})
    fake_dify.faults += [
        Cut(after_events=1, on="/events"),
        Drop(on="/workflows/run/", times=2),
        Cut(after_events=0, on="/events"),
    ]
    assert (await client.workflows.wait(handle)).outputs == {"answer": "abcd"}


async def test_waiting_for_an_unknown_run_is_an_error(client: AppClient, fake_dify: FakeDify) -> None:
    with pytest.raises(errors.NotFound):
        await client.workflows.wait("00000000-0000-0000-0000-000000000000")
    fake_dify.faults.append(GONE)
    handle = await client.workflows.submit({})
    with pytest.raises(errors.NotFound):
        await client.workflows.wait(handle)


async def test_cancelling_a_wait_does_not_stop_the_run(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("One"), Node("Slow", seconds=60)])
    handle = await client.workflows.submit({})
    with pytest.raises(errors.TotalTimeout):
        await client.workflows.wait(handle, timeout=0.3)
    (played,) = fake_dify.runs.values()
    assert (played.status, played.stop_calls) == ("running", 0)
