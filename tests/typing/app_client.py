"""A consumer's file. It is never run: mypy --strict and pyright strict read it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import BinaryIO, assert_type

from distributed import Client

from dify_async import (
    AppClient,
    EventStream,
    InputFile,
    Outcome,
    Pager,
    Response,
    Retry,
    RunHandle,
    Timeouts,
    errors,
    events,
    probe,
)
from dify_async.distributed import map_runs
from dify_async.events import WorkflowEvent
from dify_async.models import (
    AppInfo,
    AppParameters,
    FileType,
    Page,
    RunStatus,
    UploadedFile,
    WorkflowLog,
    WorkflowResult,
    WorkflowRun,
)


async def runs() -> None:
    async with AppClient("app-x", user="ada", timeouts=Timeouts(idle=60), retry=Retry(attempts=1)) as client:
        assert_type(client, AppClient)
        result = await client.workflows.run({"city": "Lisbon"})
        assert_type(result, WorkflowResult)
        assert_type(result.total_tokens, int)
        print(result.outputs["forecast"].upper())
        assert_type(await client.workflows.submit({}), RunHandle)
        assert_type(await client.workflows.get("id"), WorkflowRun)
        assert_type(await client.app.info(), AppInfo)
        assert_type(await client.app.parameters(), AppParameters)
        assert_type(await client.request("GET", "/info"), Response)
        assert_type(client.for_user("bob"), AppClient)

        await client.workflows.run()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        await client.workflows.run({}, respons_mode="blocking")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        await client.workflows.run({}, response_mode="sse")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        client.workflows.logs(status="running")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def options(client: AppClient) -> None:
    await client.workflows.run(
        {}, timeout=5, retry=0, user="bob", extra_headers={"A": "b"}, extra_body={"a": 1}
    )
    await client.workflows.run({}, timeout=None, retry=None, user=None, extra_headers=None, extra_body=None)
    await client.app.info(timeout=Timeouts(read=5), retry=Retry(attempts=2))
    client.workflows.stream({}, timeout=None)
    client.workflows.logs(timeout=None)
    client.workflows.run_many([{}], timeout=None)
    client.with_options(timeouts=5, retry=0)
    assert_type(client.with_options(headers={"A": "b"}), AppClient)
    assert_type(client.for_key("app-y", user="bob"), AppClient)
    AppClient(timeouts=5, retry=3)

    await client.workflows.run({}, timout=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await client.workflows.run({}, timeout="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await client.app.info(timout=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await client.app.info(timeout="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await client.app.info(extra_body={})  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.workflows.stream({}, timout=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.workflows.stream({}, timeout="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.workflows.logs(timout=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.workflows.logs(timeout="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.workflows.run_many([{}], timout=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.workflows.run_many([{}], timeout="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def streams(client: AppClient) -> str:
    text = ""
    stream = client.workflows.stream({"city": "Lisbon"})
    assert_type(stream, EventStream[WorkflowEvent, WorkflowResult])
    async with stream as run:
        async for event in run:
            assert_type(event, WorkflowEvent)
            match event:
                case events.TextChunk(data=chunk):
                    text += chunk.text
                case events.NodeStarted(data=node):
                    print(node.title)
                case events.WorkflowFinished(data=finished):
                    assert_type(finished.status, RunStatus)
                case _:
                    print(event.event, event.task_id)
        async for piece in run.text:
            text += piece
        assert_type(await run.result(), WorkflowResult)
        assert_type(run.handle, RunHandle | None)
    return text


async def lists(client: AppClient) -> Sequence[WorkflowLog]:
    logs = client.workflows.logs(status="failed", limit=5)
    assert_type(logs, Pager[WorkflowLog])
    async for log in logs:
        assert_type(log, WorkflowLog)
    async for page in logs.pages():
        assert_type(page, Page[WorkflowLog])
    return await logs.all(limit=10)


async def failures(client: AppClient) -> None:
    try:
        await client.workflows.run({})
    except errors.RunPaused as exc:
        print(exc.result, exc.handle)
    except errors.RunFailed as exc:
        print(exc.node_id)
    except errors.ApiError as exc:
        assert_type(exc.status, int)
        assert_type(exc.code, str | None)
    except errors.StreamInterrupted as exc:
        assert_type(exc.handle, RunHandle | None)
    print((await probe()).version)


async def files(client: AppClient, opened: BinaryIO, parts: AsyncIterator[bytes]) -> None:
    assert_type(await client.files.upload("q3.pdf"), UploadedFile)
    uploaded = await client.files.upload(opened, name="a.png", mime_type="image/png")
    await client.files.upload(parts, name="a.png")
    await client.files.upload(Path("a.png"))
    await client.files.upload(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    file = InputFile(b"x", name="a.png", type="image")
    assert_type(file.type, FileType)
    await client.workflows.run({"a": file, "b": [file, uploaded]}, files=[file, uploaded, {"type": "image"}])
    assert_type(await client.files.preview(uploaded.id), bytes)
    assert_type(await client.files.preview(uploaded.id, "a.png"), Path)


async def form(client: AppClient) -> list[str]:
    parameters = await client.app.parameters()
    field = parameters.form["city"]
    assert_type(field.required, bool)
    assert_type(field.max_length, int | None)
    return parameters.check({"city": "Lisbon"})


async def following(client: AppClient, handle: RunHandle) -> WorkflowResult:
    async with client.workflows.attach(handle, continue_on_pause=True) as run:
        assert_type(run, EventStream[WorkflowEvent, WorkflowResult])
        assert_type(await client.workflows.wait(handle), WorkflowResult)
        return await run.result()


async def on_a_cluster(client: AppClient, dask: Client) -> None:
    batch = map_runs([{"city": "Lisbon"}], client=client, dask=dask, concurrency_total=10)
    async with batch:
        async for outcome in batch:
            assert_type(outcome, Outcome[WorkflowResult])
    map_runs([], client=client, dask="tcp://scheduler:8786")
    map_runs([], client=client)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
