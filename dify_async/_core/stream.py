"""A stream of events, from the request that opens it to the end, however that comes about."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Final, Generic, NoReturn, Self, TypeVar

import aiohttp
import attrs

from dify_async._core.core import Core, ErrorT
from dify_async._core.operations import Operation
from dify_async._core.recovery import PATIENCE, Recovery
from dify_async._core.request import Options, Request
from dify_async._core.transport import LEAVING, Home, broken
from dify_async._wire.api_errors import error_from_event
from dify_async._wire.decoding.hooks import decode_event
from dify_async._wire.results import Accumulator, is_repeated, text_of
from dify_async._wire.sse import EventParser
from dify_async.errors import (
    ConfigurationError,
    DecodeError,
    DifyError,
    OutcomeUnknown,
    RunRejected,
    StreamInterrupted,
    TooLarge,
    TransportError,
)
from dify_async.events import ErrorEvent, Event, UnknownEvent
from dify_async.models import AppKind, ChatResult, CompletionResult, RunHandle, Stopped, WorkflowResult
from dify_async.settings import Timeouts

EventT_co = TypeVar("EventT_co", covariant=True)
ResultT_co = TypeVar("ResultT_co", bound=WorkflowResult | ChatResult | CompletionResult, covariant=True)

_log: Final = logging.getLogger("dify_async")


@attrs.frozen(kw_only=True)
class Run:
    """What a stream needs to know of its run."""

    request: Request
    kind: AppKind
    user: str | None
    stop: Operation[Stopped]
    """How it is stopped, with the task id that its events bring."""
    recovers: bool = False
    """Whether it is looked for when its stream breaks off: runs of workflows and chatflows are stored."""
    is_stored: bool = False
    """Whether it is looked for from the start: nothing is requested but what finds it."""
    continue_on_pause: bool = False
    """Whether a pause is not the end."""
    once_open: Callable[[], Awaitable[None]] | None = None
    """What is done when the stream is open, and before anything of it is read."""
    is_ours: bool = True
    """Whether the request starts the run, so that leaving it stops the run; else it only follows one."""


class EventStream(Generic[EventT_co, ResultT_co]):
    """The events of a run, as they come, and its result in the end.

    ```python
    async with client.workflows.stream({"city": "Lisbon"}) as run:
        async for event in run:
            ...
        result = await run.result()
    ```

    The stream ends at the run's last event, not when the server closes. Leaving it before that (`break`, an
    exception, a cancellation, a time-out) asks the server to stop the run, within two seconds, unless the
    client was made with `on_abandon="detach"` or `detach()` was called: closing a connection alone does not
    stop a run of Dify.

    A stream of a workflow that breaks off goes on by itself, as soon as the run is found again: nothing that
    was delivered is repeated, what was lost is told by the result's `gap`.
    """

    def __init__(
        self,
        core: Core,
        run: Run,
        fold: Accumulator[ResultT_co],
        *,
        on_ping: Callable[[], object] | None = None,
    ) -> None:
        self._core = core
        self._run = run
        self._fold = fold
        self._on_ping = on_ping
        self._parser = EventParser(core.transport.settings.max_event_bytes)
        self._waiting: deque[bytes] = deque()  # The data of events that have come and were not asked for yet.
        self._body_is_over = False
        self._break: Exception | None = None
        self._slot = AsyncExitStack()
        self._posting: asyncio.Task[aiohttp.ClientResponse] | None = None
        self._answer: aiohttp.ClientResponse | None = None
        self._home: Home | None = None
        self._left = False
        self._leave_alone = core.transport.settings.on_abandon == "detach" or not run.is_ours
        self._failure: DifyError | None = None
        self._deadline: float | None = None
        self._linger_until: float | None = None
        self._recovery: Recovery | None = None
        self._is_lost = False
        """Whether there is no stream of the run just now, and one is looked for."""
        self._found: Any = None  # The last event of a run, from its record.

    # What is known of the run

    @property
    def run_id(self) -> str | None:
        """What the run is found again with; None before it began, and for apps that have no runs."""
        return self._fold.progress.run_id

    @property
    def task_id(self) -> str | None:
        """What the run is stopped with; None before the first event that tells it."""
        return self._fold.progress.task_id

    @property
    def handle(self) -> RunHandle | None:
        """What the run is found again with, for another time or place; None while `run_id` is."""
        if self.run_id is None:
            return None
        return RunHandle(run_id=self.run_id, task_id=self.task_id, user=self._run.user, kind=self._run.kind)

    @property
    def partial_result(self) -> ResultT_co:
        """What the result would be if nothing more came; asked for at any time, and never raising."""
        return self._fold.result(self.handle)

    def detach(self) -> None:
        """Leave the run alone from now on, however the stream is left."""
        self._leave_alone = True

    # Reading

    _text_of = staticmethod(text_of)

    def __aiter__(self) -> AsyncIterator[EventT_co]:
        self._check_entered()
        return self

    async def __anext__(self) -> EventT_co:
        while (event := self._take()) is None:
            if not await self._fill():
                raise StopAsyncIteration
        return event

    @property
    def text(self) -> AsyncIterator[str]:
        """Only the text, piece by piece, as it was sent. What counts in the end is `result()`."""
        self._check_entered()
        return _Texts(self)

    async def result(self) -> ResultT_co:
        """Read what is left, and give the result.

        Raises:
            RunFailed: the run ended badly; `RunStopped`, `RunPaused` and `RunRejected` are kinds of it.
            ApiError: the stream ended with an error that has a code.
            StreamInterrupted: the stream ended before the run did.
            TransportError: a clock ran out, or the connection broke before anything came.
        """
        self._skip()
        while await self._fill():
            self._skip()
        progress = self._fold.progress
        if progress.misfit is not None:
            raise self._explained(
                DecodeError(f"the last event is not what it should be: {progress.misfit.problem}")
            )
        if not progress.complete:
            raise self._explained(
                ConfigurationError("the stream was left before its end, so there is no result")
            )
        result = self._fold.result(self.handle)
        asked = self._run.request.asked
        return self._core.accepted(result, asked, handle=self.handle, node_id=progress.failed_node)

    def _take(self) -> EventT_co | None:
        """Give the next event of those that have come; None where none is left.

        Decoded no sooner than asked for: events that pile up cost more than their bytes do, in memory and in
        the work of the garbage collector.
        """
        waiting = self._waiting
        while waiting:
            event: Any = decode_event(waiting.popleft())
            if event is not None:
                if self._recovery is not None and self._is_known(event, self._recovery):
                    continue
                self._fold.add(event)
                if self._fold.progress.over:
                    waiting.clear()
                return event  # type: ignore[no-any-return]
            if self._on_ping is not None:
                self._on_ping()
        event, self._found = self._found, None
        if event is not None:
            self._fold.add(event)
        return event  # type: ignore[no-any-return]

    def _is_known(self, event: Event, recovery: Recovery) -> bool:
        """Say whether a snapshot repeats what was delivered; else take it for a sign of life."""
        if is_repeated(event, self._fold.progress):
            return True
        recovery.note_life()
        return False

    def _skip(self) -> None:
        """Take all that has come into the result, without giving it to anybody."""
        while self._take() is not None:
            pass

    async def _fill(self) -> bool:
        """Wait until something has come; False where nothing will any more."""
        self._check_entered()
        if self._failure is not None:
            raise self._with_what_is_known(self._failure)
        if self._fold.progress.over:
            self._finish()
        elif self._body_is_over:
            self._conclude()
        if self._recovery is not None and self._is_lost:
            await self._recover(self._recovery)
            return True
        answer = self._answer
        if answer is None:
            await self._slot.aclose()
            return self._failure is not None
        try:
            await self._receive(answer)
        except TooLarge as exc:
            self._fail(exc)
        return True

    async def _receive(self, answer: aiohttp.ClientResponse) -> None:
        try:
            async with asyncio.timeout_at(self._until()):
                data = await answer.content.readany()
            if data:
                self._waiting.extend(self._parser.feed(data))
            else:
                self._end_body(None)
        except aiohttp.SocketTimeoutError as exc:
            self._save_what_came(answer)
            if self._recovery is None:
                self._fail(broken(exc, self._run.request.asked, streamed=True))
            else:
                self._end_body(exc)
        except TimeoutError:
            self._end_of_time()
        except (aiohttp.ClientError, OSError) as exc:
            self._save_what_came(answer)
            self._end_body(exc)

    async def _recover(self, recovery: Recovery) -> None:
        try:
            async with asyncio.timeout_at(self._deadline):
                found = await recovery.next()
        except TimeoutError:
            self._fail(self._core.timed_out(self._run.request))
            return
        if isinstance(found, aiohttp.ClientResponse):
            self._answer, self._is_lost = found, False
            self._parser = EventParser(self._core.transport.settings.max_event_bytes)
        elif found is not None:
            self._found, self._is_lost = found, False
        else:
            self._give_up()

    def _give_up(self) -> None:
        self._leave_alone = True
        refused = self._recovery.refused if self._recovery is not None else None
        # Who asks for a run by its id is told why there is none; who had its stream gets all that came.
        self._fail(self._interrupted(self._break) if refused is None or self._run.is_ours else refused)

    def _until(self) -> float | None:
        linger = self._fold.progress.linger
        if linger is None:
            self._linger_until = None
            if self._recovery is None:
                return self._deadline
            return min(self._recovery.until, self._deadline or self._recovery.until)
        if self._linger_until is None:
            self._linger_until = asyncio.get_running_loop().time() + linger
        return self._linger_until

    def _end_of_time(self) -> None:
        if self._linger_until is not None:
            self._finish()
        elif self._recovery is not None and asyncio.get_running_loop().time() >= self._recovery.until:
            self._give_up()
        else:
            self._fail(self._core.timed_out(self._run.request))

    def _save_what_came(self, answer: aiohttp.ClientResponse) -> None:
        # What arrived before a break is still in aiohttp's buffer, behind the error.
        answer.content.set_exception(None)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        self._waiting.extend(self._parser.feed(answer.content.read_nowait()))

    def _end_body(self, reason: Exception | None) -> None:
        for payload in self._parser.close():
            event = decode_event(payload)
            # Half an event has no name that could be read; it is not delivered.
            if not (isinstance(event, UnknownEvent) and not event.event):
                self._waiting.append(payload)
        self._body_is_over, self._break = True, reason

    def _conclude(self) -> None:
        """Judge a body that is over, now that all that came of it was read."""
        self._finish()
        if self._fold.progress.complete or self._failure is not None:
            return
        if self._run.recovers and self.run_id is not None:
            asked = self._run.request.asked.operation
            _log.info("%s: the stream of the run %s broke off; it is looked for", asked, self.run_id)
            self._look_for(self.run_id)
            self._fold.progress.gap = self._run.is_ours
        else:
            self._give_up()

    def _look_for(self, run_id: str) -> None:
        """Begin to look for the run, or go on looking."""
        self._is_lost = True
        if self._recovery is None:
            self._recovery = Recovery(
                core=self._core,
                run_id=run_id,
                has_record=self._core.identity.names_user,
                timeouts=self._run.request.timeouts,
                continue_on_pause=self._run.continue_on_pause,
                alive_at=asyncio.get_running_loop().time(),
            )

    def _finish(self) -> None:
        """Stop reading. The connection is dropped and not drained: the server may keep it for minutes."""
        self._waiting.clear()
        self._body_is_over = False
        if self._answer is not None:
            self._answer.close()
            self._answer = None
        if self._failure is None and self._fold.progress.error is not None:
            self._fail(self._error_of_stream(self._fold.progress.error))

    # Errors: raised when the next event is asked for, after all that had come was delivered

    def _fail(self, error: DifyError) -> None:
        self._failure = self._explained(error)

    def _with_what_is_known(self, error: DifyError) -> DifyError:
        if isinstance(error, TransportError):
            error.handle = self.handle
            error.partial = self._fold.result(self.handle)
        return error

    def _interrupted(self, reason: Exception | None) -> DifyError:
        how = "the connection broke" if reason is not None else "the server closed the stream"
        if self.run_id is None and (self._run.kind == "workflow" or self.task_id is None):
            error: DifyError = OutcomeUnknown(
                f"{how} before the run told its id; it may have started, so it was not sent again",
                may_have_started=True,
            )
        else:
            error = StreamInterrupted(
                f"{how} before the run's last event{self._search()}; it may have ended or still be running",
                handle=self.handle,
                partial=self._fold.result(self.handle),
            )
        error.__cause__ = reason
        return error

    def _search(self) -> str:
        if self._recovery is None:
            return ""
        if self._recovery.refused is not None:
            return f", and the server does not tell of the run: {self._recovery.refused}"
        return f", and the run showed no sign of life for {PATIENCE:.0f} seconds"

    def _error_of_stream(self, event: ErrorEvent) -> DifyError:
        if event.code:
            return error_from_event(
                event, may_have_started=True, handle=self.handle, partial=self._fold.result(self.handle)
            )
        reason = "the server refused the run, mostly for an input that is missing or does not fit"
        return RunRejected(
            f"{reason}: {event.message}", result=self._fold.result(self.handle), handle=self.handle
        )

    def _explained(self, error: ErrorT) -> ErrorT:
        return self._core.explain(error, self._run.request.asked)

    # Entering and leaving

    async def __aenter__(self) -> Self:
        if self._home is not None:
            raise TypeError("a stream is entered once: ask the client for another")
        request = self._run.request
        self._home = await self._core.transport.home()
        try:
            await self._slot.enter_async_context(self._core.slot())
            if request.timeouts.total is not None:
                self._deadline = asyncio.get_running_loop().time() + request.timeouts.total
            if self._run.is_stored and self.run_id is not None:
                self._look_for(self.run_id)
            else:
                await self._open(request)
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Leave the stream: what leaving the `async with` block does."""
        if self._left or self._home is None:
            return
        self._left = True
        self._skip()
        progress = self._fold.progress
        is_open = self._answer is not None or self._posting is not None or self._is_lost
        is_running = is_open or self._failure is not None
        try:
            if is_running and not self._leave_alone and not progress.complete:
                # In a task of its own: a second cancellation ends our wait for it, and not the stopping.
                await asyncio.shield(self._home.spawn(self._leave()))
            else:
                await self._drop()
        finally:
            await self._slot.aclose()

    async def _open(self, request: Request) -> None:
        try:
            async with asyncio.timeout_at(self._deadline):
                self._run = attrs.evolve(self._run, request=await self._core.ready(request))
                idempotent = not self._run.is_ours
                self._answer = await self._core.repeated(self._post, request.asked, idempotent=idempotent)
                if self._run.once_open is not None:
                    await self._run.once_open()
        except TimeoutError:
            raise self._core.timed_out(request) from None

    async def _post(self, _attempt: int) -> aiohttp.ClientResponse:
        # In a task of its own, for the headers of a chat come only with its first event: if our caller is
        # cancelled by then, the run has begun and must still be stopped.
        assert self._home is not None
        # First, and not in it: who leaves while a passport is fetched has begun nothing.
        await self._core.identity.credentials(self._core, self._run.request.credentials)
        self._posting = self._home.spawn(self._core.open(self._run.request))
        try:
            answer = await asyncio.shield(self._posting)
        except DifyError:
            self._posting = None
            raise
        self._posting = None
        return answer

    async def _leave(self) -> None:
        """Ask the server to stop the run, within two seconds in all; say so in the log if that fails."""
        progress = self._fold.progress
        problem: str | None = "it told no task id"
        try:
            async with asyncio.timeout(LEAVING):
                await self._learn_task_id()
                if progress.task_id is not None and not progress.complete:
                    timeouts = Timeouts(connect=LEAVING, read=LEAVING)
                    ids = {"task_id": progress.task_id}
                    await self._core.call(self._run.stop, ids=ids, options=Options(timeout=timeouts))
                    problem = None
        except TimeoutError:
            problem = "no answer in time" if progress.task_id is not None else f"{problem} in time"
        except (DifyError, aiohttp.ClientError, OSError) as exc:
            problem = str(exc)
        finally:
            await self._drop()
        if problem is not None and not progress.complete:
            asked = self._run.request.asked.operation
            _log.warning("%s: left before its run ended, and nothing was stopped: %s", asked, problem)

    async def _learn_task_id(self) -> None:
        if self._posting is not None:
            self._answer = await self._posting
            self._posting = None
        progress = self._fold.progress
        while self._answer is not None and progress.task_id is None:
            data = await self._answer.content.readany()
            if not data:
                return
            self._waiting.extend(self._parser.feed(data))
            self._skip()

    async def _drop(self) -> None:
        """Let go of the connection, in whatever state it is."""
        posting, self._posting = self._posting, None
        if posting is not None:
            posting.cancel()
            await asyncio.wait([posting])
            if not posting.cancelled() and posting.exception() is None:
                posting.result().close()
        if self._answer is not None:
            self._answer.close()
            self._answer = None

    def _check_entered(self) -> None:
        if self._home is None:
            raise TypeError(
                "a stream is used in a block: async with client.workflows.stream(...) as run: ..."
            )

    def __await__(self) -> Generator[None, None, NoReturn]:
        raise TypeError(
            "a stream is entered and not awaited: async with client.workflows.stream(...) as run: ..."
        )

    def __enter__(self) -> None:
        raise TypeError(
            "this stream is asynchronous: use `async with`, or the blocking client of dify_async.sync"
        )

    def __exit__(self, *_: object) -> None: ...


class _Texts:
    """The texts of a stream. No generator: leaving its loop leaves nothing behind to be closed."""

    def __init__(self, stream: EventStream[Any, Any]) -> None:
        self._stream = stream

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        while True:
            text = text_of(await anext(self._stream))
            if text:
                return text
