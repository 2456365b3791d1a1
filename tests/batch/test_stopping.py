"""Errors that stop a batch, because every further row would fail for the same reason, and errors that do not."""

from __future__ import annotations

from typing import Any

import pytest

from dify_async import AppClient, Outcome, Retry, RunHandle, errors, sync
from dify_async.batch import Batch
from dify_async.batch.executor import RowResult
from dify_async.models import RunStatus, WorkflowResult
from dify_async.testing import Chat, FakeDify, Refuse, Workflow

GOOD = WorkflowResult(status=RunStatus.SUCCEEDED)


@pytest.fixture(autouse=True)
def app(fake_dify: FakeDify) -> None:
    fake_dify.tail = 0.0
    fake_dify.workflow = Workflow(outputs={"n": 1})


async def read(batch: Batch[Any, Any]) -> tuple[list[Outcome[Any]], Exception | None]:
    """Return the outcomes of a batch, and the error that stopped it."""
    outcomes: list[Outcome[Any]] = []
    try:
        async with batch:
            async for outcome in batch:
                outcomes.append(outcome)
    except errors.DifyError as exc:
        return outcomes, exc
    return outcomes, None


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "unauthorized", errors.Unauthorized),
        (403, "forbidden", errors.Forbidden),
        (400, "not_workflow_app", errors.WrongAppMode),
        (400, "app_unavailable", errors.AppUnavailable),
        (400, "provider_not_initialize", errors.ProviderNotInitialized),
    ],
)
@pytest.mark.parametrize("check_inputs", [True, False])
async def test_an_invalid_configuration_stops_the_batch(
    client: AppClient,
    fake_dify: FakeDify,
    status: int,
    code: str,
    kind: type[errors.ApiError],
    check_inputs: bool,
) -> None:
    fake_dify.faults.append(Refuse(status=status, code=code, times=999, on="/"))
    batch = client.workflows.run_many([{}] * 100, concurrency=4, check_inputs=check_inputs)
    outcomes, error = await read(batch)
    assert type(error) is kind
    assert [type(outcome.error) for outcome in outcomes] == [kind] * len(outcomes)
    assert len(outcomes) == len(fake_dify.requests) <= 5


async def test_an_app_of_another_mode_stops_the_batch(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.app = Chat()
    outcomes, error = await read(client.workflows.run_many([{}] * 50, concurrency=3, check_inputs=False))
    assert isinstance(error, errors.WrongAppMode)
    assert len(outcomes) <= 4


async def test_a_wrong_key_stops_a_batch_of_messages(fake_dify: FakeDify) -> None:
    fake_dify.app = Chat()
    async with AppClient("app-wrong", user="ada", base_url=fake_dify.base_url) as client:
        outcomes, error = await read(client.chat.send_many(["hi"] * 50, concurrency=3))
    assert isinstance(error, errors.Unauthorized)
    assert len(outcomes) == len(fake_dify.requests) <= 4


def test_a_wrong_key_stops_a_batch_of_the_blocking_client(fake_dify: FakeDify) -> None:
    outcomes: list[Outcome[WorkflowResult]] = []
    with sync.AppClient("app-wrong", user="ada", base_url=fake_dify.base_url) as client:
        with client.workflows.run_many([{}] * 50, concurrency=3) as batch:
            with pytest.raises(errors.Unauthorized):
                outcomes.extend(batch)
            assert batch.totals.rows == len(fake_dify.requests) <= 4


async def test_a_server_that_cannot_be_reached_at_the_start_stops_the_batch() -> None:
    retry = Retry(attempts=1)
    async with AppClient("app-x", user="ada", base_url="http://127.0.0.1:1", retry=retry) as client:
        outcomes, error = await read(client.workflows.run_many([{}] * 50, concurrency=3))
    assert isinstance(error, errors.ConnectionFailed)
    assert [type(outcome.error) for outcome in outcomes] == [errors.ConnectionFailed] * 3


class Scripted:
    """An executor whose first rows fail with the given errors; all other rows succeed."""

    def __init__(self, *given: errors.DifyError | None) -> None:
        self.errors = iter(given)
        self.calls: list[str] = []

    async def open(self) -> None:
        self.calls.append("open")

    async def run(self, row: int, key: str) -> RowResult[WorkflowResult]:
        error = next(self.errors, None)
        return RowResult(None if error else GOOD, error, attempts=1)

    async def close(self) -> None:
        self.calls.append("close")


def batch_of(executor: Scripted) -> Batch[int, WorkflowResult]:
    return Batch(range(20), executor, concurrency=1, ordered=False, adaptive=False)


def always(*given: errors.DifyError | None) -> Batch[int, WorkflowResult]:
    return batch_of(Scripted(*given))


@pytest.mark.parametrize(
    "error",
    [
        errors.ConfigurationError("the inputs do not fit"),
        errors.InvalidParam("no", status=400),
        errors.NotFound("no", status=404),
        errors.RateLimited("of the provider", status=429, code="rate_limit_error"),
        errors.KnowledgeRateLimited("no", status=403),
        errors.ServerError("no", status=500),
        errors.RunFailed("no", result=WorkflowResult()),
        errors.OutcomeUnknown("no", may_have_started=True),
        errors.StreamInterrupted("no"),
        errors.DecodeError("no"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_errors_of_a_row_do_not_stop_the_batch(error: errors.DifyError) -> None:
    outcomes, raised = await read(always(*[error] * 10))
    assert raised is None
    assert [outcome.ok for outcome in outcomes] == [False] * 10 + [True] * 10


async def test_a_client_that_cannot_be_used_stops_the_batch() -> None:
    closed = errors.ConfigurationError("the client is closed", about_client=True)
    outcomes, raised = await read(always(closed))
    assert (len(outcomes), raised) == (1, closed)


async def test_a_server_that_goes_away_later_does_not_stop_the_batch() -> None:
    gone = errors.ConnectionFailed("gone")
    outcomes, raised = await read(always(None, *[gone] * 5))
    assert (len(outcomes), raised) == (20, None)


@pytest.mark.parametrize(("holds_slot", "count"), [(True, 4), (False, 20)])
async def test_rejected_runs_stop_the_batch_only_if_each_holds_a_slot(holds_slot: bool, count: int) -> None:
    handle = None if holds_slot else RunHandle(run_id="r-1", task_id=None, user="ada", kind="workflow")
    rejected = errors.RunRejected("no", result=WorkflowResult(status=RunStatus.FAILED), handle=handle)
    outcomes, raised = await read(always(None, rejected, rejected, rejected))
    assert (len(outcomes), raised) == (count, rejected if holds_slot else None)


async def test_an_executor_is_opened_and_closed_once() -> None:
    executor = Scripted()
    batch = batch_of(executor)
    assert executor.calls == []
    assert len((await read(batch))[0]) == 20
    await batch.aclose()
    assert executor.calls == ["open", "close"]


async def test_an_executor_that_cannot_be_opened_is_not_closed() -> None:
    class Broken(Scripted):
        async def open(self) -> None:
            raise errors.ConnectionFailed("no cluster")

    executor = Broken()
    with pytest.raises(errors.ConnectionFailed, match="no cluster"):
        async with batch_of(executor):
            pass
    assert executor.calls == []
