"""Attributes of errors: the response, the retry delay, and the trace id."""

from __future__ import annotations

import pickle
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from dify_async import AppClient, errors, sync
from dify_async.testing import Chat, Cut, FakeDify, Field, Node, Refuse, Silence, Workflow
from tests.support.clients import NO_RETRY, app_client

FAILING = Workflow(nodes=[Node("Bad", error="no model")])
Call = Callable[..., Awaitable[Any]]


async def run(client: AppClient, **options: Any) -> Any:
    return await client.workflows.run({}, trace_id="trace-1", **options)


async def stream(client: AppClient, **options: Any) -> Any:
    async with client.workflows.stream({}, trace_id="trace-1", **options) as run:
        return await run.result()


async def blocking_mode(client: AppClient, **options: Any) -> Any:
    return await client.workflows.run({}, trace_id="trace-1", response_mode="blocking", **options)


TROUBLE: dict[str, tuple[Any, type[errors.DifyError]]] = {
    "rejected": (Refuse(status=400, code="invalid_param"), errors.InvalidParam),
    "limited": (Refuse(status=429, code="too_many_requests"), errors.RateLimited),
    "failed": (FAILING, errors.RunFailed),
    "input missing": (Workflow(form=[Field("name", required=True)]), errors.DifyError),
}


@pytest.mark.parametrize("call", [run, stream, blocking_mode])
@pytest.mark.parametrize("trouble", TROUBLE)
async def test_an_error_has_the_trace_id_that_was_sent(fake_dify: FakeDify, trouble: str, call: Call) -> None:
    cause, kind = TROUBLE[trouble]
    if isinstance(cause, Workflow):
        fake_dify.app = cause
    else:
        fake_dify.faults.append(cause)
    async with app_client(fake_dify, retry=NO_RETRY) as client:
        with pytest.raises(kind) as caught:
            await call(client)
    assert caught.value.trace_id == "trace-1"
    assert pickle.loads(pickle.dumps(caught.value)).trace_id == "trace-1"
    assert caught.value.to_dict()["trace_id"] == "trace-1"


async def test_an_interrupted_chat_has_the_trace_id(fake_dify: FakeDify) -> None:
    fake_dify.app = Chat(answer=["a", "b"])
    fake_dify.faults.append(Cut(after_events=1))
    async with app_client(fake_dify, headers={"x-trace-ID": "of-the-client"}) as client:
        with pytest.raises(errors.StreamInterrupted) as caught:
            await client.chat.send("hi")
    assert caught.value.trace_id == "of-the-client"


async def test_a_timeout_has_the_trace_id(fake_dify: FakeDify) -> None:
    fake_dify.faults.append(Silence(after_events=0))
    async with app_client(fake_dify, retry=NO_RETRY, on_abandon="detach") as client:
        with pytest.raises(errors.TotalTimeout) as caught:
            await run(client, timeout=0.05)
    assert caught.value.trace_id == "trace-1"


def test_errors_of_blocking_clients_have_the_trace_id(fake_dify: FakeDify) -> None:
    fake_dify.app = FAILING
    with sync.AppClient(fake_dify.api_key, user="ada", base_url=fake_dify.base_url) as client:
        with pytest.raises(errors.RunFailed) as caught:
            client.workflows.run({}, trace_id="trace-1")
    assert caught.value.trace_id == "trace-1"


async def test_an_error_without_a_trace_id(fake_dify: FakeDify) -> None:
    fake_dify.app = FAILING
    async with app_client(fake_dify) as client:
        with pytest.raises(errors.RunFailed) as caught:
            await client.workflows.run({})
    assert caught.value.trace_id is None


async def test_a_response_has_a_useful_repr(fake_dify: FakeDify) -> None:
    fake_dify.faults.append(
        Refuse(status=429, code="too_many_requests", message="slow", headers={"Retry-After": "7"}, on="/info")
    )
    async with app_client(fake_dify, retry=NO_RETRY) as client:
        with pytest.raises(errors.RateLimited) as caught:
            await client.app.info()
    error = caught.value
    assert error.retry_after == 7
    assert error.headers["retry-after"] == "7"
    assert b"too_many_requests" in error.body
    told = error.to_dict()
    assert (told["type"], told["status"], told["retry_after"]) == ("RateLimited", 429, 7)


# Reprs that show how to use the object


def test_the_repr_of_a_pager_says_how_to_read_it() -> None:
    pager = AppClient("app-x", user="ada").workflows.logs()
    assert repr(pager) == "<Pager of GET /workflows/logs: use `async for`, or `await pager.all(limit=...)`>"
    blocking = sync.AppClient("app-x", user="ada").workflows.logs()
    assert repr(blocking) == "<Pager of GET /workflows/logs: use `for`, or `pager.all(limit=...)`>"
