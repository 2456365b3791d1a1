"""Calls of blocking clients."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import pickle
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from dify_async import InputFile, Retry, RunHandle, errors, events
from dify_async.sync import AppClient, EventStream, probe
from dify_async.sync.bridge import current
from dify_async.testing import Cut, Delay, FakeDify, Field, Node, Refuse, StoredFile, Workflow
from tests.support.faults import GONE


@pytest.fixture
def client(fake_dify: FakeDify) -> Iterator[AppClient]:
    with AppClient(fake_dify.api_key, user="ada", base_url=fake_dify.base_url) as client:
        yield client
    assert fake_dify.wait_for(lambda: fake_dify.open_sockets == 0), "connections left behind"


def test_calls_return_the_results_of_the_async_client(client: AppClient, fake_dify: FakeDify) -> None:
    result = client.workflows.run({"city": "Lisbon"})
    assert (result.outputs, result.total_tokens) == ({"city": "Lisbon"}, 7)
    assert client.workflows.run({"a": 1}, response_mode="blocking").outputs == {"a": 1}
    assert result.workflow_run_id is not None
    assert client.workflows.get(result.workflow_run_id).status == "succeeded"
    handle = client.workflows.submit({})
    assert isinstance(handle, RunHandle)
    assert handle.task_id is not None
    client.workflows.stop(handle.task_id)
    assert client.app.info().name == "FakeDify"
    assert client.app.parameters().check({}) == []
    assert client.app.site().title == "FakeDify"
    assert client.app.meta().tool_icons == {}
    assert client.request("GET", "/info").json()["mode"] == "workflow"
    assert client.server_version == fake_dify.version
    assert probe(fake_dify.base_url).is_dify
    assert (client.user, client.base_url) == ("ada", fake_dify.base_url)


def test_errors_are_the_same_and_their_tracebacks_short(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Boom", error="it broke")])
    with pytest.raises(errors.RunFailed, match="it broke") as caught:
        client.workflows.run({})
    assert caught.value.node_id == "boom"
    frames = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert frames[:3] == ["test_errors_are_the_same_and_their_tracebacks_short", "wait", "run"]
    assert len(frames) <= 6, frames
    with pytest.raises(errors.Unauthorized):
        AppClient("app-wrong", user="u", base_url=fake_dify.base_url).workflows.run({})
    with pytest.raises(errors.ConfigurationError, match="`user` must be set"):
        AppClient("app-x", base_url=fake_dify.base_url).workflows.run({})
    with pytest.raises(errors.TotalTimeout):
        fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=30)])
        client.workflows.run({}, timeout=0.2)
    assert fake_dify.runs_stopped == 1


def test_wrong_arguments_are_rejected(client: AppClient) -> None:
    with pytest.raises(TypeError):
        client.workflows.run()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        AppClient("app-x", usr="ada")  # type: ignore[call-arg]
    with pytest.raises(errors.ConfigurationError, match="belongs to an event loop"):
        AppClient("app-x", session=object())  # type: ignore[arg-type]


# Streams


def test_a_stream_has_events_text_and_a_result(client: AppClient) -> None:
    with client.workflows.stream({"a": 1}) as run:
        names = [event.event for event in run]
        assert run.result().outputs == {"a": 1}
        assert run.handle is not None
        assert run.handle.run_id == run.run_id
        assert run.task_id == run.handle.task_id
    assert (names[0], names[-1]) == ("workflow_started", "workflow_finished")
    with client.workflows.stream({}) as run:
        assert list(run.text) == ["Hello, ", "world"]
    with client.workflows.attach(run.handle or "") as again:
        assert [event.event for event in again] == ["workflow_finished"]


def test_iteration_continues_after_a_break(client: AppClient) -> None:
    with client.workflows.stream({}) as run:
        first = next(run)
        for event in run:
            if isinstance(event, events.TextChunk):
                break
        rest = list(run.text)
        assert (first.event, rest) == ("workflow_started", ["world"])
        assert run.result().status == "succeeded"


def test_an_early_exit_stops_the_run(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Slow", text=["a", "b"], seconds=60)])
    with client.workflows.stream({}) as run:
        for _ in run:
            break
    assert fake_dify.runs_stopped == 1
    with pytest.raises(RuntimeError, match="mine"), client.workflows.stream({}) as run:
        next(run)
        raise RuntimeError("mine")
    assert fake_dify.runs_stopped == 2
    with client.workflows.stream({}) as run:
        next(run)
        run.detach()
    with client.workflows.stream({}) as run:
        next(run)
        run.close()
        run.close()
    assert fake_dify.runs_stopped == 3


def test_a_dropped_stream_stops_its_run(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=60)])
    run = client.workflows.stream({}).__enter__()
    next(run)
    assert fake_dify.open_sockets > 0
    del run
    gc.collect()
    assert fake_dify.wait_for(lambda: fake_dify.runs_stopped == 1)
    assert fake_dify.wait_for(lambda: fake_dify.open_sockets == 0)


def test_a_stream_outside_its_block_is_an_error(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=60)])
    stream = client.workflows.stream({})
    for use in (lambda: list(stream), lambda: next(stream), lambda: stream.text, stream.result):
        with pytest.raises(TypeError, match=r"with client\.workflows\.stream"):
            use()
    stream.close()
    with stream, pytest.raises(TypeError, match="entered only once"):
        stream.__enter__()
    with pytest.raises(errors.ConfigurationError, match="closed before its end"):
        stream.result()


def test_an_interrupted_stream_raises_the_error_of_the_async_client(
    client: AppClient, fake_dify: FakeDify
) -> None:
    fake_dify.faults += [Cut(after_events=2), GONE]
    with pytest.raises(errors.StreamInterrupted) as caught, client.workflows.stream({}) as run:
        assert len([event.event for event in run]) == 2
    assert caught.value.handle == run.handle


def test_events_are_delivered_as_they_arrive(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Say", text=["x"]), Node("Slow", seconds=60)])
    with client.workflows.stream({}) as run:
        assert next(iter(run.text)) == "x", "not held back until a batch is full"
        (played,) = fake_dify.runs.values()
        assert not played.over


def test_pings_are_reported(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.ping_every = 0.05
    fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=0.3)])
    pings: list[str] = []
    with client.workflows.stream({}, on_ping=lambda: pings.append(threading.current_thread().name)) as run:
        run.result()
    assert len(pings) > 2


# Lists and files


def test_pagers(client: AppClient, fake_dify: FakeDify) -> None:
    for _ in range(5):
        client.workflows.run({})
    logs = client.workflows.logs(limit=2)
    ids = [log.id for log in logs]
    assert len(set(ids)) == 5
    assert [log.id for log in logs] == ids, "starts from the beginning"
    assert [len(page.data) for page in logs.pages()] == [2, 2, 1]
    assert logs.first_page().total == 5
    assert [log.id for log in logs.all()] == ids
    assert [log.id for log in logs.all(limit=3)] == ids[:3]
    for _ in logs:
        break


def test_uploads_and_downloads(client: AppClient, fake_dify: FakeDify, tmp_path: Path) -> None:
    fake_dify.workflow = Workflow(form=[Field("doc", "file")])
    path = tmp_path / "a.txt"
    path.write_bytes(b"x" * 100_000)
    file = InputFile(path)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: client.workflows.run({"doc": file}), range(16)))
    assert {result.outputs["doc"]["size"] for result in results} == {100_000}
    assert len(fake_dify.files) == 1, "once, although called from many threads"
    with path.open("rb") as opened:
        uploaded = client.files.upload(opened, name="b.txt")
    stored = StoredFile(uploaded.id, "b.txt", "text/plain", b"content", "ada", fake_dify.app_id, True)
    fake_dify.files[uploaded.id] = stored
    assert client.files.preview(uploaded.id) == b"content"
    assert client.files.preview(uploaded.id, tmp_path / "c.txt").read_bytes() == b"content"


# Clients


def test_a_client_can_be_closed_reopened_and_viewed(fake_dify: FakeDify) -> None:
    client = AppClient(fake_dify.api_key, user="ada", base_url=fake_dify.base_url, retry=Retry(attempts=1))
    client.close()
    client.close()
    with pytest.raises(errors.ConfigurationError, match="closed"):
        client.app.info()
    with client:
        bob = client.for_user("bob")
        bob.close()
        assert client.app.info().name == "FakeDify"
        assert bob.workflows.run({}).handle is not None
    assert [run.user for run in fake_dify.runs.values()] == ["bob"]
    assert fake_dify.wait_for(lambda: fake_dify.open_sockets == 0)


def test_a_client_pickles(fake_dify: FakeDify) -> None:
    client = AppClient(fake_dify.api_key, user="ada", base_url=fake_dify.base_url)
    with pickle.loads(pickle.dumps(client)) as copy:
        assert copy.workflows.run({"a": 1}).outputs == {"a": 1}
    assert fake_dify.api_key not in repr(client)


def test_a_client_that_is_dropped_closes_its_connections(fake_dify: FakeDify) -> None:
    client = AppClient(fake_dify.api_key, user="ada", base_url=fake_dify.base_url)
    client.app.info()
    del client
    gc.collect()
    assert fake_dify.wait_for(lambda: fake_dify.open_sockets == 0)


def test_thirty_two_threads_share_a_client(client: AppClient, fake_dify: FakeDify) -> None:
    def work(number: int) -> list[Any]:
        found = [client.workflows.run({"n": number}).outputs["n"] for _ in range(5)]
        with client.workflows.stream({"n": number}) as run:
            return [*found, "".join(run.text), run.result().outputs["n"]]

    with ThreadPoolExecutor(32) as pool:
        for number, found in enumerate(pool.map(work, range(32))):
            assert found == [number] * 5 + ["Hello, world", number]
    assert sum(thread.name == "dify-async" for thread in threading.enumerate()) == 1
    assert fake_dify.runs_started == 32 * 6


# Loops


async def test_a_blocking_client_works_inside_a_running_loop(fake_dify: FakeDify) -> None:
    with AppClient(fake_dify.api_key, user="ada", base_url=fake_dify.base_url) as client:
        assert client.workflows.run({"a": 1}).outputs == {"a": 1}
        with client.workflows.stream({}) as run:
            assert "".join(run.text) == "Hello, world"
        assert (await asyncio.to_thread(client.app.info)).name == "FakeDify"


def test_a_call_on_the_loop_of_the_client_is_an_error_and_not_a_deadlock(fake_dify: FakeDify) -> None:
    client = AppClient(fake_dify.api_key, user="ada", base_url=fake_dify.base_url)

    async def on_the_loop() -> None:
        client.workflows.run({})

    with pytest.raises(errors.ConfigurationError, match="wait for itself"):
        current().call(on_the_loop)
    client.close()


def test_context_variables_are_passed_on(fake_dify: FakeDify) -> None:
    variable = contextvars.ContextVar("variable", default="unset")
    seen: list[str] = []

    async def note(*_: object) -> None:
        seen.append(variable.get())

    tracing = aiohttp.TraceConfig()
    tracing.on_request_start.append(note)
    client = AppClient(fake_dify.api_key, user="ada", base_url=fake_dify.base_url, trace_configs=[tracing])
    with client:
        for value in ("one", "two"):
            variable.set(value)
            client.app.info()
    assert seen == ["one", "two"]


def test_a_limiter_is_entered_on_the_loop_of_the_client(fake_dify: FakeDify) -> None:
    client = AppClient(
        fake_dify.api_key, user="ada", base_url=fake_dify.base_url, limiter=lambda: slots, max_concurrent=50
    )
    slots = asyncio.Semaphore(2)
    fake_dify.max_active_requests = 2
    fake_dify.workflow = Workflow(nodes=[Node("A", seconds=0.02)])
    fake_dify.tail = 0
    with client, ThreadPoolExecutor(10) as pool:
        results = list(pool.map(lambda _: client.workflows.run({}).status, range(10)))
    assert results == ["succeeded"] * 10


def test_the_exported_types_are_those_that_calls_return(client: AppClient) -> None:
    assert isinstance(client.workflows.stream({}), EventStream)
    with pytest.raises(TypeError), client.workflows.logs() as _:  # type: ignore[attr-defined]
        pass


def test_retries_and_rejections_are_those_of_the_async_client(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.faults.append(Refuse(status=503, on="/info"))
    fake_dify.faults.append(Delay(seconds=0.05, on="/info"))
    assert client.app.info().name == "FakeDify"
    assert len(fake_dify.requests) == 2
