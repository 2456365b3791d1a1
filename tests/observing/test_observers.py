"""Observers are notified by clients of both families, and do not affect calls."""

from __future__ import annotations

import asyncio
import gc
import logging
import pickle
import weakref
from typing import Any

import pytest

from dify_async import AppClient, KnowledgeClient, Observer, Retry, WebAppClient, errors, sync
from dify_async._http.observing import Observers
from dify_async.observer import Call, Run
from dify_async.testing import Chat, Cut, Delay, Drop, FakeDify, Node, Refuse, Workflow
from tests.support.clients import app_client, web_client
from tests.support.families import FAMILIES
from tests.support.faults import GONE
from tests.support.observers import Notes

RUN = "POST /workflows/run"
SLOW = Workflow(nodes=[Node("Start", type="start"), Node("Wait", text=["a", "b"], seconds=60)])


@pytest.fixture
def notes() -> Notes:
    return Notes()


def read(family: str, server: FakeDify, notes: Observer, kind: str = "workflow", **settings: Any) -> Any:
    settings = {"api_key": server.api_key, "observer": notes, **settings}
    return FAMILIES[family](("app", kind), server.base_url, **settings)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_run_is_reported_from_its_opening_to_its_end(
    family: str, fake_dify: FakeDify, notes: Notes
) -> None:
    read(family, fake_dify, notes)
    nodes = ["run_event node_started", "run_event text_chunk", "run_event node_finished"]
    assert [one for one in dict.fromkeys(notes.texts) if one not in nodes] == [
        f"run_opening {RUN}",
        f"operation_started {RUN}",
        f"operation_ended {RUN}",
        "run_opened",
        "run_event workflow_started",
        "run_event workflow_finished",
        "run_ended succeeded NoneType",
    ]
    (run,) = notes.runs
    (call,) = notes.calls
    assert (call.status, call.attempts, call.run, call.starts_run) == (200, 1, run, True)
    assert (run.run_id, run.task_id) == (fake_dify.runs[0].id, fake_dify.runs[0].task_id)
    assert (run.is_new, run.kind, run.attempts, run.interruptions) == (True, "workflow", 1, 0)
    assert run.usage is not None
    assert (run.usage.total_tokens, run.events) == (7, len(notes.of("run_event")))
    assert run.received > 1000
    times = (run.queued, run.opened_after, run.first_event_after, run.first_text_after, run.elapsed)
    assert list(times) == sorted(times)  # type: ignore[type-var]


@pytest.mark.parametrize("family", FAMILIES)
def test_an_interruption_and_recovery_are_reported(family: str, fake_dify: FakeDify, notes: Notes) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("One", text=["a", "b"]), Node("Two", seconds=0.1)])
    fake_dify.faults.append(Cut(after_events=2))
    read(family, fake_dify, notes)
    assert notes.of("run_in", "run_re", "run_ended") == [
        "run_interrupted",
        "run_recovered",
        "run_ended succeeded NoneType",
    ]
    assert notes.runs[0].interruptions == 1
    assert {call.run for call in notes.calls} == {notes.runs[0]}, "calls of the recovery belong to the run"
    assert len(notes.of("run_event workflow_started")) == 1, "no event is reported twice"


@pytest.mark.parametrize("family", FAMILIES)
def test_retries_are_reported_with_their_delay(family: str, fake_dify: FakeDify, notes: Notes) -> None:
    fake_dify.faults.append(Refuse(status=429, code="too_many_requests", on=RUN, times=2))
    read(family, fake_dify, notes, retry=Retry(attempts=3, base=0.01))
    assert notes.of("attempt") == ["attempt_failed RateLimited 1", "attempt_failed RateLimited 2"]
    assert all(delay is not None and 0 <= delay < 1 for delay in notes.delays)
    assert notes.calls[0].attempts == notes.runs[0].attempts == 3


