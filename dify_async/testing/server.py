"""The thread of a fake server: an event loop, a port, and the connections to it."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from typing import Final

from aiohttp import web

from dify_async.errors import DifyError
from dify_async.testing.application import Application
from dify_async.testing.state.state import State

_log: Final = logging.getLogger("dify_async.testing")
_log.addHandler(logging.NullHandler())  # Clients that disconnect are expected.

_HOST: Final = "127.0.0.1"


async def stop_accepting(listener: int) -> None:
    """Accept no more connections; those that were accepted last have their protocol when this returns.

    Needed before a listening socket is closed: asyncio never closes a connection that it accepts just before.

    Args:
        listener: File descriptor of the listening socket, in a `SelectorEventLoop`.
    """
    asyncio.get_running_loop().remove_reader(listener)
    for _ in range(3):  # The loop's iterations from `accept` to `connection_made`.
        await asyncio.sleep(0)


class ServerThread:
    """Serves a state on a port, in its own thread, so that the test's event loop cannot delay it."""

    def __init__(self, port: int, keep_alive: float) -> None:
        self._keep_alive = keep_alive
        self.port = port
        """The port; 0 for a free one, known after `start`."""
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._runner: web.AppRunner | None = None
        self._application: Application | None = None
        self._problem: OSError | None = None

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://{_HOST}:{self.port}"

    @property
    def is_running(self) -> bool:
        """True if it was started and not stopped."""
        return self._thread is not None

    def start(self, state: State) -> None:
        """Start the thread, and wait until it listens."""
        ready = threading.Event()
        self._problem = None
        thread = threading.Thread(target=self._run, args=(state, ready), name="fake-dify", daemon=True)
        thread.start()
        ready.wait()
        if self._problem is not None:
            thread.join()
            raise DifyError(f"FakeDify could not listen on {_HOST}:{self.port}: {self._problem}")
        self._thread = thread

    def stop(self) -> None:
        """Close every connection and end the thread."""
        if self._thread is None:
            return
        if self._loop is not None and self._stopping is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._thread = None

    def replace_state(self, state: State) -> None:
        """Serve another state, and end requests in flight."""
        state.origin = self.origin
        loop, application = self._loop, self._application
        if self._thread is None or loop is None or application is None:
            return
        replaced = threading.Event()

        def replace() -> None:
            application.replace_state(state)
            replaced.set()

        loop.call_soon_threadsafe(replace)
        replaced.wait()

    def _run(self, state: State, ready: threading.Event) -> None:
        # `stop_accepting` needs this kind of loop; Windows has another one by default.
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(self._serve(state, ready))

    async def _serve(self, state: State, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._application = Application(state)
        self._runner = web.AppRunner(
            self._application.web_application(),
            access_log=None,
            logger=_log,
            shutdown_timeout=0.01,
            keepalive_timeout=self._keep_alive,
        )
        try:
            await self._runner.setup()
            listener = socket.create_server((_HOST, self.port))
            await web.SockSite(self._runner, listener).start()
            self.port = listener.getsockname()[1]
            state.origin = self.origin
        except OSError as exc:
            self._problem = exc
            await self._runner.cleanup()
            return
        finally:
            ready.set()
        await self._stopping.wait()
        await stop_accepting(listener.fileno())
        transports = self.transports
        await self._runner.cleanup()
        for transport in transports:
            transport.abort()  # `close` would wait for a client that does not read.
        await asyncio.sleep(0)  # The sockets are closed.

    @property
    def transports(self) -> list[asyncio.Transport]:
        """The open connections."""
        server = self._runner.server if self._runner is not None else None
        # aiohttp also lists connections whose client has disconnected while their handler still runs.
        connections = server.connections if server is not None else []
        return [one.transport for one in connections if one.transport is not None]
