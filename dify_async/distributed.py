"""Many runs on a Dask cluster: followed by more than one process or machine. By the extra `dask`.

```python
from dify_async import AppClient
from dify_async.distributed import map_runs

async with map_runs(rows, client=AppClient("app-..."), dask="tcp://scheduler:8786") as batch:
    async for outcome in batch:
        ...
```

Each row is a task of its own, so Dask does what it does for all tasks: spreads them over its workers, and
does again what a lost worker had. A worker has one client, and follows all its runs in its own event loop.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import pickle
import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, Self

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
    raise ImportError("dify_async.distributed needs Dask: pip install 'dify-async[dask]'") from exc

from dify_async._core.attempts import counting_attempts, note_attempts
from dify_async._types import Json
from dify_async.batch import Batch, Outcome, Rows
from dify_async.clients import AppClient
from dify_async.errors import (
    ConfigurationError,
    ConnectionFailed,
    DifyError,
    OutcomeUnknown,
    StreamInterrupted,
)
from dify_async.models import RunHandle, WorkflowResult
from dify_async.resources._asking import Form, begun
from dify_async.settings import Timeouts

_PREFIX: Final = "dify_run"
"""What Dask's dashboard shows all these tasks under."""


def map_runs(
    rows: Rows[Mapping[str, Json]],
    *,
    client: AppClient,
    dask: Client | str,
    concurrency_total: int = 40,
    ordered: bool = False,
    adaptive: bool = False,
    check_inputs: bool = True,
    timeout: float | Timeouts | None = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_body: Mapping[str, Json] | None = None,
) -> Batch[Mapping[str, Json], WorkflowResult]:
    """Run the app's workflow for many inputs, on the workers of a Dask cluster. See `Batch` for what follows.

    The runs of a worker that is lost are taken up by another: those that had told their ids are waited for,
    and not started again. Where the workers of a row are lost again and again, Dask gives it up (its setting
    `distributed.scheduler.allowed-failures`), and its outcome is a `StreamInterrupted` with the run's handle.

    The workers get the client as it pickles, with its key: use a cluster that you would tell the key to.

    Args:
        rows: Inputs, as for `run`: any iterable or asynchronous iterable, read as it goes, by this process. A
            path in an `InputFile` is one on the workers.
        client: What the workers ask with; each has one of its own. This process sends nothing to Dify.
        dask: The address of a scheduler, or a client of it, which is left as it is.
        concurrency_total: How many runs the workers have on their way in all, at most, and how many rows are
            on their way or waiting to be read. A stock Dify serves 10 connections.
        ordered: Give outcomes in the order of the rows, instead of as they come.
        adaptive: Begin with one run at a time, and find out how many the server bears.
        check_inputs: Let each worker ask for the app's form first, and give rows that do not fit it back
            without a run.
        timeout: Seconds for each row, or clocks of its own.
        extra_headers: Headers besides the client's.
        extra_body: Fields of each body that this version does not know.

    Raises:
        ConfigurationError: an argument cannot be right, or the client does not pickle.
        ConnectionFailed: on entering, the scheduler does not answer; later, the connection to it was lost.
    """
    if not isinstance(client, AppClient):
        raise ConfigurationError(f"client is an AppClient of dify_async, not {type(client).__name__}")
    pickle.dumps(client)  # Raises where it holds what stays in its process.
    follower = _Follower(
        client=client,
        concurrency=concurrency_total,
        check_inputs=check_inputs,
        timeout=timeout,
        extra_headers=extra_headers,
        extra_body=extra_body,
    )
    return _SpreadBatch(rows, _Cluster(dask, follower), concurrency_total, ordered=ordered, adaptive=adaptive)