async def test_the_last_attempt_has_no_delay(fake_dify: FakeDify, notes: Notes) -> None:
    fake_dify.faults.append(Refuse(status=404, code="not_found", on="/info"))
    async with app_client(fake_dify, observer=notes) as client:
        with pytest.raises(errors.NotFound) as caught:
            await client.app.info()
    assert notes.delays == [None]
    assert notes.errors == [caught.value]
    assert (notes.calls[0].status, notes.calls[0].run) == (404, None)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_pause_is_reported_as_an_event_of_the_run(family: str, fake_dify: FakeDify, notes: Notes) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Ask", form="OK?")])
    with pytest.raises(errors.RunPaused):
        read(family, fake_dify, notes)
    assert notes.of("run_paused", "run_ended") == ["run_paused", "run_ended paused NoneType"]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_failed_run_is_an_outcome(family: str, fake_dify: FakeDify, notes: Notes) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Boom", error="boom")])
    with pytest.raises(errors.RunFailed):
        read(family, fake_dify, notes)
    assert notes.of("run_ended") == ["run_ended failed NoneType"]
    assert notes.runs[0].result.error == "boom"  # type: ignore[union-attr]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_lost_stream_is_an_error(family: str, fake_dify: FakeDify, notes: Notes) -> None:
    fake_dify.faults += [Cut(after_events=2), GONE]
    with pytest.raises(errors.StreamInterrupted):
        read(family, fake_dify, notes)
    assert notes.of("run_in", "run_re", "run_ended") == [
        "run_interrupted",
        "run_ended error StreamInterrupted",
    ]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_run_that_never_opened_ends(family: str, fake_dify: FakeDify, notes: Notes) -> None:
    fake_dify.faults.append(Drop())
    with pytest.raises(errors.OutcomeUnknown):
        read(family, fake_dify, notes, retry=0)
    assert notes.of("run_") == [f"run_opening {RUN}", "run_ended error OutcomeUnknown"]
    assert notes.calls[0].status is None


async def test_an_early_exit_reports_the_stop_and_the_exception(fake_dify: FakeDify, notes: Notes) -> None:
    fake_dify.workflow = SLOW
    async with app_client(fake_dify, observer=notes) as client:
        with pytest.raises(ValueError, match="enough"):
            async with client.workflows.stream({}) as run:
                async for _ in run:
                    raise ValueError("enough")
    assert notes.of("run_stopped", "run_ended") == ["run_stopped None", "run_ended stopped ValueError"]
    assert [call.operation for call in notes.calls] == [RUN, "POST /workflows/tasks/{task_id}/stop"]
    assert {call.run for call in notes.calls} == {notes.runs[0]}


def test_an_early_exit_of_a_blocking_client_is_reported(fake_dify: FakeDify, notes: Notes) -> None:
    fake_dify.workflow = SLOW
    settings: dict[str, Any] = {"base_url": fake_dify.base_url, "user": "ada", "observer": notes}
    with sync.AppClient(fake_dify.api_key, **settings) as client:
        with pytest.raises(ValueError, match="enough"), client.workflows.stream({}) as run:
            next(iter(run))
            raise ValueError("enough")
        with client.workflows.stream({}) as run:
            run.detach()
    assert notes.of("run_stopped", "run_ended") == [
        "run_stopped None",
        "run_ended stopped ValueError",
        "run_ended detached NoneType",
    ]


async def test_a_cancelled_run_is_reported_as_ended(fake_dify: FakeDify, notes: Notes) -> None:
    fake_dify.workflow = SLOW
    async with app_client(fake_dify, observer=notes) as client:
        task = asyncio.create_task(client.workflows.run({}))
        await notes.until("run_event workflow_started")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert notes.of("run_stopped", "run_ended") == ["run_stopped None", "run_ended stopped CancelledError"]


async def test_a_timeout_is_reported_as_the_error_that_the_caller_gets(
    fake_dify: FakeDify, notes: Notes
) -> None:
    fake_dify.faults.append(Delay(seconds=60, on="/info"))
    async with app_client(fake_dify, observer=notes, timeouts=0.2) as client:
        with pytest.raises(errors.TotalTimeout):
            await client.app.info()
        fake_dify.workflow = SLOW
        with pytest.raises(errors.TotalTimeout):
            await client.workflows.run({})
    assert [type(error) for error in notes.errors[:1]] == [errors.TotalTimeout]
    assert notes.of("run_ended") == ["run_ended error TotalTimeout"]


