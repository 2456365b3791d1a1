"""FakeDify: a Dify server in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import threading
import uuid
from collections.abc import Callable
from typing import Final, Self

import attrs
from aiohttp import web

from dify_async._types import Json
from dify_async.errors import DifyError
from dify_async.testing.inputs import StoredFile
from dify_async.testing.runs import FakeRun
from dify_async.testing.script import Fault, Workflow
from dify_async.testing.server import Server

_log: Final = logging.getLogger("dify_async.testing")
_log.addHandler(logging.NullHandler())  # Clients that break off are what it is for.


@attrs.frozen
class SeenRequest:
    """A request that the server received."""

    method: str
    path: str
    """With its query."""
    headers: dict[str, str] = attrs.field(repr=False)
    body: bytes


class FakeDify:
    """A real HTTP server on this machine that answers as Dify does, for tests and demos.

    ```python
    with FakeDify(Workflow(outputs={"answer": "42"})) as dify:
        client = AppClient(dify.api_key, user="ada", base_url=dify.base_url)
    ```

    It streams with pings, keeps connections open as Dify does, refuses what Dify refuses in its words, and
    counts what happens. It runs in a thread of its own, so that nothing in the test's event loop can hold it
    up; its attributes may be changed at any time.

    Args:
        workflow: The app that it serves.
        ping_every: Seconds of silence between pings; 10 on a real server.
        tail: Seconds that a stream stays open after its last event; 1 on a real server.
        silence: Seconds that a stream stays open after an error, without pings; 300 on a real server.
        connections: Requests that are served at once, others wait; 10 on a stock server.
        max_active_requests: The app's limit on runs at once; further ones are refused. None for no limit.
    """

    def __init__(
        self,
        workflow: Workflow | None = None,
        *,
        ping_every: float = 10.0,
        tail: float = 1.0,
        silence: float = 300.0,
        connections: int = 10_000,
        max_active_requests: int | None = None,
    ) -> None:
        self.workflow = workflow or Workflow()
        self.ping_every = ping_every
        self.tail = tail
        self.silence = silence
        self.connections = connections
        self.max_active_requests = max_active_requests
        self.api_key = f"app-{uuid.uuid4().hex[:24]}"
        self.app_id = str(uuid.uuid4())
        self.name = "FakeDify"
        self.mode = "workflow"
        self.version = "1.14.2"
        self.published = True
        self.api_enabled = True
        self.versions: set[str] = set()
        """The ids of published versions that can be run by id."""
        self.faults: list[Fault] = []
        """What goes wrong next."""
        self.runs: dict[str, FakeRun] = {}
        """Every run that was started, by run id."""
        self.files: dict[str, StoredFile] = {}
        """Every file that was uploaded, by id."""
        self.requests: list[SeenRequest] = []
        """Every request that came, in order; without the bodies of forms."""
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._runner: web.AppRunner | None = None
        self._port = 0

    # What happened

    @property
    def runs_started(self) -> int:
        """How many runs were started."""
        return len(self.runs)

    @property
    def runs_stopped(self) -> int:
        """How many runs were asked to stop."""
        return sum(run.stop_calls > 0 for run in list(self.runs.values()))

    @property
    def open_sockets(self) -> int:
        """How many connections are open."""
        server = self._runner.server if self._runner is not None else None
        # aiohttp also keeps the connections whose client has gone while their handler still runs.
        open_now = [one for one in server.connections if one.transport is not None] if server else []
        return len(open_now)

    @property
    def base_url(self) -> str:
        """Where it is, while it runs."""
        return f"http://127.0.0.1:{self._port}/v1"

    def wait_for(self, condition: Callable[[], bool], timeout: float = 5.0) -> bool:
        """Wait until something has happened, such as `lambda: dify.runs_stopped == 1`; False if it does not.

        Blocks: in a coroutine, call it by `asyncio.to_thread`.
        """
        with self._changed:
            # Sockets close without anybody being told, hence the short naps.
            waited = 0.0
            while not condition() and waited < timeout:
                self._changed.wait(0.01)
                waited += 0.01
            return condition()

    # For the server's own use

    def new_run(self, inputs: dict[str, Json], user: str) -> FakeRun:
        """Start the record of a run."""
        run = FakeRun(self.workflow, inputs, user, self._tell)
        self.runs[run.id] = run
        self._tell()
        return run

    def note(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        """Note a request."""
        self.requests.append(SeenRequest(method, path, headers, body))
        self._tell()

    def next_fault(self, method: str, path: str) -> Fault | None:
        """Give the fault that a request is to meet."""
        for place, fault in enumerate(self.faults):
            if fault.meets(method, path):
                left = attrs.evolve(fault, times=fault.times - 1)
                self.faults[place : place + 1] = [left] if left.times > 0 else []
                return fault
        return None

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()

    # Its life

    def start(self) -> Self:
        """Begin to listen on a free port."""
        if self._thread is not None:
            return self
        ready = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(ready)), name="fake-dify", daemon=True
        )
        self._thread.start()
        ready.wait()
        if self._port == 0:
            raise DifyError("FakeDify could not listen on 127.0.0.1")
        return self

    def close(self) -> None:
        """Close every connection and end. Idempotent."""
        if self._thread is None:
            return
        if self._loop is not None and self._stopping is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._thread = None

    async def _serve(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        try:
            self._runner = web.AppRunner(
                Server(self).app(), access_log=None, logger=_log, shutdown_timeout=0.01, keepalive_timeout=2.0
            )
            await self._runner.setup()
            site = web.TCPSite(self._runner, "127.0.0.1", self._port)
            await site.start()
            self._port = self._runner.addresses[0][1]
        finally:
            ready.set()
        await self._stopping.wait()
        await self._runner.cleanup()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()
