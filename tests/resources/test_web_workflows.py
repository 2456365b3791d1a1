"""Runs of workflows on the Web API, which are always streamed and have no record."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from dify_async import InputFile, RunHandle, WebAppClient, errors, events
from dify_async._streaming import recovery
from dify_async.testing import Cut, Drop, FakeDify, Field, Node, Refuse, Workflow
from tests.support.clients import web_client
from tests.support.limits import HANGS_AFTER

NODES = [Node("One", text=["a", "b"]), Node("Two", seconds=0.2, text=["c", "d"]), Node("Three")]
SLOW = Workflow(nodes=[Node("Start"), Node("Slow", seconds=60)])


@pytest.fixture
async def web(fake_dify: FakeDify) -> AsyncIterator[WebAppClient]:
    fake_dify.app = Workflow(nodes=NODES, outputs={"answer": "abcd"}, form=[Field("doc", "file")])
    async with web_client(fake_dify) as web:
        yield web


async def test_run_returns_the_result(web: WebAppClient, fake_dify: FakeDify) -> None:
    result = await web.workflows.run({"doc": InputFile(b"%PDF", name="a.pdf")})
    (played,) = fake_dify.runs.values()
    assert (result.status, result.outputs, result.gap) == ("succeeded", {"answer": "abcd"}, False)
    assert (result.workflow_run_id, result.task_id) == (played.id, played.task_id)
    assert [file.name for file in fake_dify.files.values()] == ["a.pdf"]


async def test_events_of_web_apps_have_no_details_of_nodes(web: WebAppClient) -> None:
    async with web.workflows.stream({}) as run:
        ended = [event.data async for event in run if isinstance(event, events.NodeFinished)]
    assert [data.title for data in ended] == ["One", "Two", "Three"]
    assert all(data.execution_metadata is None for data in ended)


async def test_a_run_is_attached_by_its_handle(web: WebAppClient, fake_dify: FakeDify) -> None:
    handle = RunHandle.from_json((await web.workflows.submit({})).to_json())
    assert (await web.workflows.wait(handle)).outputs == {"answer": "abcd"}
    async with web.workflows.attach(handle) as run:
        assert (await run.result()).outputs == {"answer": "abcd"}
    with pytest.raises(errors.NotFound):
        await web.for_user("bob").workflows.wait(handle.run_id)
    assert fake_dify.runs_started == 1


async def test_an_interrupted_stream_is_recovered(web: WebAppClient, fake_dify: FakeDify) -> None:
    nodes = [Node("One", text=["a"]), Node("Two", seconds=1.5), Node("Three")]
    fake_dify.app = Workflow(nodes=nodes, outputs={"answer": "abcd"})
    fake_dify.faults += [
        Cut(after_events=3),
        Drop(on="/events"),
        Refuse(status=502, body=b"<html>", on="/events"),
    ]
    async with web.workflows.stream({}) as run:
        names = [event.event async for event in run]
        result = await run.result()
    assert (result.outputs, result.gap) == ({"answer": "abcd"}, True)
    assert names.count("node_started") == names.count("node_finished") == 3
    assert fake_dify.runs_started == 1
    assert not any("/workflows/run/" in request.path for request in fake_dify.requests), "there is no record"


async def test_an_expired_passport_is_renewed_during_recovery(web: WebAppClient, fake_dify: FakeDify) -> None:
    fake_dify.faults.append(Cut(after_events=3))
    async with web.workflows.stream({}) as run:
        await anext(run)
        fake_dify.revoke_passports()
        assert (await run.result()).outputs == {"answer": "abcd"}


async def test_an_unknown_run_fails_at_once(web: WebAppClient, fake_dify: FakeDify) -> None:
    fake_dify.faults += [Cut(after_events=3), Refuse(status=404, code="not_found", on="/events", times=9)]
    with pytest.raises(errors.StreamInterrupted, match="does not return the run") as caught:
        await web.workflows.run({})
    assert caught.value.handle is not None
    assert sum("/events" in request.path for request in fake_dify.requests) == 1
    assert fake_dify.runs_stopped == 0


async def test_an_invalid_id_fails_at_once(web: WebAppClient, fake_dify: FakeDify) -> None:
    for find in (web.workflows.wait("task-7"), web.workflows.wait("task-7", continue_on_pause=True)):
        async with asyncio.timeout(HANGS_AFTER):
            with pytest.raises(errors.ServerError, match=r"RunHandle\.run_id"):
                await find
    assert sum("/events" in request.path for request in fake_dify.requests) == 2


async def test_a_server_with_errors_is_retried_during_recovery(
    web: WebAppClient, fake_dify: FakeDify
) -> None:
    handle = await web.workflows.submit({})
    fake_dify.faults.append(Refuse(status=500, code="unknown", on="/events", times=2))
    assert (await web.workflows.wait(handle)).outputs == {"answer": "abcd"}


async def test_a_killed_worker_ends_in_time(
    web: WebAppClient, fake_dify: FakeDify, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "GIVE_UP_AFTER", 1.0)
    fake_dify.app, fake_dify.ping_every = SLOW, 0.1
    fake_dify.faults.append(Cut(after_events=3, how="end"))
    async with asyncio.timeout(HANGS_AFTER):
        with pytest.raises(errors.StreamInterrupted):
            await web.workflows.run({})


async def test_an_early_exit_stops_the_run(web: WebAppClient, fake_dify: FakeDify) -> None:
    fake_dify.app = SLOW
    task = asyncio.create_task(web.workflows.run({}))
    assert await asyncio.to_thread(fake_dify.wait_for, lambda: fake_dify.runs_started == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert fake_dify.runs_stopped == 1


async def test_a_bad_input_is_reported(web: WebAppClient, fake_dify: FakeDify) -> None:
    fake_dify.app = Workflow(form=[Field("name", required=True)])
    with pytest.raises(errors.RunRejected, match="name"):
        await web.workflows.run({})
    with pytest.raises(errors.RunRejected):
        await web.workflows.submit({})


async def test_info_about_an_app(web: WebAppClient, fake_dify: FakeDify) -> None:
    assert list((await web.app.parameters()).form) == ["doc"]
    site = await web.app.site()
    assert (site.app_id, site.site.title) == (fake_dify.app_id, fake_dify.name)
    assert (await web.app.meta()).tool_icons == {}
    assert (await web.app.access_mode()).access_mode == "public"
    assert not (await web.system.features()).webapp_auth.enabled
    assert (await web.auth.status()).app_logged_in
    await web.workflows.stop("no-such-task")
    with pytest.raises(errors.ServerError, match="enterprise edition"):
        await web.app.permission(site.app_id)
    with pytest.raises(errors.ServerError, match="cannot fetch the file"):
        await web.remote_files.info("https://example.org/missing")
    async with WebAppClient("another", user="ada", base_url=fake_dify.web_url) as other:
        with pytest.raises(errors.NotFound, match="no web app with this code"):
            await other.app.parameters()
