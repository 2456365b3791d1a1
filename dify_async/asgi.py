"""A run as the answer of a web application: for FastAPI, Starlette and everything else that speaks ASGI."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Final

from dify_async._core.stream import EventStream
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
    """Give an event as the server sent it: the default of `EventStreamResponse(render=...)`."""
    if isinstance(event, WorkflowFinished | WorkflowPaused) and "event" not in event.raw:
        # Of a run that was found again by its record, which is what the data of the event would be.
        return {
            "event": event.event,
            "task_id": event.task_id,
            "workflow_run_id": event.workflow_run_id,
            "data": event.raw,
        }
    return event.raw


class EventStreamResponse(_Response):
    """Passes the events of a run on to a browser, as Dify itself would send them.

    ```python
    @app.post("/ask")
    async def ask(question: str) -> EventStreamResponse:
        return EventStreamResponse(client.workflows.stream({"question": question}))
    ```

    An ASGI application, and a `Response` where Starlette is installed: endpoints of Starlette and FastAPI
    return it. The answer begins at once, with a ping; pings of the server are passed on, so that no proxy
    takes a quiet run for a dead one. A caller who goes away, also before the first event, ends the run like
    every other way of leaving it: the server is asked to stop it, unless the client was made with
    `on_abandon="detach"`.

    What goes wrong ends the stream with an `error` event in Dify's form, of `status`, `code` and `message`.
    It has the server's words if the server refused, else only the kind of trouble: addresses and details
    are for your log.

    Args:
        stream: From a method such as `client.workflows.stream(...)`, not yet entered.
        render: Makes JSON of an event; None leaves the event out. Default: all of it, as it came, inputs
            and outputs of all nodes included.
        headers: Headers besides those of an event stream.
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
        # What Starlette's Response and those who handle one expect.
        self.status_code = 200
        self.background: Callable[[], Awaitable[None]] | None = None
        self.raw_headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in sent.items()]

    async def __call__(
        self,
        scope: MutableMapping[str, object],  # noqa: ARG002 - ASGI gives it
        receive: Callable[[], Awaitable[MutableMapping[str, object]]],
        send: Callable[[MutableMapping[str, object]], Awaitable[None]],
    ) -> None:
        """Answer one request."""
        passing = asyncio.create_task(self._pass_on(send))
        leaving = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait([passing, leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (passing, leaving):
                task.cancel()
            await asyncio.wait([passing, leaving])
        if not passing.cancelled():
            passing.result()  # Raises what nobody thought of.
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
            _log.debug("the caller of a stream is gone: %s", exc)

    async def _write_events(self, write: Callable[[bytes], Awaitable[None]]) -> None:
        stream = self._stream
        ready: list[bytes] = []
        stream._on_ping = lambda: ready.append(_PING)  # pyright: ignore[reportPrivateUsage]
        told = False
        try:
            async with stream:
                going_on = True
                while going_on:
                    while (event := stream._take()) is not None:  # pyright: ignore[reportPrivateUsage]
                        told = isinstance(event, ErrorEvent)
                        shown = self._render(event)
                        if shown is not None:
                            ready.append(_data(shown))
                    if ready:
                        await write(b"".join(ready))
                        ready.clear()
                    going_on = await stream._fill()  # pyright: ignore[reportPrivateUsage]
        except DifyError as error:
            _log.warning("a stream that was passed on ended early: %s", error)
            if not told:
                await write(_data(_told(error)))


async def _gone(receive: Callable[[], Awaitable[MutableMapping[str, object]]]) -> None:
    """Wait until the caller is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _data(value: Json) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode()


def _told(error: DifyError) -> Json:
    if isinstance(error, ApiError):
        return {"event": "error", "status": error.status, "code": error.code, "message": error.message}
    kind = type(error).__name__
    message = f"the run could not be followed to its end ({kind})"
    return {"event": "error", "status": 502, "code": kind, "message": message}
