"""Each timeout raises its own error, on time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from dify_async import AppClient, Retry, Timeouts, errors
from dify_async.testing import Delay, FakeDify, Node, Silence, Workflow
from tests.support.clients import NO_RETRY, app_client
from tests.support.clock import frozen_time
from tests.support.limits import HANGS_AFTER


def client_with(dify: FakeDify, **timeouts: float) -> AppClient:
    return app_client(dify, timeouts=Timeouts(**timeouts), retry=NO_RETRY, on_abandon="detach")


@pytest.fixture
def deaf_address() -> Iterator[str]:
    """Yield a URL where connecting hangs: a listener whose queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(8)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        try:
            yield f"http://127.0.0.1:{address[1]}"
        finally:
            for filler in fillers:
                filler.close()


async def test_connect_timeout(deaf_address: str) -> None:
    settings = Timeouts(connect=0.3)
    async with app_client(deaf_address, timeouts=settings, retry=NO_RETRY) as client:
        with frozen_time() as clock:
            task = asyncio.create_task(client.app.info())
            await clock.settle()
            clock.advance(0.29)
            await clock.settle()
            assert not task.done()
            clock.advance(0.02)
            with pytest.raises(errors.ConnectTimeout, match=r"Timeouts\.connect") as caught:
                await clock.at_once(task)
    assert not caught.value.may_have_started


async def test_read_timeout(fake_dify: FakeDify) -> None:
    fake_dify.faults.append(Delay(on="/info", seconds=30))
    async with client_with(fake_dify, read=0.2) as client:
        with pytest.raises(errors.ReadTimeout, match=r"Timeouts\.read"):
            await client.app.info()


async def test_the_read_timeout_does_not_apply_to_runs(fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=0.6)], outputs={"x": 1})
    async with client_with(fake_dify, read=0.2) as client:
        streamed = await client.workflows.run({})
        blocking = await client.workflows.run({}, response_mode="blocking")
    assert streamed.outputs == blocking.outputs == {"x": 1}


@pytest.mark.parametrize("after", [0, 1, 3])
async def test_idle_timeout_at_each_stage(fake_dify: FakeDify, after: int) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("A", text=["x"])])
    fake_dify.faults.append(Silence(after_events=after))
    async with client_with(fake_dify, idle=0.3) as client:
        with frozen_time() as clock:
            async with client.workflows.stream({}) as run:
                for _ in range(after):
                    await anext(run)
                result = asyncio.create_task(run.result())
                await clock.settle()
                clock.advance(0.29)
                await clock.settle()
                assert not result.done()
                clock.advance(0.02)
                with pytest.raises(errors.IdleTimeout, match=r"Timeouts\.idle") as caught:
                    await clock.at_once(result)
    assert caught.value.may_have_started
    assert (caught.value.handle is None) == (after == 0)


async def test_idle_timeout_before_the_headers(fake_dify: FakeDify) -> None:
    fake_dify.faults.append(Delay(seconds=30))
    async with client_with(fake_dify, idle=0.3) as client:
        with pytest.raises(errors.IdleTimeout):
            await client.workflows.run({})
    assert fake_dify.runs_started == 0


@pytest.mark.parametrize("how", ["stream", "attach"])
async def test_pings_reset_the_idle_timeout(fake_dify: FakeDify, how: str) -> None:
    fake_dify.ping_every = 0.005
    fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=10 * HANGS_AFTER)])
    async with client_with(fake_dify, idle=3, read=3) as client:
        handle = await client.workflows.submit({})
        with frozen_time() as clock:
            moved_to = clock.now
            long_enough = asyncio.Event()

            def pinged() -> None:
                nonlocal moved_to
                if clock.now == moved_to:  # Only once for all pings of one read.
                    moved_to = clock.now + 0.6
                    asyncio.get_running_loop().call_soon(clock.advance, 0.6)
                if clock.elapsed > 20:
                    long_enough.set()

            if how == "stream":
                stream = client.workflows.stream({}, on_ping=pinged)
            else:
                stream = client.workflows.attach(handle, on_ping=pinged)
            async with stream as run:
                result = asyncio.create_task(run.result())
                waiting = asyncio.create_task(long_enough.wait())
                await asyncio.wait([result, waiting], return_when=asyncio.FIRST_COMPLETED)
                assert not result.done()
                for played in list(fake_dify.runs.values()):
                    played.stop()
                with pytest.raises(errors.RunStopped) as caught:
                    await clock.at_once(result)
    assert not caught.value.result.gap


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads the timers of sockets from Linux")
async def test_connections_have_tcp_keep_alive_probes(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=60)])
    port = f":{urlsplit(fake_dify.base_url).port:04X} 01 "
    async with client.workflows.stream({}) as run:
        await anext(run)
        (line,) = [line for line in Path("/proc/net/tcp").read_text().splitlines() if port in line]
    kind_of_timer, _, left = line.split()[5].partition(":")
    assert (kind_of_timer, 0 < int(left, 16) <= 6000) == ("02", True), "keep-alive, within 60 seconds"


