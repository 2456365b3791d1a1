"""A consumer's file for the blocking client. It is never run: mypy --strict and pyright strict read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import assert_type

from dify_async import InputFile, Probe, Response, Retry, RunHandle, Timeouts, errors, events
from dify_async.events import WorkflowEvent
from dify_async.models import (
    AppInfo,
    AppParameters,
    Page,
    RunStatus,
    UploadedFile,
    WorkflowLog,
    WorkflowResult,
    WorkflowRun,
)
from dify_async.sync import AppClient, EventStream, Pager, WebAppClient, probe


def clients() -> None:
    client = AppClient("app-x", user="ada", timeouts=Timeouts(idle=60), retry=Retry(attempts=1))
    AppClient()
    AppClient(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    AppClient("app-x", usr="ada")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    AppClient("app-x", on_abandon="leave")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert_type(client.for_user("bob"), AppClient)
    assert_type(client.user, str | None)
    assert_type(client.base_url, str)
    assert_type(client.server_version, str | None)
    client.close()


def calls(client: AppClient) -> None:
    with client as entered:
        assert_type(entered, AppClient)
    assert_type(client.workflows.run({"city": "Lisbon"}), WorkflowResult)
    assert_type(client.workflows.submit({}, timeout=5), RunHandle)
    assert_type(client.workflows.get("run"), WorkflowRun)
    assert_type(client.app.info(), AppInfo)
    assert_type(client.app.parameters(), AppParameters)
    assert_type(client.request("GET", "/info", params={"a": 1}), Response)
    assert_type(client.files.upload(Path("a.png")), UploadedFile)
    assert_type(client.files.preview("id"), bytes)
    client.workflows.run({"report": InputFile("q3.pdf")}, files=[InputFile("a.png")])
    client.workflows.stop("task")
    client.workflows.run()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.workflows.run({}, mode="blocking")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.workflows.run({}, response_mode="sse")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.workflows.get(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.workflows.logs(status="running")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.workflows.nothing()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


def options(client: AppClient, web: WebAppClient) -> None:
    client.workflows.run({}, timeout=5, retry=0, user="bob", extra_headers={"A": "b"}, extra_body={"a": 1})
    client.workflows.run({}, timeout=None, retry=None, user=None, extra_headers=None, extra_body=None)
    client.workflows.stream({}, timeout=None)
    client.workflows.logs(timeout=None)
    client.workflows.run_many([{}], timeout=None)
    web.workflows.run({}, timeout=None)
    assert_type(client.with_options(timeouts=5, retry=0), AppClient)
    assert_type(client.for_key("app-y", user="bob"), AppClient)
    assert_type(web.with_options(timeouts=5, retry=0), WebAppClient)

    client.workflows.run({}, timout=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.workflows.run({}, timeout="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.app.info(timout=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.app.info(timeout="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.workflows.stream({}, timout=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.workflows.stream({}, timeout="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.workflows.logs(timout=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.workflows.logs(timeout="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.workflows.run_many([{}], timout=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.workflows.run_many([{}], timeout="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    web.workflows.run({}, timout=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    web.workflows.run({}, timeout="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    web.workflows.run({}, user="bob")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def no_awaiting(client: AppClient) -> None:
    await client.app.info()  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]


def streams(client: AppClient, handle: RunHandle) -> str:
    text = ""
    stream = client.workflows.stream({"city": "Lisbon"}, on_ping=lambda: None)
    assert_type(stream, EventStream[WorkflowEvent, WorkflowResult])
    with stream as run:
        for event in run:
            assert_type(event, WorkflowEvent)
            match event:
                case events.TextChunk(data=chunk):
                    text += chunk.text
                case events.WorkflowFinished(data=finished):
                    assert_type(finished.status, RunStatus)
                case _:
                    print(event.event, event.task_id)
        assert_type(run.text, Iterator[str])
        assert_type(run.result(), WorkflowResult)
        assert_type(run.handle, RunHandle | None)
        run.detach()
        run.close()
    with client.workflows.attach(handle, continue_on_pause=True) as run:
        return text + "".join(run.text)


def lists(client: AppClient) -> Sequence[WorkflowLog]:
    logs = client.workflows.logs(status="failed", limit=5)
    assert_type(logs, Pager[WorkflowLog])
    for log in logs:
        assert_type(log, WorkflowLog)
    for page in logs.pages():
        assert_type(page, Page[WorkflowLog])
    assert_type(logs.first_page(), Page[WorkflowLog])
    return logs.all(limit=10)


def failures(client: AppClient) -> None:
    try:
        client.workflows.run({})
    except errors.RunFailed as exc:
        print(exc.node_id)
    except errors.ApiError as exc:
        assert_type(exc.status, int)
    assert_type(probe("https://dify.example.com"), Probe)
