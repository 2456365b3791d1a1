"""For any fault at any moment, a run is started at most once, and idempotent operations are retried.

Each operation meets each fault twice, so that the connection of a retry breaks too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
import attrs
import pytest

from dify_async import AppClient, InputFile, Retry, WebAppClient, errors
from dify_async.models import WorkflowResult
from dify_async.testing import Chat, Completion, FakeDify, Field, Node, Refuse, Workflow
from tests.support.clients import app_client, web_client
from tests.support.clock import frozen_time
from tests.support.front import Break, Front, Stage, front_of
from tests.support.limits import HANGS_AFTER

WORKFLOW = Workflow(
    nodes=[Node("One", text=["a", "b"]), Node("Two", seconds=0.05)],
    outputs={"x": 1},
    form=[Field("file", "file")],
)
STAGES: Final[list[Stage]] = ["accepted", "head", "request", "begun", "answer_head", "answered", "page"]


@attrs.frozen
class Clients:
    """One client of each API."""

    app: AppClient
    web: WebAppClient


Call = Callable[[Clients], Awaitable[object]]

FILE = InputFile(b"%PDF", name="a.pdf")
STARTS: dict[str, Call] = {
    "run": lambda ask: ask.app.workflows.run({}),
    "run, blocking": lambda ask: ask.app.workflows.run({}, response_mode="blocking"),
    "submit": lambda ask: ask.app.workflows.submit({}),
    "run with a file": lambda ask: ask.app.workflows.run({"file": FILE}),
    "run, web": lambda ask: ask.web.workflows.run({}),
    "chat": lambda ask: ask.app.chat.send("Hi?"),
    "chat, blocking": lambda ask: ask.app.chat.send("Hi?", response_mode="blocking"),
    "chat, web": lambda ask: ask.web.chat.send("Hi?"),
    "completion": lambda ask: ask.app.completions.create({}),
    "completion, web": lambda ask: ask.web.completions.create({}, response_mode="blocking"),
}
ONCE: dict[str, Call] = {
    "POST": lambda ask: ask.app.request("POST", "/anything", json={}),
    "upload": lambda ask: ask.app.files.upload(b"%PDF", name="a.pdf"),
    "GET that asks a model": lambda ask: ask.app.messages.suggested("m"),
    "GET that asks a model, web": lambda ask: ask.web.messages.suggested("m"),
    "GET that makes an answer, web": lambda ask: ask.web.messages.more_like_this("m"),
    "form": lambda ask: ask.web.forms.submit("t", {}, "ok"),
}
IDEMPOTENT: dict[str, Call] = {
    "GET": lambda ask: ask.app.app.info(),
    "GET, web": lambda ask: ask.web.app.site(),
    "PUT": lambda ask: ask.app.request("PUT", "/anything", json={}),
    "DELETE": lambda ask: ask.app.request("DELETE", "/anything"),
    "DELETE, web": lambda ask: ask.web.conversations.delete("c"),
}
ALL = {**STARTS, **ONCE, **IDEMPOTENT}


async def outcome_of(call: Awaitable[object]) -> object:
    """Return the result of a call, or the error that it raised."""
    try:
        return await call
    except errors.DifyError as error:
        return error


def is_answered(outcome: object) -> bool:
    """Return True if the server itself responded, even with a 404."""
    return not isinstance(outcome, errors.DifyError) or getattr(outcome, "status", 500) < 500


@pytest.fixture(autouse=True)
def app(fake_dify: FakeDify, request: pytest.FixtureRequest) -> None:
    fake_dify.tail = 0.05
    name = request.node.callspec.params.get("name", "") if hasattr(request.node, "callspec") else ""
    fake_dify.app = Chat() if "chat" in name else Completion() if "completion" in name else WORKFLOW


@pytest.fixture
async def front(fake_dify: FakeDify) -> AsyncIterator[Front]:
    async with front_of(fake_dify) as front:
        yield front


@asynccontextmanager
async def clients_of(fake_dify: FakeDify, base_url: str, retry: Retry) -> AsyncIterator[Clients]:
    async with web_client(fake_dify) as before:
        # Otherwise every fault would affect the request for a passport.
        passport = await before.auth.passport()
    web_url = base_url.replace("/v1", "/api")
    async with (
        AppClient(fake_dify.api_key, user="ada", base_url=base_url, retry=retry) as app,
        WebAppClient(fake_dify.app_code, user="ada", base_url=web_url, passport=passport, retry=retry) as web,
    ):
        yield Clients(app, web)


@pytest.fixture
async def clients(fake_dify: FakeDify, front: Front) -> AsyncIterator[Clients]:
    async with clients_of(fake_dify, front.base_url, Retry(attempts=3, base=0.01)) as clients:
        fake_dify.requests.clear()
        yield clients


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", STARTS)
async def test_a_run_is_started_at_most_once(
    clients: Clients, front: Front, fake_dify: FakeDify, name: str, stage: Stage, reset: bool
) -> None:
    # Bytes up to the middle of the second event, so that the run's id is known.
    front.breaks += [Break(stage, bytes=1600, status=504, reset=reset)] * 2
    outcome = await outcome_of(STARTS[name](clients))
    if not isinstance(outcome, errors.DifyError):
        assert fake_dify.runs_started == 1
        assert not isinstance(outcome, WorkflowResult) or outcome.outputs == {"x": 1}
    elif outcome.operation == "POST /files/upload":
        assert fake_dify.runs_started == 0
    elif not isinstance(outcome, errors.StreamInterrupted):
        assert isinstance(outcome, errors.OutcomeUnknown | errors.GatewayError)
        assert fake_dify.runs_started == 0 or outcome.may_have_started, "otherwise it could be retried"
    assert fake_dify.runs_started == front.starts - (
        stage in {"head", "request"} and name != "run with a file"
    )
    assert fake_dify.runs_started <= 1
    assert front.count(b"POST /v1/files/upload ") <= 1


@pytest.mark.parametrize("at_byte", range(0, 4000, 150))
async def test_a_stream_cut_at_any_byte_ends_in_a_result_or_outcomeunknown(
    clients: Clients, front: Front, fake_dify: FakeDify, at_byte: int
) -> None:
    front.breaks.append(Break("answered", bytes=at_byte))
    run = clients.app.workflows.stream({})

    async def read() -> WorkflowResult:
        async with run:
            return await run.result()

    outcome = await outcome_of(read())
    if isinstance(outcome, WorkflowResult):
        assert outcome.outputs == {"x": 1}
    else:
        assert isinstance(outcome, errors.OutcomeUnknown)
        assert (run.run_id, outcome.handle, outcome.may_have_started) == (None, None, True)
    assert fake_dify.runs_started == front.starts == 1


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", ONCE)
async def test_operations_that_create_or_cost_something_are_sent_once(
    clients: Clients, front: Front, fake_dify: FakeDify, name: str, stage: Stage
) -> None:
    front.breaks += [Break(stage, bytes=30)] * 2
    with pytest.raises(errors.DifyError) as caught:
        await ONCE[name](clients)
    assert isinstance(caught.value, errors.TransportError | errors.GatewayError)
    assert len(front.heads) == (stage != "accepted")
    assert len(fake_dify.files) <= 1


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", IDEMPOTENT)
async def test_idempotent_operations_are_retried_until_they_succeed(
    clients: Clients, front: Front, name: str, stage: Stage
) -> None:
    front.breaks += [Break(stage, bytes=30)] * 2
    assert is_answered(await outcome_of(IDEMPOTENT[name](clients)))
    assert len(front.breaks) == 0
    assert len(front.heads) == (1 if stage == "accepted" else 3)


async def test_a_retried_delete_that_gets_404_has_succeeded(
    clients: Clients, front: Front, fake_dify: FakeDify
) -> None:
    front.breaks.append(Break("begun"))
    assert (await clients.app.request("DELETE", "/anything")).status == 204


@pytest.mark.parametrize("name", ALL)
async def test_a_refused_connection_is_retried_for_all_operations(
    fake_dify: FakeDify, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "dify_async")
    retry = Retry(attempts=1000, base=0.05, cap=0.1)
    async with clients_of(fake_dify, fake_dify.base_url, retry) as clients:
        fake_dify.close()
        call = asyncio.ensure_future(ALL[name](clients))
        async with asyncio.timeout(HANGS_AFTER):
            while "attempt 1 failed" not in caplog.text:
                await asyncio.sleep(0.01)
        await asyncio.to_thread(fake_dify.start)
        assert is_answered(await outcome_of(call))
    assert fake_dify.runs_started == (name in STARTS)


REJECTIONS = {
    "429": Refuse(status=429, code="too_many_requests", message="slow down", on="/", times=2),
    "400": Refuse(
        status=400,
        code="invalid_param",
        message="Too many requests. Please try again later.",
        on="/",
        times=2,
    ),
}


@pytest.mark.parametrize("rejection", REJECTIONS)
@pytest.mark.parametrize("name", ALL)
async def test_a_rejection_for_concurrency_is_retried_for_all_operations(
    clients: Clients, fake_dify: FakeDify, name: str, rejection: str
) -> None:
    fake_dify.faults.append(REJECTIONS[rejection])
    assert is_answered(await outcome_of(ALL[name](clients)))
    assert fake_dify.runs_started == (name in STARTS)
    assert len(fake_dify.files) == (name in {"upload", "run with a file"})


@pytest.mark.parametrize("status", [502, 503, 504, 524])
@pytest.mark.parametrize("name", ALL)
async def test_gateway_errors_are_retried_only_for_idempotent_operations(
    clients: Clients, front: Front, fake_dify: FakeDify, name: str, status: int
) -> None:
    front.breaks += [Break("page", status=status)] * 3
    with pytest.raises(errors.GatewayError) as caught:
        await ALL[name](clients)
    assert caught.value.status == status
    assert len(front.heads) == (3 if name in IDEMPOTENT else 1)
    assert fake_dify.runs_started <= 1
    costs = name in STARTS or name == "GET that makes an answer, web"
    assert caught.value.may_have_started == (costs and name != "run with a file")


async def test_retries_have_one_layer_and_one_budget(clients: Clients, fake_dify: FakeDify) -> None:
    fake_dify.faults.append(Refuse(status=503, on="/info", times=99))
    with pytest.raises(errors.ServerError):
        await clients.app.app.info()
    assert len(fake_dify.requests) == 3

    fake_dify.faults[:] = [Refuse(status=429, on="/info", headers={"Retry-After": "7"}, times=99)]
    patient = app_client(fake_dify, retry=Retry(attempts=9, base=0.01, total=5))
    async with patient:
        with frozen_time() as clock, pytest.raises(errors.RateLimited) as caught:
            await clock.at_once(patient.app.info())  # A delay beyond the budget is not started.
    assert caught.value.retry_after == 7
    assert len(fake_dify.requests) == 4


async def test_calls_rejected_together_are_retried_at_different_times(fake_dify: FakeDify) -> None:
    fake_dify.faults.append(Refuse(status=429, code="too_many_requests", times=100))
    sent: list[float] = []
    rejected: list[int] = []

    async def note_start(*_: object) -> None:
        sent.append(asyncio.get_running_loop().time())

    async def note_answer(*seen: Any) -> None:
        rejected.append(seen[2].response.status)

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(note_start)
    trace.on_request_end.append(note_answer)
    retry = Retry(attempts=2, base=1.0)
    async with app_client(fake_dify, retry=retry, trace_configs=[trace]) as client:
        with frozen_time() as clock:
            runs = asyncio.gather(*(client.workflows.run({}) for _ in range(100)))
            while len(rejected) < 100:
                await asyncio.to_thread(fake_dify.wait_for, lambda: len(rejected) == 100)
            await clock.settle()
            for _ in range(11):
                clock.advance(0.1)
                await clock.settle()
            await clock.at_once(runs)
    again = sorted(sent)[100:]
    tenths = {round((moment - clock.began) * 10) for moment in again}
    assert len(again) == 100
    assert len(tenths) >= 6, "spread over a second"
    assert fake_dify.runs_started == 100