async def test_a_run_that_times_out_idle_is_stopped(fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=60)])
    fake_dify.faults.append(Silence(after_events=1))
    async with app_client(fake_dify, timeouts=Timeouts(idle=0.3)) as client:
        with pytest.raises(errors.IdleTimeout):
            await client.workflows.run({})
    assert fake_dify.runs_stopped == 1


@pytest.mark.parametrize("mode", ["streaming", "blocking"])
async def test_total_timeout(fake_dify: FakeDify, mode: str) -> None:
    fake_dify.ping_every = 0.05
    fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=60)])
    async with client_with(fake_dify, total=0.4) as client:
        with frozen_time() as clock:
            if mode == "streaming":
                run = await client.workflows.stream({}).__aenter__()
                await anext(run)
                task = asyncio.create_task(run.result())
            else:
                task = asyncio.create_task(client.workflows.run({}, response_mode="blocking"))
                assert await asyncio.to_thread(fake_dify.wait_for, lambda: fake_dify.runs_started == 1)
            clock.advance(0.39)
            await clock.settle()
            assert not task.done()
            clock.advance(0.02)
            with pytest.raises(errors.TotalTimeout, match=r"0\.4 s \(Timeouts\.total\)") as caught:
                await clock.at_once(task)
            if mode == "streaming":
                await run.__aexit__(None, None, None)
    assert caught.value.may_have_started
    assert (caught.value.handle is not None) == (mode == "streaming")


async def test_the_total_timeout_of_a_call_stops_its_run(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=60)])
    with pytest.raises(errors.TotalTimeout):
        await client.workflows.run({}, timeout=0.3)
    assert fake_dify.runs_stopped == 1


async def test_waiting_for_a_slot_is_not_covered_by_a_timeout(fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=60)])
    timeouts = Timeouts(idle=0.6, total=0.7)
    async with app_client(fake_dify, max_concurrent=1, timeouts=timeouts) as client:
        with frozen_time() as clock:
            async with client.workflows.stream({}, timeout=Timeouts()) as first:
                await anext(first)
                fake_dify.workflow = Workflow(outputs={"x": 1})
                waiting = [asyncio.create_task(client.workflows.run({})) for _ in range(3)]
                await clock.settle()
                clock.advance(60)
                await clock.settle()
                assert not any(task.done() for task in waiting)
            results = await clock.at_once(asyncio.gather(*waiting))
    assert [result.outputs for result in results] == [{"x": 1}] * 3


@pytest.mark.parametrize("settings", [{"idle": 0}, {"connect": -1}, {"total": "5"}, {"read": True}])
def test_timeouts_are_validated_at_construction(settings: dict[str, float]) -> None:
    with pytest.raises(errors.ConfigurationError, match="number of seconds above 0"):
        Timeouts(**settings)


@pytest.mark.parametrize("settings", [{"attempts": 0}, {"attempts": 1.5}, {"base": 0}, {"total": -1}])
def test_retry_settings_are_validated_at_construction(settings: dict[str, int]) -> None:
    with pytest.raises(errors.ConfigurationError):
        Retry(**settings)


async def test_a_body_that_times_out_leaves_no_connection_open(fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=60)])
    async with client_with(fake_dify) as client:
        with pytest.raises(errors.TotalTimeout):
            # A response that never ends, read as a body.
            body = {"inputs": {}, "user": "ada", "response_mode": "streaming"}
            await client.request("POST", "/workflows/run", json=body, timeout=0.3)
        assert await asyncio.to_thread(fake_dify.wait_for, lambda: fake_dify.open_sockets == 0)


async def test_an_endless_body_is_rejected(fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Big", text=["x" * 1000] * 100)])
    body = {"inputs": {}, "user": "ada", "response_mode": "streaming"}
    async with app_client(fake_dify, max_event_bytes=20_000) as client:
        with pytest.raises(errors.TooLarge):
            await client.request("POST", "/workflows/run", json=body)
