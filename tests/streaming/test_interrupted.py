"""An interrupted stream is recovered, in both client families, for each way of reading it."""

from __future__ import annotations

import pytest

from tests.support import families
from tests.support.raw_server import RUN, SSE, Call, RawServer, answer, event, finished, node, record, started

MORE = {"message_id": "m", "conversation_id": "c"}


def text_chunk(text: str) -> bytes:
    return event("text_chunk", {"text": text})


def message(text: str) -> bytes:
    return event("message", answer=text, **MORE)


def beginning(kind: str) -> bytes:
    text = text_chunk("one ") if kind == "workflow" else message("one ")
    return started(**(MORE if kind == "chatflow" else {})) + node() + text


def ending(kind: str) -> bytes:
    if kind == "workflow":
        return text_chunk("two") + finished()
    end = event("message_end", metadata={}, id="m", **MORE)
    return message("two") + finished(outputs={"answer": "one two"}) + end


@pytest.mark.parametrize("how", ["events", "text", "result"])
@pytest.mark.parametrize("app", families.APPS, ids="-".join)
@pytest.mark.parametrize("family", families.FAMILIES)
def test_an_interrupted_run_is_attached_again_and_not_stopped(
    family: str, app: families.App, how: str
) -> None:
    async def handler(call: Call) -> None:
        if call.method == "POST":
            await call.send(SSE + beginning(app[1]))
        else:
            await call.send(SSE + started() + node() + ending(app[1]))

    with RawServer(handler) as server:
        read, result = families.FAMILIES[family](app, server.base_url, how)
        assert server.wait_for(lambda: server.open == 0)
    assert server.count("POST") == 1, "one run, and nothing was stopped"
    if app[1] == "workflow":
        assert (result.outputs, result.gap, result.handle.run_id) == ({"a": "b"}, True, RUN)
    else:
        assert (result.answer, result.run.gap) == ("one two", True)
    if how == "text":
        assert read == "one two"
    if how == "events":
        text = "text_chunk" if app[1] == "workflow" else "message"
        assert read[:5] == ["workflow_started", "node_started", text, text, "workflow_finished"]


@pytest.mark.parametrize("how", ["events", "text", "result"])
@pytest.mark.parametrize("kind", ["workflow", "chatflow"])
@pytest.mark.parametrize("family", families.FAMILIES)
def test_a_run_that_cannot_be_attached_is_polled(family: str, kind: str, how: str) -> None:
    async def handler(call: Call) -> bool:
        if call.method == "POST":
            await call.send(SSE + beginning(kind))
            return False
        is_record = call.path.endswith(f"/workflows/run/{RUN}")
        body = record(outputs={"answer": "one two"}) if is_record else {"code": "not_found", "message": "no"}
        await call.send(answer(body, "200 OK" if is_record else "404 Not Found"))
        return True

    with RawServer(handler) as server:
        _, result = families.FAMILIES[family](("app", kind), server.base_url, how)
    assert server.count("POST") == 1
    if kind == "workflow":
        assert (result.outputs, result.gap) == ({"answer": "one two"}, True)
    else:
        assert (result.answer, result.run.gap) == ("one two", True)
