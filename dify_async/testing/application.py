"""The HTTP side of a fake server: credentials, faults, and error responses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import attrs
from aiohttp import web

from dify_async.testing import routes
from dify_async.testing.api_errors import ErrorResponse
from dify_async.testing.faults import Delay, Drop, Refuse
from dify_async.testing.recordings import Replay
from dify_async.testing.routes.call import Call, Handler
from dify_async.testing.routes.passports import checked_key, checked_knowledge_key, checked_passport
from dify_async.testing.routes.replays import replayed
from dify_async.testing.state.requests import SeenRequest
from dify_async.testing.state.state import State

_Answer: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

_PAGE_404: Final = """<!doctype html>
<html lang=en>
<title>404 Not Found</title>
<h1>Not Found</h1>
<p>The requested URL was not found on the server. If you entered the URL manually please check your \
spelling and try again.</p>
"""
_PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "GET, PUT, POST, DELETE, OPTIONS, PATCH",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, X-App-Code, X-App-Passport",
}


class Application:
    """The routes of a fake server. They use one state until it is replaced."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._slots = asyncio.Semaphore(state.connections)
        self._in_progress: set[asyncio.Transport] = set()

    def replace_state(self, state: State) -> None:
        """Use another state, and close the connections of requests in flight."""
        self._state.cancel_work()
        self._state = state
        self._slots = asyncio.Semaphore(state.connections)
        for transport in list(self._in_progress):
            transport.abort()

    def web_application(self) -> web.Application:
        """Return the aiohttp application."""
        # Without a middleware, because aiohttp caches the last thousand applications with middlewares.
        application = web.Application(client_max_size=200 * 2**20)
        for prefix, table, admitted in (
            ("/v1", routes.SERVICE_OPEN, _anybody),
            ("/v1", routes.SERVICE, _with_key),
            ("/v1", routes.KNOWLEDGE, _with_knowledge_key),
            ("", routes.FILES, _anybody),
            ("/api", routes.WEB_OPEN, _anybody),
            ("/api", routes.WEB, _with_passport),
        ):
            for method, path, handler in table:
                answer = self._around(_admitting(admitted, handler))
                application.router.add_route(method, prefix + path, answer)
        application.router.add_route("*", "/{path:.*}", self._around(_unknown))
        return application

    def _around(self, handler: Handler) -> _Answer:
        """Record the request, apply its fault, and respond to all kinds of errors as Dify does."""

        async def answer(request: web.Request) -> web.StreamResponse:
            state, slots = self._state, self._slots
            # A form may be large; its handler stores the parts that it needs.
            body = b"" if request.content_type.startswith("multipart/") else await request.read()
            state.add_request(SeenRequest(request.method, request.path_qs, request.headers.copy(), body))
            fault = state.faults.take(request.method, request.path)
            call = Call(state, request, fault, on_web=request.path.startswith("/api/"))
            transport = request.transport
            if transport is None:
                return web.Response()  # The client has already disconnected.
            self._in_progress.add(transport)
            try:
                async with slots:
                    if isinstance(fault, Delay):
                        await asyncio.sleep(fault.seconds)
                    if isinstance(fault, Refuse):
                        return _refused(call, fault)
                    if isinstance(fault, Replay):
                        return await replayed(call, fault)
                    if isinstance(fault, Drop) and not fault.after_start:
                        return call.hang_up()
                    return await handler(call)
            except ErrorResponse as error:
                return call.json(error.body, error.status, error.headers)
            except web.HTTPNotFound:
                return web.Response(
                    status=404, text=_PAGE_404, content_type="text/html", headers=call.headers
                )
            except web.HTTPMethodNotAllowed:
                message = "The method is not allowed for the requested URL."
                return call.json({"code": "method_not_allowed", "message": message, "status": 405}, 405)
            except ConnectionError:
                return web.Response()  # The client has disconnected.
            finally:
                self._in_progress.discard(transport)

        return answer


def _admitting(admitted: Callable[[Call], Call], handler: Handler) -> Handler:
    async def answer(call: Call) -> web.StreamResponse:
        return await handler(admitted(call))

    return answer


async def _unknown(call: Call) -> web.StreamResponse:
    request = call.request
    *known, _ = request.app.router.resources()
    for resource in known:
        _, methods = await resource.resolve(request)
        if methods and request.method == "OPTIONS":
            return web.Response(headers={**call.headers, **_PREFLIGHT})
        if methods:
            raise web.HTTPMethodNotAllowed(request.method, methods)
    raise web.HTTPNotFound


def _anybody(call: Call) -> Call:
    return call


def _with_key(call: Call) -> Call:
    checked_key(call)
    return call


def _with_knowledge_key(call: Call) -> Call:
    checked_knowledge_key(call)
    return call


def _with_passport(call: Call) -> Call:
    return attrs.evolve(call, passport=checked_passport(call))


def _refused(call: Call, fault: Refuse) -> web.Response:
    if fault.body is not None:
        return web.Response(
            body=fault.body, status=fault.status, content_type=fault.content_type, headers=fault.headers
        )
    return call.json(
        {"code": fault.code, "message": fault.message, "status": fault.status}, fault.status, fault.headers
    )
