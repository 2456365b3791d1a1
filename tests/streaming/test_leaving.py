"""An early exit stops the run, and leaves no tasks or connections."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from dify_async import AppClient, EventStream, errors, events
from dify_async.events import WorkflowEvent
from dify_async.models import WorkflowResult
from dify_async.testing import Delay, FakeDify, Node, Silence, Workflow
from tests.support.clients import app_client
from tests.support.clock import frozen_time

SLOW = Workflow(nodes=[Node("Start"), Node("Slow", seconds=60)])


async def test_an_early_exit_stops_the_run(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = SLOW
    async with client.workflows.stream({}) as run:
        await anext(run)
    (played,) = fake_dify.runs.values()
    assert fake_dify.wait_for(lambda: played.over)
    assert (played.status, played.stop_calls) == ("stopped", 1)
    with pytest.raises(errors.ConfigurationError, match="closed before its end"):
        await run.result()


async def test_an_exception_stops_the_run_and_propagates(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = SLOW
    with pytest.raises(ZeroDivisionError):
        async with client.workflows.stream({}) as run:
            async for _ in run:
                _ = 1 / 0
    assert fake_dify.runs_stopped == 1


@pytest.mark.parametrize("how", ["policy", "call"])
async def test_a_detached_run_is_not_stopped(fake_dify: FakeDify, how: str) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=0.3)])
    async with app_client(fake_dify, on_abandon="detach" if how == "policy" else "stop") as client:
        async with client.workflows.stream({}) as run:
            await anext(run)
            if how == "call":
                run.detach()
    (played,) = fake_dify.runs.values()
    assert fake_dify.wait_for(lambda: played.over)
    assert (played.status, played.stop_calls) == ("succeeded", 0)


async def test_a_finished_run_is_not_stopped(client: AppClient, fake_dify: FakeDify) -> None:
    async with client.workflows.stream({}) as run:
        async for event in run:
            if isinstance(event, events.WorkflowFinished):
                break
    assert fake_dify.runs_stopped == 0
    assert not any("stop" in request.path for request in fake_dify.requests)


async def test_cancelling_a_run_stops_it(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = SLOW
    task = asyncio.create_task(client.workflows.run({}))
    assert await asyncio.to_thread(fake_dify.wait_for, lambda: fake_dify.runs_started == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert fake_dify.runs_stopped == 1


async def test_a_timeout_around_a_run_stops_it(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = SLOW
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await client.workflows.run({})
    assert fake_dify.runs_stopped == 1


async def test_cancelling_while_the_stream_opens_waits_for_the_task_id_and_stops_the_run(
    client: AppClient, fake_dify: FakeDify
) -> None:
    fake_dify.workflow = SLOW
    fake_dify.faults.append(Delay(seconds=0.5))
    task = asyncio.create_task(client.workflows.run({}))
    assert await asyncio.to_thread(fake_dify.wait_for, lambda: len(fake_dify.requests) == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (fake_dify.runs_started, fake_dify.runs_stopped) == (1, 1)


async def test_a_second_cancellation_propagates_and_the_run_is_still_stopped(
    client: AppClient, fake_dify: FakeDify
) -> None:
    fake_dify.workflow = SLOW
    fake_dify.faults.append(Delay(on="/stop", seconds=0.3))
    task = asyncio.create_task(client.workflows.run({}))
    assert await asyncio.to_thread(fake_dify.wait_for, lambda: fake_dify.runs_started == 1)
    task.cancel()
    assert await asyncio.to_thread(fake_dify.wait_for, lambda: "stop" in fake_dify.requests[-1].path)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(fake_dify.wait_for, lambda: fake_dify.runs_stopped == 1)
    if others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others, timeout=2)


async def test_an_early_exit_takes_at_most_two_seconds(
    client: AppClient, fake_dify: FakeDify, caplog: pytest.LogCaptureFixture
) -> None:
    fake_dify.workflow = SLOW
    fake_dify.faults.append(Delay(on="/stop", seconds=60))
    task = asyncio.create_task(client.workflows.run({}))
    assert await asyncio.to_thread(fake_dify.wait_for, lambda: fake_dify.runs_started == 1)
    with frozen_time() as clock:
        task.cancel()
        assert await asyncio.to_thread(fake_dify.wait_for, lambda: "stop" in fake_dify.requests[-1].path)
        clock.advance(1.5)
        await clock.settle()
        assert not task.done()
        clock.advance(1)
        with pytest.raises(asyncio.CancelledError):
            await clock.at_once(task)
    assert "the run was not stopped: no response within 2 s" in caplog.text


async def test_an_early_exit_without_a_task_id_stops_nothing_and_logs_a_warning(
    client: AppClient, fake_dify: FakeDify, caplog: pytest.LogCaptureFixture
) -> None:
    fake_dify.faults.append(Silence(after_events=0))
    stream = client.workflows.stream({})
    with caplog.at_level(logging.WARNING, "dify_async"), frozen_time() as clock:
        await stream.__aenter__()
        left = asyncio.create_task(stream.__aexit__(None, None, None))
        await clock.settle()
        clock.advance(2.5)
        await clock.at_once(left)
    assert not any("stop" in request.path for request in fake_dify.requests)
    assert "the run was not stopped: no task id within 2 s" in caplog.text


class Oops(Exception):
    """An exception of the caller's code."""


