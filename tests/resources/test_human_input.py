"""Runs that wait for a person: paused, submitted, and followed to their end, on both APIs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypeAlias

import pytest

from dify_async import AppClient, InputFile, RunHandle, WebAppClient, errors, events
from dify_async.models import ChatResult, WebSite, WorkflowResult
from dify_async.testing import Cut, FakeDify, Field, Node, Refuse, Workflow
from tests.support.clients import app_client, web_client
from tests.support.limits import HANGS_AFTER

Either: TypeAlias = AppClient | WebAppClient

ASKS = Workflow(
    nodes=[Node("First", text=["a"]), Node("Ask", form="Sure?"), Node("Last", text=["b"])], outputs={"x": 1}
)


@pytest.fixture(params=["service", "web"])
async def either(request: pytest.FixtureRequest, fake_dify: FakeDify) -> AsyncIterator[Either]:
    """Yield a client of each API."""
    fake_dify.app = ASKS
    client: Either = app_client(fake_dify)
    if request.param == "web":
        client = web_client(fake_dify)
    async with client:
        yield client


async def paused(client: Either) -> tuple[RunHandle, str]:
    """Start a run that pauses; return its handle and the token of its form."""
    with pytest.raises(errors.RunPaused) as caught:
        await client.workflows.run({})
    result = caught.value.result
    assert isinstance(result, WorkflowResult)
    assert result.paused is not None
    (form,) = result.paused.forms
    assert caught.value.paused is result.paused
    assert (form.form_content, form.form_token is None) == ("Sure?", False)
    assert caught.value.handle is not None
    return caught.value.handle, str(form.form_token)


async def test_a_submitted_form_continues_the_run(either: Either, fake_dify: FakeDify) -> None:
    handle, token = await paused(either)
    form = await either.forms.get(token)
    assert [action.id for action in form.user_actions] == ["approve", "reject"]
    if isinstance(either, WebAppClient):
        assert isinstance(form.site, WebSite)
        assert form.site.site.title == (await either.app.site()).site.title
    else:
        assert form.site is None
    async with either.workflows.resume(handle, token, {"comment": "fine"}, "approve") as run:
        names = [event.event async for event in run]
        result = await run.result()
    assert names[0] == "workflow_started"
    assert "human_input_form_filled" in names
    assert names[-1] == "workflow_finished"
    assert (result.status, result.outputs, result.gap) == ("succeeded", {"x": 1}, False)
    (played,) = fake_dify.runs.values()
    (form_of_run,) = played.forms
    assert (form_of_run.inputs, form_of_run.action) == ({"comment": "fine"}, "approve")
    assert fake_dify.runs_stopped == 0


async def test_the_token_of_a_form_is_masked_in_reprs(either: Either) -> None:
    seen: list[object] = []
    with pytest.raises(errors.RunPaused) as caught:
        async with either.workflows.stream({}) as run:
            seen += [event async for event in run]
            await run.result()
    token = str(caught.value.paused.forms[0].form_token)
    asked = [event for event in seen if isinstance(event, events.HumanInputRequired)]
    assert [event.data.form_token for event in asked] == [token]
    assert token not in repr((seen, caught.value, caught.value.result, caught.value.paused))


async def test_the_stream_is_open_before_the_form_is_submitted(either: Either, fake_dify: FakeDify) -> None:
    handle, token = await paused(either)
    before = len(fake_dify.requests)
    async with either.workflows.resume(handle, token, {"comment": "fine"}, "approve") as run:
        await run.result()
    paths = [request.path.partition("?")[0].partition("/")[2] for request in fake_dify.requests[before:]]
    kinds = ["events" if path.endswith("/events") else "form" for path in paths if "passport" not in path]
    assert kinds == ["events", "form"]


async def test_a_paused_run_can_be_resumed_in_another_process(either: Either, fake_dify: FakeDify) -> None:
    handle, token = await paused(either)
    stored = handle.to_json()
    another: Either = AppClient(fake_dify.api_key, user="somebody", base_url=fake_dify.base_url)
    if isinstance(either, WebAppClient):
        another = WebAppClient(fake_dify.app_code, user="somebody", base_url=fake_dify.web_url)
    async with another:
        async with another.workflows.resume(
            RunHandle.from_json(stored), token, {"comment": "later"}, "approve"
        ) as run:
            assert (await run.result()).outputs == {"x": 1}
    assert fake_dify.runs_started == 1


async def test_a_run_may_pause_again(either: Either, fake_dify: FakeDify) -> None:
    fake_dify.app = Workflow(nodes=[Node("Ask", form="Sure?"), Node("Ask again", form="Really?")])
    handle, token = await paused(either)
    with pytest.raises(errors.RunPaused) as caught:
        async with either.workflows.resume(handle, token, {"comment": "1"}, "approve") as run:
            await run.result()
    assert isinstance(caught.value.result, WorkflowResult)
    assert caught.value.result.paused is not None
    (form,) = caught.value.result.paused.forms
    assert form.form_content == "Really?"
    assert caught.value.handle is not None
    async with either.workflows.resume(
        caught.value.handle, str(form.form_token), {"comment": "2"}, "approve"
    ) as run:
        assert (await run.result()).status == "succeeded"


async def test_a_snapshot_that_still_has_the_pause_is_attached_again(
    either: Either, fake_dify: FakeDify
) -> None:
    handle, token = await paused(either)
    fake_dify.resume_delay = 0.6
    fake_dify.faults.append(Cut(on="/events", at_byte=5))  # Before the first event.
    async with either.workflows.resume(handle, token, {"comment": "fine"}, "approve") as run:
        names = [event.event async for event in run]
        result = await run.result()
    assert (result.status, result.outputs) == ("succeeded", {"x": 1})
    assert "workflow_paused" not in names
    assert names[-1] == "workflow_finished"
    snapshots = [request for request in fake_dify.requests if "include_state_snapshot" in request.path]
    assert len(snapshots) > 1, "otherwise no snapshot contained the pause"


async def test_a_node_that_waits_in_a_snapshot_is_reported_when_it_ends(
    either: Either, fake_dify: FakeDify
) -> None:
    fake_dify.app = Workflow(nodes=[Node("Ask", form="Sure?"), Node("Slow", seconds=4)])
    handle, token = await paused(either)
    fake_dify.resume_delay = 0.6
    fake_dify.faults.append(Cut(on="/events", at_byte=5))
    ends: list[tuple[str, str]] = []
    async with either.workflows.resume(handle, token, {"comment": "fine"}, "approve") as run:
        async for event in run:
            if isinstance(event, events.NodeFinished):
                ends.append((event.data.title, event.data.status))
                if event.data.status != "paused":
                    break
    assert ends == [("Ask", "succeeded")]


async def test_wait_continues_through_a_pause_that_another_person_ends(
    either: Either, fake_dify: FakeDify
) -> None:
    handle, token = await paused(either)
    with pytest.raises(errors.RunPaused):
        await either.workflows.wait(handle)
    waiting = asyncio.create_task(either.workflows.wait(handle, continue_on_pause=True))
    assert await asyncio.to_thread(
        fake_dify.wait_for, lambda: "/events" in fake_dify.requests[-1].path and not waiting.done()
    )
    await either.forms.submit(token, {"comment": "fine"}, "approve")
    result = await waiting
    assert (result.status, result.outputs) == ("succeeded", {"x": 1})


async def test_wait_continues_through_interrupted_streams_during_a_pause(
    either: Either, fake_dify: FakeDify
) -> None:
    handle, token = await paused(either)
    fake_dify.faults.append(Cut(on="/events", at_byte=5, times=2))
    waiting = asyncio.create_task(either.workflows.wait(handle, continue_on_pause=True))
    assert await asyncio.to_thread(
        fake_dify.wait_for, lambda: sum("/events" in request.path for request in fake_dify.requests) >= 3
    )
    await either.forms.submit(token, {"comment": "fine"}, "approve")
    assert (await waiting).outputs == {"x": 1}


async def test_a_pause_is_reported_once_while_waiting(either: Either, fake_dify: FakeDify) -> None:
    handle, token = await paused(either)
    names: list[str] = []

    async def follow() -> None:
        async with either.workflows.attach(handle, continue_on_pause=True) as run:
            async for event in run:
                names.append(event.event)

    following = asyncio.create_task(follow())
    async with asyncio.timeout(HANGS_AFTER):
        while "workflow_paused" not in names:
            await asyncio.sleep(0.01)
        if isinstance(either, WebAppClient):  # The server ends the stream, so the client reconnects.
            while sum("/events" in request.path for request in fake_dify.requests) < 3:
                await asyncio.sleep(0.01)
        await either.forms.submit(token, {"comment": "fine"}, "approve")
        await following
    assert names.count("workflow_paused") == 1
    assert names[-1] == "workflow_finished"


async def test_an_invalid_submission_is_reported_and_the_run_stays_paused(
    either: Either, fake_dify: FakeDify
) -> None:
    handle, token = await paused(either)
    for inputs, action in (({}, "approve"), ({"comment": "x"}, "maybe")):
        with pytest.raises(errors.InvalidFormData):
            async with either.workflows.resume(handle, token, inputs, action):
                pytest.fail("a stream was entered without its form")
    with pytest.raises(errors.NotFound):
        await either.forms.submit("no-such-token", {"comment": "x"}, "approve")
    assert fake_dify.runs_stopped == 0
    await either.forms.submit(token, {"comment": "x"}, "approve")
    for again in (either.forms.get(token), either.forms.submit(token, {"comment": "x"}, "approve")):
        with pytest.raises(errors.FormClosed, match="submitted") as caught:
            await again
        assert caught.value.status == 412


async def test_an_expired_form_is_closed(either: Either, fake_dify: FakeDify) -> None:
    _, token = await paused(either)
    fake_dify.expire_forms()
    with pytest.raises(errors.FormClosed, match="expired"):
        await either.forms.submit(token, {"comment": "x"}, "approve")


async def test_a_form_is_submitted_once(either: Either, fake_dify: FakeDify) -> None:
    _, token = await paused(either)
    fake_dify.faults.append(Refuse(status=502, body=b"<html>", on="POST", times=3))
    with pytest.raises(errors.GatewayError):
        await either.forms.submit(token, {"comment": "x"}, "approve")
    assert sum("/form/" in request.path for request in fake_dify.requests) == 1
    fake_dify.faults[:] = [
        Refuse(status=429, code="web_form_rate_limit_exceeded", message="slow down", on="/form/", times=9)
    ]
    with pytest.raises(errors.RateLimited, match="retry in a minute"):
        await either.forms.submit(token, {"comment": "x"}, "approve")
    assert sum("/form/" in request.path for request in fake_dify.requests) == 2, "seconds do not help"


async def test_a_file_is_submitted_with_a_form(either: Either, fake_dify: FakeDify) -> None:
    fake_dify.app = Workflow(
        nodes=[Node("Ask", form="Sure?", form_fields=[Field("scan", "file")]), Node("Last")]
    )
    handle, token = await paused(either)
    scan = InputFile(b"%PDF", name="scan.pdf")
    async with either.workflows.resume(handle, token, {"scan": scan}, "approve") as run:
        assert (await run.result()).status == "succeeded"
    (stored,) = fake_dify.files.values()
    assert (stored.content, stored.user) == (b"%PDF", "ada")


async def test_files_of_another_person_are_uploaded_with_the_upload_token(
    fake_dify: FakeDify, tmp_path: Path
) -> None:
    fake_dify.app = Workflow(nodes=[Node("Ask", form="Sure?", form_fields=[Field("scan", "file")])])
    fake_dify.remote_files["https://example.org/a.pdf"] = ("application/pdf", b"%PDF-1")
    async with web_client(fake_dify) as web:
        _, token = await paused(web)
    async with WebAppClient(fake_dify.app_code, user="somebody", base_url=fake_dify.web_url) as other:
        upload_token = (await other.forms.upload_token(token)).upload_token
        fetched = await other.forms.upload(InputFile.url("https://example.org/a.pdf"), upload_token)
        assert (fetched.name, fetched.source_url is None) == ("a.pdf", False)
        (tmp_path / "b.pdf").write_bytes(b"%PDF-2")
        assert (await other.forms.upload(tmp_path / "b.pdf", upload_token)).name == "b.pdf"
        scan = await other.forms.upload(InputFile(b"%PDF", name="scan.pdf"), upload_token)
        await other.forms.submit(token, {"scan": scan}, "approve")
        assert other.passport is None, "a form's token is enough"
        with pytest.raises(errors.Forbidden):
            await other.forms.upload(InputFile(b"%PDF", name="scan.pdf"), "hitl_upload_x")


async def test_a_chatflow_pauses_and_continues(either: Either, fake_dify: FakeDify) -> None:
    fake_dify.app = Workflow(
        mode="advanced-chat",
        nodes=[Node("LLM", text=["before "]), Node("Ask", form="Sure?"), Node("LLM 2", text=["after"])],
    )
    for mode in ("streaming", "blocking"):
        with pytest.raises(errors.RunPaused) as caught:
            await either.chat.send("Hi?", response_mode=mode)  # type: ignore[arg-type]
        result = caught.value.result
        assert isinstance(result, ChatResult)
        assert result.paused is not None
        assert caught.value.handle is not None
        assert caught.value.handle.kind == "chat"
        token = str(result.paused.forms[0].form_token)
        resumed = either.workflows.resume(caught.value.handle, token, {"comment": "x"}, "approve")
        async with resumed as run:
            seen = [event async for event in run]
            outputs = (await run.result()).outputs
        assert outputs["answer"] == "before after"
        assert "after" in "".join(event.answer for event in seen if isinstance(event, events.Message))


async def test_leaving_a_resumed_run_does_not_stop_it(either: Either, fake_dify: FakeDify) -> None:
    fake_dify.app = Workflow(nodes=[Node("Ask", form="Sure?"), Node("Slow", seconds=60)])
    handle, token = await paused(either)
    async with either.workflows.resume(handle, token, {"comment": "x"}, "approve") as run:
        await anext(run)
    assert fake_dify.runs_stopped == 0
