"""Run many workflows on a Dask cluster, on several processes or machines. Requires the extra `dask`.

```python
from dify_async import AppClient
from dify_async.distributed import map_runs

async with map_runs(rows, client=AppClient("app-..."), dask="tcp://scheduler:8786") as batch:
    async for outcome in batch:
        ...
```

Each row is a separate task, so Dask distributes the rows over its workers, and reassigns the rows of a lost
worker. A worker has one client, and follows all its runs in its event loop.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import pickle
import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, TypeAlias

import attrs

try:
    from distributed import (
        Client,
        KilledWorker,
        Reschedule,
        Semaphore,
        Status,
        Worker,
        WorkerPlugin,
        get_worker,
        secede,
    )
except ImportError as exc:
    raise ImportError("dify_async.distributed requires Dask: pip install 'dify-async[dask]'") from exc

from dify_async._http.attempts import AttemptCounter
from dify_async._http.observing import Observers
from dify_async._streaming.stream import EventStream
from dify_async._types import Inputs, Json
from dify_async.batch import Batch, Rows
from dify_async.batch.executor import RowResult, run_call
from dify_async.clients.app import AppClient
from dify_async.errors import (
    ConfigurationError,
    ConnectionFailed,
    DifyError,
    OutcomeUnknown,
    StreamInterrupted,
)
from dify_async.events import WorkflowEvent
from dify_async.models.parameters import AppParameters
from dify_async.models.results import WorkflowResult
from dify_async.models.runs import RunHandle
from dify_async.resources.run_bodies import read_handle
from dify_async.settings import Timeouts

_PREFIX: Final = "dify_run"
"""Name of the tasks on Dask's dashboard."""

_NOT_AWAITED: Final = "the batch no longer waits for this row"


def map_runs(
    rows: Rows[Inputs],
    *,
    client: AppClient,
    dask: Client | str,
    concurrency_total: int = 40,
    ordered: bool = False,
    adaptive: bool = False,
    per_minute: float | None = None,
    check_inputs: bool = True,
    timeout: float | Timeouts | None = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_body: Mapping[str, Json] | None = None,
) -> Batch[Inputs, WorkflowResult]:
    """Run the app's workflow for many inputs, on the workers of a Dask cluster. See `Batch`.

    If a worker is lost, other workers continue with its rows: runs whose ids are known are followed, and not
    started again. If the workers of a row are lost repeatedly, Dask gives up on the row (setting
    `distributed.scheduler.allowed-failures`), and the outcome is a `StreamInterrupted` with the run's handle.

    The workers receive the pickled client, which contains the key: use only a cluster that you trust with it.

    Args:
        rows: Inputs, as for `run`: any iterable or async iterable, read as needed, by this process. A path in
            an `InputFile` is a path on the workers.
        client: The client that the workers use; each worker has a copy. This process sends nothing to Dify.
            Its observers are notified of rows in this process, and of calls and runs on the workers.
        dask: The address of a scheduler, or a client connected to it, which is not closed.
        concurrency_total: Maximum number of runs on all workers together, and of rows in flight or waiting to
            be read. A default Dify server handles 10 connections.
        ordered: Yield outcomes in the order of the rows, instead of as they complete.
        adaptive: Start with one run at a time and increase until the server pushes back.
        per_minute: Maximum number of runs that start in a minute on all workers together, evenly spaced.
            Default: no maximum.
        check_inputs: Validate rows against the app's input form on the workers; invalid rows are not run.
        timeout: Seconds for each row, or `Timeouts`.
        extra_headers: Headers in addition to the client's.
        extra_body: Additional fields of each request body.

    Raises:
        ConfigurationError: An argument is invalid, or the client cannot be pickled.
        ConnectionFailed: The scheduler cannot be reached when the batch is entered, or was lost later.
    """
    if not isinstance(client, AppClient):
        raise ConfigurationError(f"`client` must be an AppClient of dify_async, got {type(client).__name__}")
    pickle.dumps(client)  # Raises if the client has objects that belong to this process.
    follower = _Follower(
        client=client,
        concurrency=concurrency_total,
        check_inputs=check_inputs,
        timeout=timeout,
        extra_headers=extra_headers,
        extra_body=extra_body,
    )
    return Batch(
        rows,
        _Cluster(dask, follower),
        concurrency=concurrency_total,
        ordered=ordered,
        adaptive=adaptive,
        observers=Observers(client.observers),
        per_minute=per_minute,
    )


