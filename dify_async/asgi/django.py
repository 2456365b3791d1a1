"""Streams of runs from Django's async views, under an ASGI server."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, suppress

from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from dify_async._types import Json
from dify_async.asgi.arguments import check_stream, renderer_of, response_headers
from dify_async.asgi.forwarding import START_WITHIN, AnyStream, Forwarder, status_without_run
from dify_async.asgi.rendering import Renderer, event_json
from dify_async.events import Event


async def event_stream_response(
    request: HttpRequest,
    stream: AnyStream,
    *,
    render: Renderer | Callable[[Event], Json] = event_json,
    headers: Mapping[str, str] | None = None,
    start_within: float = START_WITHIN,
) -> HttpResponseBase:
    """Wait for the first event of a run, and return a response that streams its events.

    ```python
    async def ask(request: HttpRequest) -> HttpResponseBase:
        return await event_stream_response(request, client.workflows.stream({"q": request.GET["q"]}))
    ```

    Like `EventStreamResponse` for other frameworks: an error before the first event is a response with its
    own status, and a client that disconnects stops the run.

    Args:
        request: The request of the view.
        stream: From a method such as `client.workflows.stream(...)`, not yet entered.
        render: As for `EventStreamResponse`.
        headers: Headers in addition to those of an event stream.
        start_within: Seconds to wait for the first event.

    Raises:
        TypeError: the server is not an ASGI server.
        ConfigurationError: an argument is invalid.
    """
    if isinstance(request, WSGIRequest):
        raise TypeError(
            "event_stream_response needs an ASGI server; under WSGI, use a StreamingHttpResponse with a "
            "stream of dify_async.sync"
        )
    method = request.method or "GET"
    check_stream(stream, start_within)
    renderer = renderer_of(render)
    sent = {name.title(): value for name, value in response_headers(headers).items()}
    status = status_without_run(method, request.headers.get("Last-Event-ID"), stream)
    if status is not None:
        return HttpResponse(status=status, headers=sent)
    forwarder = Forwarder(stream, renderer, start_within=start_within, for_event_source=method == "GET")
    await forwarder.__aenter__()
    rejection = forwarder.rejection
    if rejection is not None:
        return HttpResponse(
            forwarder.body_of(rejection),
            status=rejection.status,
            content_type="application/json",
            headers=rejection.headers,
        )
    return StreamingHttpResponse(_Body(forwarder), headers=sent)


class _Body:
    """The body of a response. Stops the run also if Django drops the response without reading it."""

    def __init__(self, forwarder: Forwarder) -> None:
        self._pieces = _pieces(forwarder)
        self._stop = weakref.finalize(self, _stop_in, asyncio.get_running_loop(), forwarder.cancel)
        self._stop.atexit = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces

    def close(self) -> None:
        """Stop a run that has not ended. Django calls this in another thread."""
        self._stop()


async def _pieces(forwarder: Forwarder) -> AsyncGenerator[bytes]:
    async with aclosing(forwarder):
        async for data in forwarder:
            yield data


def _stop_in(loop: asyncio.AbstractEventLoop, stop: Callable[[], object]) -> None:
    with suppress(RuntimeError):  # The loop was closed, and the stream with it.
        loop.call_soon_threadsafe(stop)
