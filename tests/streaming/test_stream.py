"""Reading and leaving streams."""

from __future__ import annotations

import asyncio

import pytest

from dify_async import AppClient, EventStream, errors, events
from dify_async.events import WorkflowEvent
from dify_async.models import WorkflowResult
from dify_async.testing import Cut, FakeDify, Field, Node, Refuse, Workflow
from tests.support.clients import app_client
from tests.support.faults import GONE

SLOW = Workflow(nodes=[Node("Start"), Node("Slow", seconds=60)])


async def test_a_stream_outside_its_block_is_an_error_with_a_hint(client: AppClient) -> None:
    stream = client.workflows.stream({})
    for use in (stream.__anext__, stream.result):
        with pytest.raises(TypeError, match="async with"):
            await use()
    for touch in (lambda: stream.text, stream.__aiter__):
        with pytest.raises(TypeError, match="async with"):
            touch()
    with pytest.raises(TypeError, match="async with"):
        with stream:
            pass
    with pytest.raises(TypeError, match="async with"):
        await stream


async def test_a_stream_is_entered_once(client: AppClient) -> None:
    stream = client.workflows.stream({})
    async with stream:
        await stream.result()
    with pytest.raises(TypeError, match="entered only once"):
        await stream.__aenter__()


async def test_iteration_can_continue_after_a_break(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("One"), Node("Two", text=["a", "b"])])
    names: list[str] = []
    async with client.workflows.stream({}) as run:
        while not names or names[-1] != "workflow_finished":
            async for event in run:
                names.append(event.event)
                break
    (played,) = fake_dify.runs.values()
    assert names == [event["event"] for event in played.events]


async def test_result_reads_the_stream(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(outputs={"x": 1})
    async with client.workflows.stream({}) as run:
        first = await run.result()
        assert [event async for event in run] == []
    assert first.outputs == (await run.result()).outputs == {"x": 1}


async def test_the_ids_are_known_as_soon_as_they_are_reported(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = SLOW
    async with client.workflows.stream({}) as run:
        assert (run.run_id, run.task_id, run.handle) == (None, None, None)
        await anext(run)
        (played,) = fake_dify.runs.values()
        assert (run.run_id, run.task_id) == (played.id, played.task_id)
        assert run.handle is not None
        run.detach()


async def test_an_error_event_is_delivered_and_then_raised(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(form=[Field("name", required=True)])
    seen: list[WorkflowEvent] = []
    with pytest.raises(errors.RunRejected):
        async with client.workflows.stream({}) as run:
            async for event in run:
                seen.append(event)
    (error,) = seen
    assert isinstance(error, events.ErrorEvent)
    assert (error.status, error.code) == (500, None)


async def test_events_before_a_cut_are_delivered_and_then_the_cut_is_reported(
    client: AppClient, fake_dify: FakeDify
) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("One", text=["a", "b", "c"])])
    fake_dify.faults += [Cut(after_events=4), GONE]
    names: list[str] = []
    with pytest.raises(errors.StreamInterrupted) as caught:
        async with client.workflows.stream({}) as run:
            async for event in run:
                names.append(event.event)
    assert names == ["workflow_started", "node_started", "text_chunk", "text_chunk"]
    assert isinstance(caught.value.partial, WorkflowResult)
    assert caught.value.partial.workflow_run_id == run.run_id


async def test_a_rejected_run_is_not_stopped(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.published = False
    with pytest.raises(errors.InvalidParam, match="Workflow not published"):
        async with client.workflows.stream({}):
            pytest.fail("a rejected stream was entered")
    assert len(fake_dify.requests) == 1


async def test_max_concurrent_limits_runs_only(fake_dify: FakeDify) -> None:
    fake_dify.workflow = SLOW
    async with app_client(fake_dify, max_concurrent=1) as client:
        async with client.workflows.stream({}) as run:
            await anext(run)
            waiting = asyncio.create_task(client.workflows.run({}))
            assert run.run_id is not None
            assert (await client.workflows.get(run.run_id)).status == "running"
            assert fake_dify.runs_started == 1
            fake_dify.workflow = Workflow(outputs={"x": 1})
        assert (await waiting).outputs == {"x": 1}


async def test_a_slot_is_free_as_soon_as_the_run_has_ended(fake_dify: FakeDify) -> None:
    async with app_client(fake_dify, max_concurrent=1) as client, client.workflows.stream({}) as first:
        await first.result()
        second = await client.workflows.run({})
    assert second.status == "succeeded"


async def test_a_limiter_is_entered_for_every_run(fake_dify: FakeDify) -> None:
    held: list[str] = []

    class Limit:
        async def __aenter__(self) -> None:
            held.append("in")

        async def __aexit__(self, *_: object) -> None:
            held.append("out")

    async with app_client(fake_dify, limiter=Limit) as client:
        await client.workflows.run({})
        await client.workflows.run({}, response_mode="blocking")
        await client.app.info()
    assert held == ["in", "out", "in", "out"]


async def test_an_event_over_the_limit_is_reported(fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Big", text=["x" * 5000])])
    async with app_client(fake_dify, max_event_bytes=3000) as client:
        with pytest.raises(errors.TooLarge) as caught:
            await client.workflows.run({})
    assert caught.value.limit == 3000
    assert caught.value.operation == "POST /workflows/run"


async def test_an_event_of_two_megabytes_arrives(client: AppClient, fake_dify: FakeDify) -> None:
    text = "你好 " * 300_000
    fake_dify.workflow = Workflow(nodes=[Node("Big", text=[text])], outputs={"text": text})
    result = await client.workflows.run({})
    assert result.outputs == {"text": text}


async def test_a_response_that_is_not_a_stream_is_a_decodeerror(
    client: AppClient, fake_dify: FakeDify
) -> None:
    fake_dify.faults.append(Refuse(status=200, body=b"<html><title>Dify</title></html>"))
    with pytest.raises(errors.DecodeError, match="base_url") as caught:
        await client.workflows.run({})
    assert b"<html>" in caught.value.raw


async def test_concurrent_streams_leave_no_resources_open(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("A", text=["x"] * 5, seconds=0.1)], outputs={"ok": 1})
    results = await asyncio.gather(*(client.workflows.run({"n": n}) for n in range(50)))
    assert [result.outputs for result in results] == [{"ok": 1}] * 50
    assert fake_dify.runs_started == 50
    assert fake_dify.wait_for(lambda: fake_dify.open_sockets == 0)


async def test_events_are_typed(client: AppClient) -> None:
    stream = client.workflows.stream({})
    assert isinstance(stream, EventStream)
    async with stream as run:
        kinds = {type(event) for event in [event async for event in run]}
    assert kinds == {
        events.WorkflowStarted,
        events.NodeStarted,
        events.TextChunk,
        events.NodeFinished,
        events.WorkflowFinished,
    }


async def test_an_event_over_the_limit_before_a_break_is_reported_with_its_call(fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Big", text=["x" * 5000])])
    fake_dify.faults.append(Cut(after_events=3))
    async with app_client(fake_dify, max_event_bytes=3000, on_abandon="detach") as client:
        with pytest.raises(errors.TooLarge) as caught:
            async with client.workflows.stream({}) as run:
                # Everything has arrived, and the connection has closed, before the first event is read.
                assert await asyncio.to_thread(fake_dify.wait_for, lambda: fake_dify.open_sockets == 0)
                await run.result()
    assert caught.value.operation == "POST /workflows/run"