async def cancelled(client: AppClient, moment: float) -> None:
    task = asyncio.create_task(client.workflows.run({}))
    await asyncio.wait([task], timeout=moment)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def cancelled_twice(client: AppClient, moment: float) -> None:
    task = asyncio.create_task(client.workflows.run({}))
    await asyncio.wait([task], timeout=moment)
    task.cancel()
    await asyncio.wait([task], timeout=moment / 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def cancelled_while_reading(client: AppClient, moment: float) -> None:
    async def read() -> None:
        async with client.workflows.stream({}) as run:
            async for _ in run:
                pass

    task = asyncio.create_task(read())
    asyncio.get_running_loop().call_later(moment, task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await task


async def timed_out(client: AppClient, moment: float) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(moment):
            await client.workflows.run({})


async def timed_out_by_its_own_clock(client: AppClient, moment: float) -> None:
    with pytest.raises(errors.TotalTimeout):
        await client.workflows.run({}, timeout=moment)


async def numbered(run: EventStream[WorkflowEvent, WorkflowResult]) -> AsyncIterator[tuple[int, object]]:
    place = 0
    async for event in run:
        place += 1
        yield place, event


async def broken_off(client: AppClient, moment: float) -> None:
    async with client.workflows.stream({}) as run:
        async for place, _ in numbered(run):
            if place > moment * 100:
                break


async def failed_in_the_body(client: AppClient, moment: float) -> None:
    with pytest.raises(Oops):
        async with client.workflows.stream({}) as run:
            async for place, _ in numbered(run):
                if place > moment * 100:
                    raise Oops


async def failed_beside(client: AppClient, moment: float) -> None:
    async def fail() -> None:
        await asyncio.sleep(moment)
        raise Oops

    with pytest.raises(ExceptionGroup):
        async with asyncio.TaskGroup() as group:
            group.create_task(client.workflows.run({}))
            group.create_task(fail())


WAYS = [
    cancelled,
    cancelled_twice,
    cancelled_while_reading,
    timed_out,
    timed_out_by_its_own_clock,
    broken_off,
    failed_in_the_body,
    failed_beside,
]


@pytest.mark.parametrize("policy", ["stop", "detach"])
@pytest.mark.parametrize("leave", WAYS)
async def test_an_early_exit_at_any_step_sends_at_most_one_stop(
    fake_dify: FakeDify, leave: Callable[[AppClient, float], Awaitable[None]], policy: str
) -> None:
    # Time passes by the pings of one more run: on a busy machine, as slowly as the server works.
    fake_dify.ping_every = 0.01
    fake_dify.workflow = SLOW
    moments = [random.Random(number).uniform(0.001, 0.5) for number in range(50)]
    with frozen_time() as clock:

        async def timed(moment: float) -> float:
            started = clock.now
            await leave(client, moment)
            return clock.now - started - moment

        async with app_client(fake_dify, on_abandon=policy) as client:
            async with client.workflows.stream({}, on_ping=lambda: clock.advance(0.01)) as pacemaker:
                await anext(pacemaker)
                passing = asyncio.create_task(pacemaker.result())
                steps = [Node(f"Step {number}", seconds=0.02, text=["a"]) for number in range(20)]
                fake_dify.workflow = Workflow(nodes=[*steps, Node("Slow", seconds=60)])
                fake_dify.faults += [Delay(seconds=0.1, times=15), Delay(seconds=0.3, times=10)]
                late = await asyncio.gather(*(timed(moment) for moment in moments))
                passing.cancel()
                await asyncio.wait([passing])
    # A task that a second cancellation abandoned ends when the client closes.
    assert max(late) < 2.5
    stops = [run.stop_calls for run in fake_dify.runs.values()]
    assert stops == [1 if policy == "stop" else 0] * len(stops)
    assert len(stops) > 10


async def test_runs_are_read_and_stopped_while_streams_are_at_the_limit(fake_dify: FakeDify) -> None:
    fake_dify.workflow = SLOW
    async with app_client(fake_dify, max_concurrent=3) as client:
        runs = [asyncio.create_task(client.workflows.run({})) for _ in range(9)]
        assert await asyncio.to_thread(fake_dify.wait_for, lambda: fake_dify.runs_started == 3)
        for played in list(fake_dify.runs.values()):
            assert (await client.workflows.get(played.id)).status == "running"
            await client.workflows.stop(played.task_id)
        for ended in runs[:3]:
            with pytest.raises(errors.RunStopped):
                await ended
        for waiting in runs[3:]:
            waiting.cancel()
        await asyncio.wait(runs)
    assert all(played.stop_calls == 1 for played in fake_dify.runs.values())