async def test_attached_runs_are_reported_as_attached(fake_dify: FakeDify, notes: Notes) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Wait", seconds=0.2)])
    async with app_client(fake_dify, observer=notes) as client:
        handle = await client.workflows.submit({})
        await client.workflows.wait(handle)
    submitted, waited = notes.runs
    assert (submitted.outcome, submitted.is_new) == ("detached", True)
    assert (waited.outcome, waited.is_new, waited.run_id) == ("succeeded", False, handle.run_id)


@pytest.mark.parametrize("family", FAMILIES)
def test_chats_are_reported_with_their_usage(family: str, fake_dify: FakeDify, notes: Notes) -> None:
    fake_dify.app = Chat(answer=["Hello, ", "Ada."])
    read(family, fake_dify, notes, kind="chatflow")
    (run,) = notes.runs
    assert (run.outcome, run.kind, run.run_id) == ("succeeded", "chat", None)
    assert run.usage is not None
    assert run.usage.total_tokens == 2
    assert run.result.answer == "Hello, Ada."  # type: ignore[union-attr]


async def test_runs_in_blocking_mode_are_reported(fake_dify: FakeDify, notes: Notes) -> None:
    fake_dify.faults.append(Refuse(status=429, on=RUN))
    async with app_client(fake_dify, observer=notes, retry=Retry(base=0.01)) as client:
        result = await client.workflows.run({}, response_mode="blocking")
        fake_dify.app = Chat(answer="Hello")
        await client.chat.send("hi", response_mode="blocking")
        fake_dify.faults.append(Drop())
        with pytest.raises(errors.OutcomeUnknown):
            await client.chat.send("hi", response_mode="blocking")
    workflow, chat, lost = notes.runs
    assert (workflow.outcome, workflow.run_id, workflow.attempts) == ("succeeded", result.workflow_run_id, 2)
    assert workflow.result == result
    assert (chat.outcome, chat.kind) == ("succeeded", "chat")
    assert (lost.outcome, notes.texts[-1]) == ("error", "run_ended error OutcomeUnknown")
    assert [call.run for call in notes.calls] == notes.runs


async def test_rows_of_batches_are_reported(fake_dify: FakeDify, notes: Notes) -> None:
    async with app_client(fake_dify, observer=notes) as client:
        rows: list[Any] = [{"city": "Lisbon"}, 3]
        async with client.workflows.run_many(rows, concurrency=1) as batch:
            outcomes = await batch.all()
    assert notes.of("batch") == [
        "batch_row_started 0",
        "batch_row_ended 0",
        "batch_row_started 1",
        "batch_row_ended 1",
    ]
    assert [outcome for _, outcome in notes.rows] == outcomes
    assert [outcome.ok for outcome in outcomes] == [True, False]
    assert [outcome.attempts for outcome in outcomes] == [1, 0]


def test_rows_of_blocking_batches_are_reported(fake_dify: FakeDify, notes: Notes) -> None:
    settings: dict[str, Any] = {"base_url": fake_dify.base_url, "user": "ada", "observer": notes}
    with (
        sync.AppClient(fake_dify.api_key, **settings) as client,
        client.workflows.run_many([{}], check_inputs=False) as batch,
    ):
        assert batch.all()[0].ok
    assert notes.of("batch", "run_ended") == [
        "batch_row_started 0",
        "run_ended succeeded NoneType",
        "batch_row_ended 0",
    ]


class RaisesInEach(Observer):
    """Raises in every method."""


def _failing(name: str) -> Any:
    def method(self: object, *_: object) -> None:
        raise (asyncio.CancelledError if name == "run_event" else KeyError)(name)

    method.__qualname__ = name
    return method


for _name in vars(Observer):
    if not _name.startswith("_"):
        setattr(RaisesInEach, _name, _failing(_name))


