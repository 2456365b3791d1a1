"""Data that has arrived takes precedence over a timeout, even if the caller reads it late."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from dify_async import Timeouts, errors, sync
from tests.support.clients import NO_RETRY, app_client
from tests.support.clock import frozen_time
from tests.support.families import settings_for, stream_of
from tests.support.raw_server import SSE, Call, RawServer, event, finished, node, started

ERROR = event("error", code="provider_quota_exceeded", status=400, message="used up")
MESSAGES = event("message", answer="hi", message_id="m", conversation_id="c")
ENDS = {
    "workflow": started() + node() + finished(),
    "workflow error": started() + node() + ERROR,
    "chat": MESSAGES + event("message_end", message_id="m", conversation_id="c", metadata={}),
    "chat error": MESSAGES + ERROR,
}


def server_of(body: bytes) -> RawServer:
    async def handler(call: Call) -> None:
        await call.send(SSE + body)
        await call.until_closed()

    return RawServer(handler)


@pytest.mark.parametrize("timeout", ["idle", "total"])
@pytest.mark.parametrize("end", ENDS)
async def test_a_buffered_terminal_event_is_delivered_after_the_timeout(end: str, timeout: str) -> None:
    timeouts = Timeouts(**{timeout: 30})
    with server_of(ENDS[end]) as server:
        async with app_client(server.base_url, timeouts=timeouts, retry=NO_RETRY) as client:
            with frozen_time() as clock:
                async with stream_of(client, end.partition(" ")[0]) as run:
                    await anext(run)
                    clock.advance(60)
                    await clock.settle()
                    result: asyncio.Task[Any] = asyncio.create_task(run.result())
                    await clock.settle()
                    clock.advance(2)  # After the end of a message, events may follow for a second.
                    if "error" in end:
                        with pytest.raises(errors.QuotaExceeded):
                            await clock.at_once(result)
                    else:
                        await clock.at_once(result)
        assert server.count("/stop") == 0


@pytest.mark.parametrize("end", ENDS)
def test_the_blocking_client_delivers_a_buffered_terminal_event(end: str) -> None:
    settings = settings_for("app", "", timeouts=Timeouts(idle=0.05), retry=NO_RETRY)
    with server_of(ENDS[end]) as server:
        with (
            sync.AppClient(**{**settings, "base_url": server.base_url}) as client,
            stream_of(client, end.partition(" ")[0]) as run,
        ):
            next(run)
            time.sleep(0.2)  # The caller is slow.
            if "error" in end:
                with pytest.raises(errors.QuotaExceeded):
                    run.result()
            else:
                run.result()
        assert server.count("/stop") == 0
