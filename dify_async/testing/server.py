"""The HTTP side of a FakeDify: both APIs of Dify 1.14, who may use them, and the faults that they meet.

Refusals have the bodies that a real server sends (recordings: `err_*`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, TypeAlias

import attrs
from aiohttp import web

from dify_async.testing.calls import Call, Handler, Refused, Routes
from dify_async.testing.routes import (
    access,
    annotated,
    app,
    audio,
    chat,
    conversations,
    files,
    forms,
    messages,
    runs,
)
from dify_async.testing.script import Delay, Drop, Fault, Refuse
from dify_async.testing.streams import PING

if TYPE_CHECKING:
    from dify_async.testing.fake import FakeDify

__all__ = ["PING", "Server"]

Answer: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

_fault: Final[ContextVar[Fault | None]] = ContextVar("fault")
"""What the request that is being answered is to meet."""

_BOTH: Final[Routes] = [
    *app.BOTH,
    *runs.BOTH,
    *chat.BOTH,
    *conversations.BOTH,
    *messages.BOTH,
    *files.BOTH,
    *audio.BOTH,
]
_SERVICE: Final[Routes] = [
    *_BOTH,
    *app.SERVICE,
    *runs.SERVICE,
    *conversations.SERVICE,
    *messages.SERVICE,
    *files.SERVICE,
    *annotated.SERVICE,
    *forms.SERVICE,
]
_WEB: Final[Routes] = [*_BOTH, *app.WEB, *chat.WEB, *conversations.WEB, *messages.WEB, *files.WEB]
_WEB_OPEN: Final[Routes] = [*access.WEB_OPEN, *forms.WEB_OPEN]

_PAGE_404: Final = """<!doctype html>
<html lang=en>
<title>404 Not Found</title>
<h1>Not Found</h1>
<p>The requested URL was not found on the server. If you entered the URL manually please check your \
spelling and try again.</p>
"""


class Server:
    """The routes of one FakeDify."""

    def __init__(self, fake: FakeDify) -> None:
        self._fake = fake
        self._places = asyncio.Semaphore(fake.connections)

    def app(self) -> web.Application:
        """Make the application that serves them."""
        # Without a middleware, for aiohttp keeps the last thousand applications that have one.
        application = web.Application(client_max_size=200 * 2**20)
        for prefix, routes, admitted in (
            ("/v1", app.SERVICE_OPEN, _anybody),
            ("/v1", _SERVICE, _with_key),
            ("/api", _WEB_OPEN, _anybody),
            ("/api", _WEB, _with_passport),
        ):
            for method, path, handler in routes:
                answer = self._answering(handler, admitted, on_web=prefix == "/api")
                application.router.add_route(method, prefix + path, self._around(answer))
        application.router.add_route("*", "/{path:.*}", self._around(_unknown))
        return application

    def _answering(self, handler: Handler, admitted: Callable[[Call], Call], *, on_web: bool) -> Answer:
        async def answer(request: web.Request) -> web.StreamResponse:
            call = Call(self._fake, request, _fault.get(), on_web)
            try:
                return await handler(admitted(call))
            except Refused as refused:
                return call.json(refused.body, refused.status, refused.headers)

        return answer

    def _around(self, handler: Answer) -> Answer:
        """Note the request, meet the faults, and answer what no handler does as Dify does."""

        async def answer(request: web.Request) -> web.StreamResponse:
            # A form may be large, and its handler keeps what it needs of it.
            body = b"" if request.content_type.startswith("multipart/") else await request.read()
            self._fake.note(request.method, request.path_qs, dict(request.headers), body)
            fault = self._fake.next_fault(request.method, request.path)
            call = Call(self._fake, request, fault, on_web=request.path.startswith("/api/"))
            async with self._places:
                try:
                    if isinstance(fault, Delay):
                        await asyncio.sleep(fault.seconds)
                    if isinstance(fault, Refuse):
                        return _refused(call, fault)
                    if isinstance(fault, Drop) and not fault.after_start:
                        return call.hang_up()
                    _fault.set(fault)
                    return await handler(request)
                except web.HTTPNotFound:
                    return web.Response(status=404, text=_PAGE_404, content_type="text/html")
                except web.HTTPMethodNotAllowed:
                    message = "The method is not allowed for the requested URL."
                    return call.json({"code": "method_not_allowed", "message": message, "status": 405}, 405)
                except ConnectionError:
                    return web.Response()  # The client has gone; there is nobody to answer.

        return answer


async def _unknown(request: web.Request) -> web.StreamResponse:
    *known, _ = request.app.router.resources()
    for resource in known:
        _, methods = await resource.resolve(request)
        if methods:
            raise web.HTTPMethodNotAllowed(request.method, methods)
    raise web.HTTPNotFound


def _anybody(call: Call) -> Call:
    return call


def _with_key(call: Call) -> Call:
    access.checked_key(call)
    return call


def _with_passport(call: Call) -> Call:
    return attrs.evolve(call, passport=access.checked_passport(call))


def _refused(call: Call, fault: Refuse) -> web.Response:
    if fault.body is not None:
        return web.Response(
            body=fault.body, status=fault.status, content_type=fault.content_type, headers=fault.headers
        )
    body = {"code": fault.code, "message": fault.message, "status": fault.status}
    return call.json(body, fault.status, fault.headers)
