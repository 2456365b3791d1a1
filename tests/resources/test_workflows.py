"""`client.workflows` with a server that behaves like Dify."""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from dify_async import AppClient, Retry, RunHandle, errors, events
from dify_async.models import RunStatus
from dify_async.testing import Cut, Drop, FakeDify, Field, Node, Refuse, Workflow
from dify_async.testing.engine.events import PING
from tests.support.clients import app_client
from tests.support.clock import frozen_time
from tests.support.faults import GONE

TALKING = Workflow(
    nodes=[
        Node("Start", type="start"),
        Node("LLM", type="llm", text=["Hello", ", ", "world"], outputs={"text": "Hello, world"}, tokens=12),
        Node("End", type="end"),
    ],
    outputs=lambda inputs: {"answer": f"Hello, {inputs.get('name', 'world')}"},
)


async def test_run_returns_the_result(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = TALKING
    result = await client.workflows.run({"name": "Ann"})
    assert result.outputs == {"answer": "Hello, Ann"}
    assert result.status is RunStatus.SUCCEEDED
    assert (result.total_tokens, result.total_steps) == (12, 3)
    assert not result.is_partial
    assert result.error is None
    assert result.raw["event"] == "workflow_finished"
    (run,) = fake_dify.runs.values()
    assert result.handle == RunHandle(run_id=run.id, task_id=run.task_id, user="ada", kind="workflow")
    assert run.inputs == {"name": "Ann"}
    assert run.stop_calls == 0


async def test_run_returns_while_the_server_still_holds_the_socket(fake_dify: FakeDify) -> None:
    fake_dify.tail = 30.0
    async with app_client(fake_dify) as client:
        with frozen_time() as clock:
            await clock.at_once(client.workflows.run({}))


async def test_a_rejected_run_returns_while_the_server_is_silent(
    client: AppClient, fake_dify: FakeDify
) -> None:
    fake_dify.workflow = Workflow(form=[Field("name", required=True)])
    with frozen_time() as clock:
        with pytest.raises(errors.RunRejected, match="name is required in input form") as caught:
            await clock.at_once(client.workflows.run({}))
    assert caught.value.result.error == "name is required in input form"
    assert fake_dify.runs_started == 1


@pytest.mark.parametrize("mode", ["streaming", "blocking"])
async def test_both_modes_return_the_same_result(client: AppClient, fake_dify: FakeDify, mode: str) -> None:
    fake_dify.workflow = TALKING
    result = await client.workflows.run({"name": "Ann"}, response_mode=mode)  # type: ignore[arg-type]
    assert (result.outputs, result.status, result.total_tokens) == ({"answer": "Hello, Ann"}, "succeeded", 12)
    assert result.handle is not None
    assert result.handle.run_id == result.workflow_run_id
    sent = json.loads(fake_dify.requests[0].body)
    assert sent == {"inputs": {"name": "Ann"}, "response_mode": mode, "user": "ada"}


@pytest.mark.parametrize("mode", ["streaming", "blocking"])
async def test_a_failed_run_raises_with_its_result(client: AppClient, fake_dify: FakeDify, mode: str) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Start"), Node("Boom", error="division by zero")])
    with pytest.raises(errors.RunFailed, match="division by zero") as caught:
        await client.workflows.run({}, response_mode=mode)  # type: ignore[arg-type]
    error = caught.value
    assert type(error) is errors.RunFailed
    assert error.result.status == "failed"
    assert error.handle is not None
    assert error.operation == "POST /workflows/run"
    assert error.server_version == "1.14.2"
    assert error.node_id == ("boom" if mode == "streaming" else None)


async def test_a_partially_succeeded_run_returns(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Boom", error="oh", caught=True, retries=2)], outputs={"x": 1})
    result = await client.workflows.run({})
    assert result.is_partial
    assert result.outputs == {"x": 1}


@pytest.mark.parametrize("mode", ["streaming", "blocking"])
async def test_a_paused_run_raises_with_its_form(client: AppClient, fake_dify: FakeDify, mode: str) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Approve", form="Please approve")])
    with pytest.raises(errors.RunPaused) as caught:
        await client.workflows.run({}, response_mode=mode)  # type: ignore[arg-type]
    pause = caught.value.result.paused
    assert pause is not None
    assert pause.nodes == ["approve"]
    assert [form.form_content for form in pause.forms] == ["Please approve"]
    assert [action.id for action in pause.forms[0].actions] == ["approve", "reject"]
    assert caught.value.handle is not None


async def test_a_run_stopped_by_another_caller_raises(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=60)])
    with pytest.raises(errors.RunStopped) as caught:
        async with client.workflows.stream({}) as run:
            async for event in run:
                if isinstance(event, events.NodeStarted):
                    assert run.task_id is not None
                    await client.workflows.stop(run.task_id)
            await run.result()
    assert caught.value.result.status == "stopped"
    assert fake_dify.runs_stopped == 1


