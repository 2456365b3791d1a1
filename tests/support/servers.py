"""Small HTTP servers with a handler function."""

from __future__ import annotations

import io
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from werkzeug.wrappers import Request

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serve(
    handler: Handler, tls: ssl.SSLContext | None = None, *, handler_cancellation: bool = False
) -> AsyncIterator[str]:
    """Yield the URL of a server that responds to every request with `handler`.

    Args:
        handler: Responds to each request.
        tls: For HTTPS.
        handler_cancellation: Cancel the handler when its client disconnects.
    """
    runner = web.ServerRunner(web.Server(handler, handler_cancellation=handler_cancellation))  # type: ignore[arg-type]
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def upload_server() -> AsyncIterator[tuple[str, list[object]]]:
    """Yield the URL of a server that parses forms with the library that Dify uses, and the list of parsed forms."""
    seen: list[object] = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        environ = {
            "REQUEST_METHOD": "POST",
            "CONTENT_TYPE": request.headers["Content-Type"],
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
        }
        with Request(environ) as read:
            (file,) = read.files.values()
            seen.append((file.name, file.filename, file.read(), read.form.to_dict()))
        return web.json_response({"id": "f", "name": "n"}, status=201)

    async with serve(answer) as address:
        yield address, seen
