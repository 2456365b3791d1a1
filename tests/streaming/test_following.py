"""Recovery of an interrupted run: frequency of requests, its end, and events of other runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from dify_async import errors, sync
from tests.support import families
from tests.support.clients import app_client, web_client
from tests.support.clock import Clock, frozen_time
from tests.support.families import settings_for, stream_of
from tests.support.raw_server import (
    PING,
    RUN,
    SSE,
    Call,
    Paced,
    RawServer,
    answer,
    event,
    finished,
    node,
    record,
    started,
)

OTHER = "33333333-3333-4333-8333-333333333333"
MORE = {"message_id": "m", "conversation_id": "c"}


async def test_attached_streams_of_one_event_each_are_reopened_with_a_delay() -> None:
    sent = 0

    async def handler(call: Call) -> bool:
        nonlocal sent
        if call.method == "POST":
            await call.send(SSE + started())
            return False
        if "/events" in call.path:
            sent += 1
            await call.send(SSE + node(f"n{sent}"))
            return False
        await call.send(answer(record(status="running")))
        return True

    with RawServer(handler) as server:
        async with app_client(server.base_url) as client:
            with pytest.raises(errors.TotalTimeout):
                await client.workflows.run({}, timeout=1.5)
        assert server.count("GET") <= 20  # Without delays, it would be hundreds.
        assert server.count("POST /v1/workflows/run") == 1


@pytest.mark.parametrize("kind", ["workflow", "chatflow"])
@pytest.mark.parametrize("family", families.FAMILIES)
def test_delivered_content_is_not_delivered_again(family: str, kind: str) -> None:
    attached = 0
    text = event("text_chunk", {"text": "b"}) if kind == "workflow" else event("message", answer="b", **MORE)
    end = finished(outputs={"answer": "b"})
    if kind == "chatflow":
        end += event("message_end", metadata={}, **MORE)
    node_end = event(
        "node_finished",
        {"id": "n1", "node_id": "n1", "title": "T", "node_type": "llm", "status": "succeeded"},
    )

    async def handler(call: Call) -> bool:
        nonlocal attached
        if call.method == "POST":
            await call.send(SSE + started(**(MORE if kind == "chatflow" else {})) + node() + node_end)
        elif "/events" in call.path:
            attached += 1
            snapshot = started() + node() + node_end
            await call.send(SSE + snapshot + (text + end if attached == 4 else b""))
        else:
            await call.send(answer(record(status="running")))
            return True
        return False

    with RawServer(handler) as server:
        names, result = families.FAMILIES[family](("app", kind), server.base_url, "events")
    assert attached == 4
    assert names.count("workflow_started") == 1
    assert names.count("node_started") == 1
    assert names.count("node_finished") == 1
    outputs = result.outputs if kind == "workflow" else {"answer": result.answer}
    assert outputs == {"answer": "b"}


@pytest.mark.parametrize("app", families.APPS, ids="-".join)
@pytest.mark.parametrize("family", families.FAMILIES)
def test_the_events_of_another_run_are_not_the_result(family: str, app: families.App) -> None:
    async def handler(call: Call) -> None:
        if call.method == "POST":
            await call.send(SSE + started(**MORE) + finished(OTHER, outputs={"answer": "wrong"}))
        else:
            await call.send(
                answer({"code": "not_found", "message": "no"}, "404 Not Found", "Connection: close\r\n")
            )

    with RawServer(handler) as server:
        with pytest.raises(errors.DifyError) as caught:
            families.FAMILIES[family](app, server.base_url)
        assert "wrong" not in str(caught.value)
        assert server.count("POST") - server.count("/stop") == 1


@pytest.mark.parametrize("how", ["get", "wait", "recovery"])
async def test_the_record_of_another_run_is_not_the_result(how: str) -> None:
    async def handler(call: Call) -> bool:
        if call.method == "POST":
            await call.send(SSE + started())
            return False
        if "/events" in call.path:
            await call.send(answer({"code": "not_found", "message": "no"}, "404 Not Found"))
        else:
            await call.send(answer(record(OTHER)))
        return True

    with RawServer(handler) as server:
        async with app_client(server.base_url) as client:
            with pytest.raises((errors.DecodeError, errors.StreamInterrupted), match="another run"):
                if how == "get":
                    await client.workflows.get(RUN)
                elif how == "wait":
                    await client.workflows.wait(RUN)
                else:
                    await client.workflows.run({})


@pytest.mark.parametrize("family", ["async", "blocking"])
def test_an_unknown_run_on_servers_of_early_2025(family: str) -> None:
    async def handler(call: Call) -> bool:
        if "/events" in call.path:
            await call.send(answer({"code": "not_found", "message": "no"}, "404 Not Found"))
        else:  # They answer 200 with empty fields.
            await call.send(answer(dict.fromkeys(record(), None)))
        return True

    with RawServer(handler) as server:
        if family == "blocking":
            with sync.AppClient(**settings_for("app", server.base_url)) as blocking:
                for call in (blocking.workflows.get, blocking.workflows.wait):
                    with pytest.raises(errors.NotFound):
                        call(RUN)
            return

        async def main() -> None:
            async with app_client(server.base_url) as client:
                for call in (client.workflows.get, client.workflows.wait):
                    with pytest.raises(errors.NotFound):
                        await call(RUN)

        asyncio.run(main())


@pytest.mark.parametrize("run_id", ["", " ", ".", "..", 5, None, "\ud800"], ids=repr)
@pytest.mark.parametrize("api", ["app", "web"])
async def test_a_run_with_an_invalid_id_ends_as_interrupted(api: str, run_id: Any) -> None:
    async def handler(call: Call) -> None:
        await call.send(SSE + started(run_id) + node())

    with RawServer(handler) as server:
        settings: dict[str, Any] = {"passport": "p"} if api == "web" else {}
        async with (web_client if api == "web" else app_client)(server.base_url, **settings) as client:
            with pytest.raises((errors.OutcomeUnknown, errors.StreamInterrupted)):
                await client.workflows.run({})
        assert (
            server.count("POST /v1/workflows/run") + server.count("POST /api/workflows/run") == 1
            or api == "web"
        )


async def test_an_id_with_special_characters_is_quoted() -> None:
    async def handler(call: Call) -> None:
        if call.method == "POST":
            await call.send(SSE + started("a/../b?c#d"))
        else:
            await call.send(SSE + finished("a/../b?c#d"))

    with RawServer(handler) as server:
        async with app_client(server.base_url) as client:
            assert (await client.workflows.run({})).outputs == {"a": "b"}
    assert server.calls[1].path.startswith("/v1/workflow/a%2F..%2Fb%3Fc%23d/events")


async def advance_at_each_poll(clock: Clock, task: asyncio.Task[Any], polls: Callable[[], int]) -> None:
    """Let 8 seconds pass for each request for the run's record, until the task ends."""
    while not task.done():
        before = polls()
        await clock.settle()
        clock.advance(8)
        # The server responds in real time. Little time may pass until it does, or the client gives up.
        while polls() == before and not task.done():
            await clock.settle()
            clock.advance(0.1)