async def test_stream_delivers_every_event_in_order(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = TALKING
    names: list[str] = []
    async with client.workflows.stream({}) as run:
        async for event in run:
            names.append(event.event)
        result = await run.result()
    (played,) = fake_dify.runs.values()
    assert names == [event["event"] for event in played.events]
    assert result.outputs == {"answer": "Hello, world"}


async def test_stream_has_the_text(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = TALKING
    async with client.workflows.stream({}) as run:
        pieces = [piece async for piece in run.text]
    assert pieces == ["Hello", ", ", "world"]


async def test_events_can_be_matched_as_in_the_readme(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = TALKING
    seen: list[str] = []
    async with client.workflows.stream({}) as run:
        async for event in run:
            match event:
                case events.TextChunk(data=chunk):
                    seen.append(chunk.text)
                case events.NodeStarted(data=node):
                    seen.append(node.title)
                case _:
                    pass
    assert seen == ["Start", "LLM", "Hello", ", ", "world", "End"]


async def test_pings_are_not_delivered_but_reported_to_on_ping(fake_dify: FakeDify) -> None:
    fake_dify.ping_every = 0.05
    fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=0.4)])
    pings: list[int] = []
    async with app_client(fake_dify) as client:
        async with client.workflows.stream({}, on_ping=lambda: pings.append(1)) as run:
            names = [event.event async for event in run]
    assert names == ["workflow_started", "node_started", "node_finished", "workflow_finished"]
    assert len(pings) >= 3


async def test_submit_returns_at_the_start_and_does_not_stop_the_run(
    client: AppClient, fake_dify: FakeDify
) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=0.5)], outputs={"done": True})
    handle = await client.workflows.submit({})
    (run,) = fake_dify.runs.values()
    assert (handle.run_id, handle.task_id, handle.user) == (run.id, run.task_id, "ada")
    assert not run.over
    assert await asyncio.to_thread(fake_dify.wait_for, lambda: run.over)
    assert run.stop_calls == 0
    stored = await client.workflows.get(handle.run_id)
    assert stored.outputs == {"done": True}
    assert RunHandle.from_json(handle.to_json()) == handle