class _SpreadBatch(Batch[Mapping[str, Json], WorkflowResult]):
    """A batch whose work is done elsewhere, for as long as its block lasts."""

    def __init__(
        self,
        rows: Rows[Mapping[str, Json]],
        cluster: _Cluster,
        concurrency: int,
        *,
        ordered: bool,
        adaptive: bool,
    ) -> None:
        super().__init__(rows, cluster.run, concurrency=concurrency, ordered=ordered, adaptive=adaptive)
        self._cluster = cluster

    def _judge(self, outcome: Outcome[Any]) -> None:
        super()._judge(outcome)
        if self._cluster.is_lost:
            self._end(outcome.error)

    async def __aenter__(self) -> Self:
        await self._cluster.open()
        return await super().__aenter__()

    async def aclose(self) -> None:
        """Cancel what is on its way: what leaving the `async with` block does."""
        try:
            await super().aclose()
        finally:
            await self._cluster.close()


@attrs.frozen
class _Answer:
    """What a worker tells of a row."""

    result: WorkflowResult | None
    error: DifyError | None
    attempts: int


def _unwanted() -> DifyError:
    return DifyError("nobody waits for the row any more")


class _Cluster:
    """The cluster, as the process sees it that reads the outcomes."""

    def __init__(self, dask: Client | str, follower: _Follower) -> None:
        self._given = dask
        self._follower = follower
        self._dask: Any = None  # A `Client`, whose methods have no types.
        self._futures: set[Any] = set()
        self.is_lost = False
        """Whether the scheduler was, and with it all that was asked for."""

    async def open(self) -> None:
        """Connect, and give each worker its client; workers that come later get it when they come."""
        if self._dask is not None:
            raise TypeError("a batch is entered once: call map_runs for another")
        given: Any = self._given
        address, security = given, None
        if not isinstance(given, str):
            if given.scheduler is None:
                raise ConfigurationError("dask is a client that is not connected")
            address, security = given.scheduler.address, given.security
        try:
            # One of our own: that of the caller may be blocking, or belong to another event loop.
            self._dask = await Client(address, security=security, asynchronous=True, set_as_default=False)
            await self._dask.register_plugin(self._follower)
        except OSError as exc:
            await self.close()
            raise ConnectionFailed(f"the Dask scheduler at {address} does not answer: {exc}") from exc
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """End what is on its way, and leave nothing behind."""
        dask = self._dask
        if dask is None:
            return
        try:
            if dask.status == "running":
                # A worker that was lost just now does not answer, and a new scheduler knows of nothing.
                with suppress(OSError, ValueError):
                    await dask.unregister_worker_plugin(self._follower.name)
                await self._follower.places(dask.scheduler, dask.loop).close()
        finally:
            await dask.close()

    async def run(self, row: Mapping[str, Json], key: str) -> WorkflowResult:
        """Have a row done by some worker."""
        try:
            # Dask would look for its own things inside of a row, and show it in its logs.
            data = pickle.dumps(row)
        except Exception as exc:  # What the row is made of says it in its own way.
            raise ConfigurationError(f"the row cannot be sent to a worker: {exc}") from exc
        name = self._follower.name
        future = self._dask.submit(_followed, name, data, key=f"{_PREFIX}-{name}-{key}", pure=False)
        # Dask forgets a task that nobody wants: not before a worker is done with it, should the reader leave.
        self._futures.add(future)
        answer = await self._answer(future)
        self._futures.discard(future)
        future.release()
        note_attempts(answer.attempts)
        if answer.error is not None:
            raise answer.error
        assert answer.result is not None
        return answer.result

    async def _answer(self, future: Any) -> _Answer:
        try:
            return await future  # type: ignore[no-any-return]
        except KilledWorker as exc:
            error = await self._given_up(future, exc)
            error.__cause__ = exc
        except concurrent.futures.CancelledError as exc:
            self.is_lost = True
            error = ConnectionFailed(
                f"Dask dropped the row, as it does when its scheduler ends or starts anew: {exc}",
                may_have_started=True,
            )
        return _Answer(None, error, attempts=1)

    async def _given_up(self, future: Any, exc: KilledWorker) -> DifyError:
        """Give the error of a row that Dask has given up."""
        known = await self._dask.get_metadata([future.key], None)
        lost = f"Dask gave the row up; workers that were lost while they had it: {exc.allowed_failures + 1}"
        if known is None:
            return OutcomeUnknown(f"{lost}; its run may have started", may_have_started=True)
        return StreamInterrupted(
            f"{lost}; its run may have ended or still be running", handle=RunHandle.from_json(known)
        )