_Result: TypeAlias = RowResult[WorkflowResult]


def _not_awaited() -> _Result:
    return RowResult(None, DifyError(_NOT_AWAITED), attempts=0)


class _Cluster:
    """The executor in the process that reads the outcomes: sends rows to the workers of a cluster."""

    def __init__(self, dask: Client | str, follower: _Follower) -> None:
        self._given = dask
        self._follower = follower
        self._dask: Any = None  # A `Client`, whose methods have no types.
        self._futures: set[Any] = set()

    async def open(self) -> None:
        """Connect, and install a client on each worker, including workers that join later."""
        given: Any = self._given
        address, security = given, None
        if not isinstance(given, str):
            if given.scheduler is None:
                raise ConfigurationError("`dask` must be a connected client, got one that is not connected")
            address, security = given.scheduler.address, given.security
        try:
            # A new client, because the caller's may be blocking, or belong to another event loop.
            self._dask = await Client(address, security=security, asynchronous=True, set_as_default=False)
            await self._dask.register_plugin(self._follower)
        except OSError as exc:
            await self.close()
            raise ConnectionFailed(f"the Dask scheduler at {address} cannot be reached: {exc}") from exc
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Cancel the rows in flight, and remove the plugin and the semaphore from the cluster."""
        dask = self._dask
        if dask is None:
            return
        try:
            if dask.status == "running":
                # A worker that was just lost does not respond, and a new scheduler does not have the plugin.
                with suppress(OSError, ValueError):
                    await dask.unregister_worker_plugin(self._follower.name)
                await self._follower.slots(dask.scheduler, dask.loop).close()
        finally:
            await dask.close()

    async def run(self, row: Inputs, key: str) -> _Result:
        """Run a row on one of the workers."""
        try:
            # Pickled here, because Dask would search the row for its own objects, and log it.
            data = pickle.dumps(row)
        except Exception as exc:  # noqa: BLE001 - objects in the row may raise anything
            error = ConfigurationError(f"the row cannot be sent to a worker: {exc}")
            error.__cause__ = exc
            return RowResult(None, error, attempts=0)
        name = self._follower.name
        future = self._dask.submit(_run_on_worker, name, data, key=f"{_PREFIX}-{name}-{key}", pure=False)
        # Dask drops a task without references. The reference is kept if the batch is left early, so that the
        # worker can finish its clean-up.
        self._futures.add(future)
        result = await self._wait_for(future)
        self._futures.discard(future)
        future.release()
        return result

    async def _wait_for(self, future: Any) -> _Result:
        try:
            return await future  # type: ignore[no-any-return]
        except KilledWorker as exc:
            error = await self._error_of_lost_row(future, exc)
            error.__cause__ = exc
            return RowResult(None, error, attempts=1)
        except concurrent.futures.CancelledError as exc:
            lost = ConnectionFailed(
                f"Dask dropped the row, probably because its scheduler stopped or restarted: {exc}",
                may_have_started=True,
            )
            return RowResult(None, lost, attempts=1, executor_lost=True)

    async def _error_of_lost_row(self, future: Any, exc: KilledWorker) -> DifyError:
        """Return the error of a row that Dask gave up on."""
        known = await self._dask.get_metadata([future.key], None)
        lost = f"Dask gave up on the row (workers lost while they ran it: {exc.allowed_failures + 1})"
        if known is None:
            return OutcomeUnknown(f"{lost}; its run may have started", may_have_started=True)
        return StreamInterrupted(
            f"{lost}; its run may have ended or still be running", handle=RunHandle.from_json(known)
        )


@attrs.define(kw_only=True, eq=False, slots=False)
class _Follower(WorkerPlugin):
    """The state of a batch on each worker: a client, and the runs that the worker follows."""

    client: AppClient
    concurrency: int
    check_inputs: bool
    timeout: float | Timeouts | None
    extra_headers: Mapping[str, str] | None = attrs.field(repr=False)
    extra_body: Mapping[str, Json] | None = attrs.field(repr=False)
    name: str = attrs.field(init=False, factory=lambda: f"dify-{uuid.uuid4().hex}")

    def slots(self, scheduler: Any, loop: Any) -> Semaphore:
        """Return the semaphore that limits the runs of all workers together."""
        return Semaphore(self.concurrency, self.name, scheduler_rpc=scheduler, loop=loop)

    async def setup(self, worker: Worker) -> None:
        """Prepare to run rows, in the worker's own event loop."""
        self._loop = asyncio.get_running_loop()
        self._scheduler: Any = worker.scheduler
        self._slots = self.slots(worker.scheduler, worker.loop)
        self._parameters: AppParameters | None = None
        self._fetching = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._is_over = False
        self._is_moving = False

    async def teardown(self, worker: Worker) -> None:
        """Cancel the rows: the batch was left, or the worker closes and its rows move to other workers."""
        self._is_over = True
        self._is_moving = worker.status is Status.closing
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._slots.refresh_callback.stop()
        await self.client.close()

    def run_row(self, key: str, data: bytes) -> _Result:
        """Run a row in the worker's event loop, and wait for it in this thread."""
        try:
            return asyncio.run_coroutine_threadsafe(self._run_row(key, data), self._loop).result()
        except concurrent.futures.CancelledError:
            raise Reschedule from None

    async def _run_row(self, key: str, data: bytes) -> _Result:
        if self._is_over:
            return _not_awaited()
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            # Dask keeps the metadata of a task as long as the task exists, on any worker.
            known = await self._scheduler.get_metadata(keys=[key], default=None)
            if known is None:
                return await run_call(self._run, key, pickle.loads(data))  # noqa: S301 - by `_Cluster.run`
            # Without a slot: the lost worker still holds one for this run, until its lease expires.
            result = await run_call(self._wait, RunHandle.from_json(known))
            return attrs.evolve(result, attempts=1)  # At least one, sent by the lost worker.
        finally:
            self._tasks.discard(task)

    async def _wait(self, handle: RunHandle, _: AttemptCounter) -> WorkflowResult:
        workflows = self.client.workflows
        return await workflows.wait(handle, timeout=self.timeout, extra_headers=self.extra_headers)

    async def _run(self, key: str, row: Inputs, attempts: AttemptCounter) -> WorkflowResult:
        stream = self.client.workflows.stream(
            row, timeout=self.timeout, extra_headers=self.extra_headers, extra_body=self.extra_body
        )
        if self.check_inputs:
            await self._check(row)
        async with self._slots:
            states = await self._scheduler.get_task_status(keys=[key])
            if states[key] is None:  # The result has arrived from a worker that was considered lost.
                raise DifyError(_NOT_AWAITED)
            async with _counting(stream, attempts) as run:
                try:
                    if (handle := await read_handle(run)) is not None:
                        await self._scheduler.set_metadata(keys=[key], value=handle.to_json())
                    return await run.result()
                except asyncio.CancelledError:
                    if self._is_moving:
                        run.detach()
                    raise

    async def _check(self, row: Inputs) -> None:
        """Raise `ConfigurationError` for a row that the server would reject."""
        async with self._fetching:
            if self._parameters is None:
                self._parameters = await self.client.app.parameters(extra_headers=self.extra_headers)
        problems = self._parameters.check(row)
        if problems:
            raise ConfigurationError(f"the inputs do not match the app's form: {'; '.join(problems)}")


@asynccontextmanager
async def _counting(
    stream: EventStream[WorkflowEvent, WorkflowResult], attempts: AttemptCounter
) -> AsyncGenerator[EventStream[WorkflowEvent, WorkflowResult], None]:
    """Enter a stream, and store the number of its attempts in `attempts`."""
    try:
        async with stream as run:
            yield run
    finally:
        attempts.count = stream.attempts


def _run_on_worker(name: str, data: bytes) -> _Result:
    """Run a row on a worker. This is the function of the Dask task."""
    worker = get_worker()
    follower: Any = worker.plugins.get(name)
    if follower is None:
        return _not_awaited()
    key = worker.get_current_task()
    secede()  # Frees the thread of the worker, so that it can follow more runs than it has threads.
    return follower.run_row(key, data)  # type: ignore[no-any-return]