async def test_polling_continues_while_a_person_takes_hours() -> None:
    polls = 0

    async def handler(call: Call) -> bool:
        nonlocal polls
        if "/events" in call.path:
            await call.send(answer({"code": "not_found", "message": "no"}, "404 Not Found"))
            return True
        polls += 1
        await call.send(answer(record(status="paused" if polls < 500 else "succeeded")))
        return True

    with RawServer(handler) as server:
        async with app_client(server.base_url) as client:
            with frozen_time() as clock:
                waiting = asyncio.create_task(client.workflows.wait(RUN, continue_on_pause=True))
                await advance_at_each_poll(clock, waiting, lambda: polls)
                assert (await waiting).outputs == {"a": "b"}
                assert clock.elapsed > 1260


async def test_waiting_continues_while_pings_arrive_and_a_person_takes_hours() -> None:
    reasons = [{"TYPE": "human_input_required", "form_id": "f", "form_token": "t", "node_id": "n"}]
    paused = event("workflow_paused", {"workflow_run_id": RUN, "reasons": reasons, "status": "paused"})

    class PausedRun(Paced):
        async def _send_parts(self, call: Call) -> None:
            if "/events" in call.path:
                await super()._send_parts(call)
            else:
                await call.send(answer(record(status="paused"), headers="Connection: close\r\n"))

    with PausedRun() as server:
        async with app_client(server.base_url) as client:
            with frozen_time() as clock:
                waiting = asyncio.create_task(client.workflows.wait(RUN, continue_on_pause=True))
                server.give(SSE + started() + paused)
                for number in range(1, 200):
                    clock.advance(10)
                    server.give(PING)
                    await server.until(lambda: server.given == number)  # noqa: B023
                    await clock.settle()
                assert not waiting.done()
                server.give(finished())
                assert (await clock.at_once(waiting)).outputs == {"a": "b"}
    assert server.count("/events") == 1


@pytest.mark.parametrize("kind", ["workflow", "chatflow"])
async def test_a_run_is_polled_more_than_a_thousand_times(kind: str) -> None:
    polls = 0

    async def handler(call: Call) -> bool:
        nonlocal polls
        if call.method == "POST":
            await call.send(SSE + started(**(MORE if kind == "chatflow" else {})))
            return False
        if "/events" in call.path:
            await call.send(answer({"code": "not_found", "message": "no"}, "404 Not Found"))
            return True
        polls += 1
        is_over = polls > 1100
        body = record(
            status="succeeded" if is_over else "running", total_steps=polls, outputs={"answer": "x"}
        )
        await call.send(answer(body))
        return True

    with RawServer(handler) as server:
        async with app_client(server.base_url) as client:
            with frozen_time() as clock:

                async def follow() -> Any:
                    async with stream_of(client, kind) as run:
                        return await run.result()

                running = asyncio.create_task(follow())
                await advance_at_each_poll(clock, running, lambda: polls)
                await running
    assert polls > 1100  # A poll that is slow in real time is repeated.
    assert server.count("POST") == 1