@attrs.define(kw_only=True, eq=False, slots=False)
class _Follower(WorkerPlugin):
    """What each worker has for a batch: a client, and the runs that it follows."""

    client: AppClient
    concurrency: int
    check_inputs: bool
    timeout: float | Timeouts | None
    extra_headers: Mapping[str, str] | None = attrs.field(repr=False)
    extra_body: Mapping[str, Json] | None = attrs.field(repr=False)
    name: str = attrs.field(init=False, factory=lambda: f"dify-{uuid.uuid4().hex}")

    def places(self, scheduler: Any, loop: Any) -> Semaphore:
        """Give what bounds the runs of all workers together."""
        return Semaphore(self.concurrency, self.name, scheduler_rpc=scheduler, loop=loop)

    async def setup(self, worker: Worker) -> None:
        """Begin, in the worker's own event loop."""
        self._loop = asyncio.get_running_loop()
        self._scheduler: Any = worker.scheduler
        self._places = self.places(worker.scheduler, worker.loop)
        core = self.client._core  # pyright: ignore[reportPrivateUsage]
        self._form = Form(core, self.extra_headers) if self.check_inputs else None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._is_over = False
        self._is_moving = False

    async def teardown(self, worker: Worker) -> None:
        """End: the reader has left, or the worker is being closed and others do its rows."""
        self._is_over = True
        self._is_moving = worker.status is Status.closing
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._places.refresh_callback.stop()
        await self.client.close()

    def answer(self, key: str, data: bytes) -> _Answer:
        """Do a row, in a thread that only waits."""
        try:
            return asyncio.run_coroutine_threadsafe(self._answer(key, data), self._loop).result()
        except concurrent.futures.CancelledError:
            raise Reschedule from None

    async def _answer(self, key: str, data: bytes) -> _Answer:
        if self._is_over:
            return _Answer(None, _unwanted(), attempts=0)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with counting_attempts() as attempts:
                try:
                    result = await self._result(key, pickle.loads(data))  # noqa: S301 - of `_Cluster.run`
                except DifyError as exc:
                    return _Answer(None, exc, attempts[0])
            return _Answer(result, None, attempts[0])
        finally:
            self._tasks.discard(task)

    async def _result(self, key: str, row: Mapping[str, Json]) -> WorkflowResult:
        workflows, scheduler = self.client.workflows, self._scheduler
        # Dask keeps what is said of a task for as long as it has the task, whichever worker is at it.
        known = await scheduler.get_metadata(keys=[key], default=None)
        if known is not None:
            # Its place is still that of the worker that was lost, until Dask takes it back.
            handle = RunHandle.from_json(known)
            note_attempts(1)  # By that worker, at least.
            return await workflows.wait(handle, timeout=self.timeout, extra_headers=self.extra_headers)
        if self._form is not None:
            await self._form.check(row)
        stream = workflows.stream(
            row, timeout=self.timeout, extra_headers=self.extra_headers, extra_body=self.extra_body
        )
        async with self._places:
            states = await scheduler.get_task_status(keys=[key])
            if states[key] is None:  # Its first worker's answer came through, just before that was lost.
                raise _unwanted()
            async with stream as run:
                try:
                    if (told := await begun(run)) is not None:
                        await scheduler.set_metadata(keys=[key], value=told.to_json())
                    return await run.result()
                except asyncio.CancelledError:
                    if self._is_moving:
                        run.detach()
                    raise


def _followed(name: str, data: bytes) -> _Answer:
    """Do a row: the task that Dask knows."""
    worker = get_worker()
    follower: Any = worker.plugins.get(name)
    if follower is None:
        return _Answer(None, _unwanted(), attempts=0)
    key = worker.get_current_task()
    secede()  # A worker bears more runs than it has threads.
    return follower.answer(key, data)  # type: ignore[no-any-return]