@pytest.mark.parametrize("family", FAMILIES)
def test_an_observer_that_raises_does_not_affect_the_call(
    family: str, fake_dify: FakeDify, notes: Notes, caplog: pytest.LogCaptureFixture
) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("One", text=["a", "b"]), Node("Two", seconds=0.1)])
    fake_dify.faults += [Refuse(status=429, on=RUN), Cut(after_events=2)]
    observers = [RaisesInEach(), notes]
    _, result = read(family, fake_dify, notes, observer=observers, retry=Retry(base=0.01))
    assert result.status == "succeeded"
    assert notes.of("run_ended") == ["run_ended succeeded NoneType"], "other observers are called"
    logged = [record for record in caplog.records if record.name == "dify_async.observer"]
    named = [record.args[0] for record in logged if isinstance(record.args, tuple)]
    assert sorted(named) == sorted(set(named)), "once per method"
    assert {"operation_started", "attempt_failed", "run_event", "run_interrupted", "run_ended"} <= set(named)


async def test_headers_of_observers_are_sent_only_to_the_server(fake_dify: FakeDify) -> None:
    class Adds(Observer):
        def operation_started(self, call: Call) -> None:
            call.headers |= {"X-Mine": "yes", "X-Given": "observer"}

    async with app_client(fake_dify, observer=Adds(), headers={"x-given": "client"}) as client:
        await client.app.info()
    (request,) = fake_dify.requests
    assert (request.headers["X-Mine"], request.headers["X-Given"]) == ("yes", "client")


async def test_invalid_headers_are_not_sent(fake_dify: FakeDify, caplog: pytest.LogCaptureFixture) -> None:
    class Adds(Observer):
        def operation_started(self, call: Call) -> None:
            call.headers["X-Mine"] = "a\r\nX-Forged: yes"

    async with app_client(fake_dify, observer=Adds()) as client:
        await client.app.info()
    assert "X-Mine" not in fake_dify.requests[0].headers
    assert [record.name for record in caplog.records] == ["dify_async.observer"]


@pytest.mark.parametrize("kind", [AppClient, WebAppClient, KnowledgeClient, sync.AppClient])
@pytest.mark.parametrize("wrong", [3, [Observer(), "x"], Observer])
def test_other_objects_are_rejected(kind: Any, wrong: object) -> None:
    key = "dataset-123456789" if kind is KnowledgeClient else "app-123456789"
    with pytest.raises(errors.ConfigurationError, match=r"`observer` must be a dify_async.Observer"):
        kind(key, observer=wrong)


async def test_clients_of_the_web_api_and_of_knowledge_bases_are_observed(
    fake_dify: FakeDify, notes: Notes
) -> None:
    async with web_client(fake_dify, observer=notes) as client:
        await client.workflows.run({})
    assert notes.of("operation_ended", "run_ended") == [
        "operation_ended GET /passport",
        f"operation_ended {RUN}",
        "run_ended succeeded NoneType",
    ]


async def test_views_have_the_observers_of_their_client(fake_dify: FakeDify, notes: Notes) -> None:
    async with app_client(fake_dify, observer=notes) as client:
        await client.for_user("bob").with_options(retry=0).app.info()
    assert notes.of("operation_ended") == ["operation_ended GET /info"]


def test_clients_pickle_with_their_observers() -> None:
    client = pickle.loads(pickle.dumps(AppClient("app-123456789", user="ada", observer=Notes())))
    assert client.user == "ada"
    observers = pickle.loads(pickle.dumps(Observers((Notes(),))))
    assert observers.given


async def test_bytes_are_counted(fake_dify: FakeDify, notes: Notes, tmp_path: Any) -> None:
    async with app_client(fake_dify, observer=notes) as client:
        response = await client.request("GET", "/info")
    assert notes.calls[0].received == len(response.body)


async def test_a_dropped_stream_with_an_observer_leaves_no_garbage(fake_dify: FakeDify, notes: Notes) -> None:
    async with app_client(fake_dify, observer=Notes()) as client:
        stream = client.workflows.stream({})
        async with stream as run:
            await run.result()
        dropped = weakref.ref(stream)
        del stream, run
        gc.collect()
        assert dropped() is None


async def test_no_reports_are_created_without_observers(
    fake_dify: FakeDify, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made: list[type] = []
    for kind in (Call, Run):
        monkeypatch.setattr(kind, "__init__", lambda self, **_: made.append(type(self)))
    caplog.set_level(logging.INFO, "dify_async")  # Restored at the end.
    async with app_client(fake_dify) as client:
        await client.workflows.run({})
        await client.app.info()
    assert made == []
