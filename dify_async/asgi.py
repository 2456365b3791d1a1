"""Pass a run on to a web client: for FastAPI, Starlette and other ASGI frameworks."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Final

from dify_async._streaming.stream import EventStream
from dify_async._types import Json
from dify_async.errors import ApiError, DifyError
from dify_async.events import ErrorEvent, Event, WorkflowFinished, WorkflowPaused
from dify_async.models import ChatResult, CompletionResult, WorkflowResult

if TYPE_CHECKING:
    _Response = object
else:
    try:
        # FastAPI sends what is a Response of Starlette's as it is, and makes JSON of all else.
        from starlette.responses import Response as _Response
    except ImportError:
        _Response = object

_log: Final = logging.getLogger("dify_async")

_HEADERS: Final = {
    "content-type": "text/event-stream; charset=utf-8",
    # Proxies that keep, change or collect what passes hold events back.
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
}
_PING: Final = b"event: ping\n\n"


def event_json(event: Event) -> Json:
    """Return an event as the server sent it: the default of `EventStreamResponse(render=...)`."""
    if isinstance(event, WorkflowFinished | WorkflowPaused) and "event" not in event.raw:
        # The run was recovered from its record, which is what the data of the event would be.
        return {
            "event": event.event,
            "task_id": event.task_id,
            "workflow_run_id": event.workflow_run_id,
            "data": event.raw,
        }
    return event.raw


class EventStreamResponse(_Response):
    """Streams the events of a run to a browser, as Dify itself would send them.

    ```python
    @app.post("/ask")
    async def ask(question: str) -> EventStreamResponse:
        return EventStreamResponse(client.workflows.stream({"question": question}))
    ```

    An ASGI application, and a `Response` where Starlette is installed: endpoints of Starlette and FastAPI
    return it. The response starts at once, with a ping; pings of the server are passed on, so that no proxy
    takes a quiet run for a dead connection. A client that disconnects, also before the first event, leaves
    the stream early: the server is asked to stop the run, unless the Dify client was created with
    `on_abandon="detach"`.

    Errors end the stream with an `error` event in Dify's form, with `status`, `code` and `message`. It quotes
    the server if the server rejected the run, otherwise it contains only the kind of error: addresses and
    details are for your log.

    Args:
        stream: From a method such as `client.workflows.stream(...)`, not yet entered.
        render: Returns the JSON of an event; None omits the event. Default: everything as it arrived,
            including inputs and outputs of all nodes.
        headers: Headers in addition to those of an event stream.
    """

    def __init__(
        self,
        stream: EventStream[Event, WorkflowResult | ChatResult | CompletionResult],
        *,
        render: Callable[[Event], Json] = event_json,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._stream = stream
        self._render = render
        sent = _HEADERS | {name.lower(): value for name, value in (headers or {}).items()}
        # Attributes that Starlette's `Response` has, for code that handles one.
        self.status_code = 200
        self.background: Callable[[], Awaitable[None]] | None = None
        self.raw_headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in sent.items()]

    async def __call__(
        self,
        scope: MutableMapping[str, object],  # noqa: ARG002 - part of ASGI
        receive: Callable[[], Awaitable[MutableMapping[str, object]]],
        send: Callable[[MutableMapping[str, object]], Awaitable[None]],
    ) -> None:
        """Respond to one request."""
        passing = asyncio.create_task(self._pass_on(send))
        leaving = asyncio.create_task(_disconnected(receive))
        try:
            await asyncio.wait([passing, leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (passing, leaving):
                task.cancel()
            await asyncio.wait([passing, leaving])
        if not passing.cancelled():
            passing.result()  # Raises unexpected exceptions.
        if self.background is not None:
            await self.background()

    async def _pass_on(self, send: Callable[[MutableMapping[str, object]], Awaitable[None]]) -> None:
        async def write(body: bytes, *, more: bool = True) -> None:
            await send({"type": "http.response.body", "body": body, "more_body": more})

        try:
            await send(
                {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            )
            await write(_PING)
            await self._write_events(write)
            await write(b"", more=False)
        except OSError as exc:
            _log.debug("the client of a stream disconnected: %s", exc)

    async def _write_events(self, write: Callable[[bytes], Awaitable[None]]) -> None:
        stream = self._stream
        ready: list[bytes] = []
        stream.on_ping = lambda: ready.append(_PING)
        is_reported = False
        try:
            async with stream:
                goes_on = True
                while goes_on:
                    while (event := stream.take()) is not None:
                        is_reported = isinstance(event, ErrorEvent)
                        shown = self._render(event)
                        if shown is not None:
                            ready.append(_data(shown))
                    if ready:
                        await write(b"".join(ready))
                        ready.clear()
                    goes_on = await stream.fill()
        except DifyError as error:
            _log.warning("a stream to a web client ended early: %s", error)
            if not is_reported:
                await write(_data(_error_event(error)))


async def _disconnected(receive: Callable[[], Awaitable[MutableMapping[str, object]]]) -> None:
    """Wait until the client has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _data(value: Json) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode()


def _error_event(error: DifyError) -> Json:
    if isinstance(error, ApiError):
        return {"event": "error", "status": error.status, "code": error.code, "message": error.message}
    kind = type(error).__name__
    message = f"the run could not be followed to its end ({kind})"
    return {"event": "error", "status": 502, "code": kind, "message": message}
