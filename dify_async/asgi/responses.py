"""The response that streams a run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, Final, NoReturn

from dify_async._types import Json
from dify_async.asgi.arguments import check_stream, renderer_of, response_headers
from dify_async.asgi.connection import Receive, disconnected
from dify_async.asgi.forwarding import START_WITHIN, AnyStream, Forwarder, status_without_run
from dify_async.asgi.http_errors import HttpError
from dify_async.asgi.rendering import Renderer, event_json
from dify_async.events import Event

if TYPE_CHECKING:
    _Response = object
else:
    try:
        # FastAPI sends a Starlette `Response` unchanged, and encodes everything else as JSON.
        from starlette.responses import Response as _Response
    except ImportError:
        _Response = object

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_CLIENT_HAS_LEFT: Final = 499
"""The status with which nginx and others log a client that disconnected before the response."""

_log: Final = logging.getLogger("dify_async.asgi")


class EventStreamResponse(_Response):
    """Streams the events of a run to a browser, as Dify itself would send them.

    ```python
    @app.post("/ask")
    async def ask(question: str) -> EventStreamResponse:
        return EventStreamResponse(client.workflows.stream({"question": question}))
    ```

    An ASGI application, and a `Response` where Starlette is installed: endpoints of Starlette, FastAPI and
    Litestar return it. A client that disconnects, also before the first event, leaves the stream early: the
    server is asked to stop the run, unless the Dify client was created with `on_abandon="detach"`.

    An error before the first event is a response with its own status, and `Retry-After` if the server sent it
    (see `http_error`). A later error is an `error` event, unless the client has already received the event
    that reports it. Both have `status`, `code` and `message`. Pings of the server are passed on, so that
    proxies do not close the connection of a quiet run.

    For a GET request, as browsers send for an `EventSource`, messages have ids, and an `end` event follows
    the last one. A browser that reconnects receives 204 and stops reconnecting, so that it does not start
    another run. A stream of `attach` starts no run, so it is sent again.

    Args:
        stream: From a method such as `client.workflows.stream(...)`, not yet entered.
        render: Returns the JSON of an event; None omits the event. Times, decimals and objects of this
            package are converted as in `to_dict`. Or a `Renderer`, such as `ChatCompletionChunks`. Default:
            everything as it arrived, including inputs and outputs of all nodes.
        headers: Headers in addition to those of an event stream.
        start_within: Seconds to wait for the first event. After that the response starts with a ping.

    Raises:
        ConfigurationError: an argument is invalid.
    """

    def __init__(
        self,
        stream: AnyStream,
        *,
        render: Renderer | Callable[[Event], Json] = event_json,
        headers: Mapping[str, str] | None = None,
        start_within: float = START_WITHIN,
    ) -> None:
        check_stream(stream, start_within)
        self._stream = stream
        self._renderer = renderer_of(render)
        self._start_within = start_within
        self._has_started = False
        # Attributes that Starlette's `Response` has, for code that handles one.
        self.status_code = 200
        self.background: Callable[[], Awaitable[None]] | None = None
        self.raw_headers = [
            (name.encode(), value.encode()) for name, value in response_headers(headers).items()
        ]

    def render(self, *_: object) -> NoReturn:
        """Raise an error: Django calls this."""
        raise TypeError(
            "EventStreamResponse is for ASGI frameworks. In an async view of Django, return `await "
            "event_stream_response(request, stream)` from dify_async.asgi.django"
        )

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Respond to one request."""
        method: str = scope["method"]
        headers: dict[bytes, bytes] = dict(scope["headers"])
        last_event_id = headers.get(b"last-event-id", b"").decode("latin-1")
        try:
            status = status_without_run(method, last_event_id, self._stream)
            if status is not None:
                await self._send_whole(send, status)
            else:
                await self._forward_while_connected(receive, send, for_event_source=method == "GET")
                if not self._has_started:
                    # The client has disconnected, but middleware expects a response.
                    await self._send_whole(send, _CLIENT_HAS_LEFT)
        except OSError as exc:
            _log.debug("the client of a stream disconnected: %s", exc)
        if self.background is not None:
            await self.background()

    async def _forward_while_connected(self, receive: Receive, send: Send, *, for_event_source: bool) -> None:
        passing = asyncio.create_task(self._forward(send, for_event_source=for_event_source))
        leaving = asyncio.create_task(disconnected(receive))
        try:
            await asyncio.wait([passing, leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (passing, leaving):
                task.cancel()
            await asyncio.wait([passing, leaving])
        if not passing.cancelled():
            passing.result()  # Raises unexpected exceptions.

    async def _forward(self, send: Send, *, for_event_source: bool) -> None:
        forwarder = Forwarder(
            self._stream, self._renderer, start_within=self._start_within, for_event_source=for_event_source
        )
        async with forwarder:
            rejection = forwarder.rejection
            if rejection is not None:
                await self._reject(send, rejection, forwarder.body_of(rejection))
                return
            await self._start(send, 200)
            async for data in forwarder:
                await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _reject(self, send: Send, rejection: HttpError, body: bytes) -> None:
        own = {name.lower().encode(): value.encode() for name, value in rejection.headers.items()}
        own |= {b"content-type": b"application/json", b"content-length": str(len(body)).encode()}
        self.raw_headers = [header for header in self.raw_headers if header[0] not in own] + list(own.items())
        await self._send_whole(send, rejection.status, body)

    async def _send_whole(self, send: Send, status: int, body: bytes = b"") -> None:
        await self._start(send, status)
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _start(self, send: Send, status: int) -> None:
        self._has_started = True
        self.status_code = status
        await send({"type": "http.response.start", "status": status, "headers": self.raw_headers})