async def test_submit_raises_for_a_rejected_input(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(form=[Field("name", required=True)])
    with pytest.raises(errors.RunRejected):
        await client.workflows.submit({})


async def test_get_returns_the_record_of_a_failed_run(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Boom", error="oh no")])
    with pytest.raises(errors.RunFailed) as caught:
        await client.workflows.run({"q": "x"})
    assert caught.value.handle is not None
    stored = await client.workflows.get(caught.value.handle.run_id)
    assert (stored.status, stored.error) == ("failed", "oh no")
    assert stored.inputs["q"] == "x"
    assert stored.created_at is not None
    assert abs(datetime.now(UTC) - stored.created_at) < timedelta(minutes=1)


async def test_get_of_an_unknown_run_is_not_found(client: AppClient) -> None:
    with pytest.raises(errors.NotFound, match="Workflow run not found"):
        await client.workflows.get(str(uuid.uuid4()))


async def test_waiting_for_an_id_that_is_not_a_uuid_fails_at_once(
    client: AppClient, fake_dify: FakeDify
) -> None:
    with pytest.raises(errors.ServerError, match=r"pass RunHandle\.run_id, not a task id"):
        await client.workflows.wait("not-a-uuid")
    assert len(fake_dify.requests) == 2


async def test_stop_of_an_unknown_task_is_not_an_error(client: AppClient, fake_dify: FakeDify) -> None:
    await client.workflows.stop(str(uuid.uuid4()))
    assert json.loads(fake_dify.requests[-1].body) == {"user": "ada"}


async def test_a_version_is_run_by_its_id(client: AppClient, fake_dify: FakeDify) -> None:
    version = str(uuid.uuid4())
    fake_dify.workflow_versions.add(version)
    await client.workflows.run({}, workflow_id=version)
    assert fake_dify.requests[0].path == f"/v1/workflows/{version}/run"
    with pytest.raises(errors.NotFound):
        await client.workflows.run({}, workflow_id=str(uuid.uuid4()))
    with pytest.raises(errors.BadRequest, match="Invalid workflow_id format"):
        await client.workflows.run({}, workflow_id="not-a-uuid")


async def test_options_of_a_run_are_sent(client: AppClient, fake_dify: FakeDify) -> None:
    picture = {"type": "image", "transfer_method": "remote_url", "url": "https://x.test/a.png"}
    await client.workflows.run(
        {},
        files=[picture],
        trace_id="trace-1",
        trace_session_id="session-1",
        extra_headers={"X-Mine": "yes"},
        extra_body={"later": True},
    )
    request = fake_dify.requests[0]
    assert json.loads(request.body) == {
        "inputs": {},
        "response_mode": "streaming",
        "files": [picture],
        "user": "ada",
        "later": True,
    }
    assert request.headers["X-Trace-Id"] == "trace-1"
    assert request.headers["X-Trace-Session-Id"] == "session-1"
    assert request.headers["X-Mine"] == "yes"
    assert request.headers["User-Agent"].startswith("dify-async/")


async def test_logs_are_paged_newest_first(client: AppClient, fake_dify: FakeDify) -> None:
    for number in range(7):
        await client.workflows.run({"n": number})
    ids = [log.workflow_run.id async for log in client.workflows.logs(limit=3) if log.workflow_run]
    assert ids == list(reversed(fake_dify.runs))
    pages = [page async for page in client.workflows.logs(limit=3).pages()]
    assert [len(page.data) for page in pages] == [3, 3, 1]
    assert [page.total for page in pages] == [7, 7, 7]
    assert len(await client.workflows.logs(limit=3).all(limit=5)) == 5
    first = await client.workflows.logs(limit=2).first_page()
    assert (first.page, first.has_more, len(first.data)) == (1, True, 2)
    assert first.raw["limit"] == 2


async def test_logs_yield_each_entry_once_while_runs_are_added(
    client: AppClient, fake_dify: FakeDify
) -> None:
    for number in range(6):
        await client.workflows.run({"n": number})
    before = list(reversed(fake_dify.runs))
    ids: list[str] = []
    async for log in client.workflows.logs(limit=2):
        assert log.workflow_run is not None
        ids.append(log.workflow_run.id)
        if len(ids) in {2, 4}:
            for _ in range(3):
                await client.workflows.run({})
    assert len(ids) == len(set(ids))
    assert [known for known in ids if known in before] == before


async def test_logs_filters_are_sent(client: AppClient, fake_dify: FakeDify) -> None:
    when = datetime(2026, 1, 2, tzinfo=UTC)
    logs = client.workflows.logs(
        status="failed", keyword="x y", created_at__after=when, created_by_end_user_session_id="ada", limit=5
    )
    assert await logs.all() == []
    path = fake_dify.requests[-1].path
    assert path == (
        "/v1/workflows/logs?keyword=x+y&status=failed&created_at__after=2026-01-02T00%3A00%3A00%2B00%3A00"
        "&created_by_end_user_session_id=ada&limit=5"
    )


@pytest.mark.parametrize("limit", [0, 101, -1])
async def test_logs_reject_an_invalid_page_size(client: AppClient, limit: int) -> None:
    with pytest.raises(errors.ConfigurationError, match="`limit` must be an int from 1 to 100"):
        client.workflows.logs(limit=limit)


async def test_a_rejection_for_concurrency_is_retried_and_runs_once(
    client: AppClient, fake_dify: FakeDify
) -> None:
    busy = "Too many requests. Please try again later."
    fake_dify.faults.append(Refuse(status=400, code="invalid_param", message=busy))
    fake_dify.faults.append(Refuse(status=429, code="too_many_requests", headers={"Retry-After": "0"}))
    result = await client.workflows.run({})
    assert result.status == "succeeded"
    assert fake_dify.runs_started == 1
    assert len(fake_dify.requests) == 3


@pytest.mark.parametrize("status", [500, 502, 503, 504, 524])
async def test_a_run_that_may_have_started_is_not_retried(
    client: AppClient, fake_dify: FakeDify, status: int
) -> None:
    fake_dify.faults.append(Refuse(status=status, body=b"<html><title>Bad</title></html>"))
    with pytest.raises(errors.ServerError) as caught:
        await client.workflows.run({})
    assert caught.value.may_have_started
    assert len(fake_dify.requests) == 1
    assert isinstance(caught.value, errors.GatewayError) == (status != 500)


async def test_a_quota_error_is_not_retried(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.faults.append(Refuse(status=429, code="rate_limit_error", message="Quota exceeded"))
    with pytest.raises(errors.QuotaExceeded):
        await client.workflows.run({})
    assert len(fake_dify.requests) == 1


async def test_reads_are_retried(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.faults.append(Refuse(on="/info", status=502, body=b"<html></html>"))
    fake_dify.faults.append(Refuse(on="/info", status=503, code="service_unavailable"))
    info = await client.app.info()
    assert info.name == "FakeDify"
    assert len(fake_dify.requests) == 3


@pytest.mark.parametrize("how", ["abort", "reset", "end"])
async def test_an_interrupted_stream_is_not_a_success(
    client: AppClient, fake_dify: FakeDify, how: str
) -> None:
    fake_dify.workflow = TALKING
    fake_dify.faults += [Cut(after_events=4, how=how), GONE]
    with pytest.raises(errors.StreamInterrupted) as caught:
        await client.workflows.run({})
    (run,) = fake_dify.runs.values()
    assert caught.value.handle is not None
    assert caught.value.handle.run_id == run.id
    assert run.stop_calls == 0, "after an interruption the run is not stopped"
    assert [seen.method for seen in fake_dify.requests] == ["POST", "GET", "GET"]


@pytest.mark.parametrize("how", ["abort", "reset", "end"])
async def test_a_stream_interrupted_before_the_run_id_raises_outcomeunknown(
    client: AppClient, fake_dify: FakeDify, how: str
) -> None:
    fake_dify.faults.append(Cut(after_events=0, how=how))
    with pytest.raises(errors.OutcomeUnknown) as caught:
        await client.workflows.run({})
    assert caught.value.may_have_started
    assert fake_dify.runs_started == 1


async def test_a_stream_cut_at_any_byte_gives_a_result_or_a_typed_error(fake_dify: FakeDify) -> None:
    fake_dify.tail = 0
    fake_dify.workflow = Workflow(nodes=[Node("One", text=["你好\u2028"])], outputs={"a": "😀"})
    async with app_client(fake_dify) as client:
        await client.workflows.run({})
        outcomes: dict[str, int] = {}
        size = _size_of_stream(fake_dify)
        for at in [*range(0, size, 37), *range(size - 8, size + 8)]:
            fake_dify.faults[:] = [Cut(at_byte=at), GONE]
            try:
                result = await client.workflows.run({})
            except (errors.OutcomeUnknown, errors.StreamInterrupted) as exc:
                outcome = type(exc).__name__
            else:
                assert result.outputs == {"a": "😀"}
                outcome = "result"
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
            # Without the empty line after it the last event is still an event.
            assert (outcome == "result") == (at >= _size_of_stream(fake_dify) - 2)
    assert set(outcomes) == {"result", "OutcomeUnknown", "StreamInterrupted"}
    fake_dify.faults.clear()  # The last cut was after the end: nothing looked for the run.


def _size_of_stream(fake_dify: FakeDify) -> int:
    """Return the size in bytes of the stream of the latest run."""
    run = list(fake_dify.runs.values())[-1]
    assert fake_dify.wait_for(lambda: run.over)
    lines = [json.dumps(event, ensure_ascii=False, separators=(",", ":")) for event in run.events]
    return len(PING) + sum(len(f"data: {line}\n\n".encode()) for line in lines)


async def test_streams_ask_not_to_be_compressed(client: AppClient, fake_dify: FakeDify) -> None:
    await client.workflows.run({})
    await client.app.info()
    stream, call = (request.headers for request in fake_dify.requests)
    assert (stream["Accept"], stream["Accept-Encoding"]) == ("text/event-stream", "identity")
    assert "gzip" in call["Accept-Encoding"]


@pytest.mark.parametrize("mode", ["streaming", "blocking"])
@pytest.mark.parametrize("after_start", [True, False])
async def test_a_connection_dropped_without_a_response_raises_outcomeunknown(
    client: AppClient, fake_dify: FakeDify, mode: str, after_start: bool
) -> None:
    fake_dify.faults.append(Drop(after_start=after_start))
    with pytest.raises(errors.OutcomeUnknown, match="not sent again") as caught:
        await client.workflows.run({}, response_mode=mode)  # type: ignore[arg-type]
    assert caught.value.may_have_started
    assert len(fake_dify.requests) == 1
    assert fake_dify.runs_started == after_start


async def test_a_refused_connection_is_retried(unused_tcp_port: int) -> None:
    settings = Retry(attempts=3, base=0.05)
    base_url = f"http://127.0.0.1:{unused_tcp_port}"
    async with AppClient("app-x", user="ada", base_url=base_url, retry=settings) as client:
        with pytest.raises(errors.ConnectionFailed, match="no connection to 127") as caught:
            await client.workflows.run({})
    assert not caught.value.may_have_started


async def test_faults_of_runs_do_not_affect_their_records(client: AppClient, fake_dify: FakeDify) -> None:
    handle = await client.workflows.submit({})
    fake_dify.faults.append(Refuse(status=500))
    assert (await client.workflows.get(handle.run_id)).id == handle.run_id
    with pytest.raises(errors.ServerError):
        await client.workflows.run({})


async def test_large_inputs_are_sent_without_a_warning(client: AppClient, fake_dify: FakeDify) -> None:
    text = "蓝" * 500_000
    assert (await client.workflows.run({"text": text})).outputs == {"text": text}


# Following runs that were started elsewhere


async def test_a_run_is_followed_from_its_handle(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("A"), Node("B", seconds=0.5), Node("C")], outputs={"x": 1})
    handle = await client.workflows.submit({})
    handle = RunHandle.from_json(handle.to_json())
    async with client.for_user("bob").workflows.attach(handle) as run:
        assert run.run_id == handle.run_id
        names = [(event.event, getattr(getattr(event, "data", None), "title", "")) async for event in run]
        result = await run.result()
    assert names[:3] == [("workflow_started", ""), ("node_started", "A"), ("node_finished", "A")]
    assert names[-1][0] == "workflow_finished"
    assert (result.outputs, result.handle) == ({"x": 1}, handle)
    async with client.workflows.attach(handle.run_id) as run:
        assert [event.event async for event in run] == ["workflow_finished"], "a finished run"
    assert fake_dify.runs_started == 1


async def test_leaving_an_attached_run_does_not_stop_it(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("A"), Node("B", seconds=0.5)])
    handle = await client.workflows.submit({})
    async with client.workflows.attach(handle) as run:
        async for _ in run:
            break
    (started,) = fake_dify.runs.values()
    assert await asyncio.to_thread(fake_dify.wait_for, lambda: started.over)
    assert (started.status, started.stop_calls) == ("succeeded", 0)


async def test_an_interrupted_attached_run_is_attached_again(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("A"), Node("B", seconds=0.5), Node("C", seconds=0.5)])
    handle = await client.workflows.submit({})
    fake_dify.faults.append(Refuse(status=503, on="/events"))
    fake_dify.faults.append(Cut(after_events=1, on="/events"))
    with pytest.raises(errors.StreamInterrupted) as caught:
        async with client.workflows.attach(handle) as run:
            await run.result()
    assert caught.value.handle is not None
    assert caught.value.handle.run_id == handle.run_id
    assert len(fake_dify.requests) == 3, "following is idempotent, so the request was retried after the 503"


async def test_a_pause_ends_attach_unless_continue_on_pause_is_set(
    client: AppClient, fake_dify: FakeDify
) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Ask", form="Sure?")])
    handle = await client.workflows.submit({})
    with pytest.raises(errors.RunPaused):
        async with client.workflows.attach(handle) as run:
            await run.result()
    with pytest.raises(errors.TotalTimeout):
        async with client.workflows.attach(handle, continue_on_pause=True, timeout=0.3) as run:
            await run.result()


async def test_a_run_of_another_end_user_is_not_found(client: AppClient) -> None:
    handle = await client.workflows.submit({})
    with pytest.raises(errors.NotFound):
        async with client.for_user("bob").workflows.attach(handle.run_id):
            raise AssertionError("it was opened")
