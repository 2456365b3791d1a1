"""Event streams: the events of a run as they arrive, and its result."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Generic, NoReturn, Self, TypeVar

from dify_async._http.api import Api
from dify_async._http.call_options import check_callback
from dify_async._streaming.connection import RunConnection
from dify_async._streaming.run_events import RunEvents
from dify_async._streaming.run_spec import RunSpec
from dify_async._streaming.state import State, not_entered
from dify_async._streaming.stream_errors import StreamErrors
from dify_async._streaming.texts import Parts, Texts
from dify_async._wire.decoding.decode import decode_event
from dify_async._wire.results import Accumulator, is_repeated
from dify_async._wire.run_errors import error_from_result
from dify_async.events import HumanInputRequired, WorkflowPaused
from dify_async.models.parts import ReasoningPart, TextPart
from dify_async.models.runs import RunHandle

if TYPE_CHECKING:
    from dify_async.errors import StreamResult

EventT_co = TypeVar("EventT_co", covariant=True)
ResultT_co = TypeVar("ResultT_co", bound="StreamResult", covariant=True)

_PAUSES: Final = frozenset({WorkflowPaused, HumanInputRequired})
"""Events after which a run may wait for a person, without making progress."""


class EventStream(Generic[EventT_co, ResultT_co]):
    """The events of a run as they arrive, and the result of the run.

    ```python
    async with client.workflows.stream({"city": "Lisbon"}) as run:
        async for event in run:
            ...
        result = await run.result()
    ```

    The stream ends at the run's terminal event, not when the server closes the connection. Leaving the block
    before that (`break`, an exception, a cancellation, a timeout) asks the server to stop the run, which
    takes at most two seconds. To let the run continue, call `detach()`, or create the client with
    `on_abandon="detach"`. Closing the connection alone does not stop a run of Dify.

    When the stream of a workflow or chatflow is interrupted, it reconnects. No event is delivered twice;
    `result.gap` is True if pieces of text may be missing.

    A stream has one reader at a time.
    """

    def __init__(
        self,
        api: Api,
        spec: RunSpec,
        accumulator: Accumulator[ResultT_co],
        *,
        on_ping: Callable[[], object] | None = None,
    ) -> None:
        if on_ping is not None:
            check_callback(on_ping, "on_ping")
        self.on_ping = on_ping
        """Called at each ping, about every 10 seconds of silence."""
        self._errors = StreamErrors(api, spec, accumulator)
        self._operation = spec.request.operation
        self._progress = accumulator.progress
        self._accumulator = accumulator
        self._is_paused = False  # True if the run waits for a person.
        self._events = RunEvents(
            api,
            spec,
            accumulator,
            self._progress,
            self._errors,
            stops_run=api.defaults.on_abandon == "stop" and spec.is_ours and spec.stop is not None,
        )
        self._connection = RunConnection(self._events)

    # The run

    @property
    def starts_run(self) -> bool:
        """True if entering the stream starts a run; False if it follows an existing one, as with `attach`."""
        return self._events.spec.is_ours

    @property
    def run_id(self) -> str | None:
        """The run's id, for `wait` and `attach`. None before the run starts, and for apps without runs."""
        return self._progress.run_id

    @property
    def task_id(self) -> str | None:
        """The task id, for `stop`. None before the first event that contains it."""
        return self._progress.task_id

    @property
    def attempts(self) -> int:
        """Number of times the request was sent, including attempts that were rejected."""
        return self._events.spec.request.attempts

    @property
    def handle(self) -> RunHandle | None:
        """The run's handle, for `wait` and `attach` in any process. None while `run_id` is None."""
        return self._errors.handle

    @property
    def partial_result(self) -> ResultT_co:
        """The result of the events read so far. Available at any time."""
        return self._errors.partial_result

    def detach(self) -> None:
        """Let the run continue when the stream is left early."""
        self._events.stops_run = False

    # Reading

    def __aiter__(self) -> AsyncIterator[EventT_co]:
        if self._events.state is State.NEW:
            raise not_entered()
        return self

    async def __anext__(self) -> EventT_co:
        while (event := self.take()) is None:
            if not await self._events.fill():
                raise StopAsyncIteration
        return event

    @property
    def text(self) -> AsyncIterator[str]:
        """Iterate over the pieces of text, as they were sent. `result()` has the final text."""
        if self._events.state is State.NEW:
            raise not_entered()
        return Texts(self)

    @property
    def parts(self) -> AsyncIterator[TextPart | ReasoningPart]:
        """Iterate over the text without reasoning, and over the reasoning: `TextPart` and `ReasoningPart`.

        Reasoning is what models put into `<think>` tags, and what Dify sends as `reasoning_chunk` events.
        `text` has the text as it was sent, with the tags.
        """
        if self._events.state is State.NEW:
            raise not_entered()
        return Parts(self)

    async def result(self) -> ResultT_co:
        """Read the rest of the stream, and return the result.

        Raises:
            RunFailed: the run failed; `RunStopped`, `RunPaused` and `RunRejected` are subclasses.
            ApiError: the stream ended with an error that has a code.
            StreamInterrupted: the stream ended before the run did.
            TransportError: a timeout expired, or the connection broke before the first event arrived.
        """
        while self.take() is not None or await self._events.fill():
            pass
        return self.final_result()

    def take(self) -> EventT_co | None:
        """Return the next event that has already arrived; None if there is none. Does not wait.

        `take` and `fill` are for adapters that read the stream in their own way. Events are decoded here and
        not when they arrive, because waiting events would take more memory than their bytes.
        """
        run = self._events
        pending = run.pending
        while pending:
            item = pending.popleft()
            event: Any = decode_event(item) if isinstance(item, bytes) else item
            if event is None:
                run.pings += 1
                run.has_progressed = run.has_progressed or self._is_paused
                if self.on_ping is not None:
                    self.on_ping()
                continue
            if run.is_resumed and is_repeated(event, self._progress):
                continue
            run.pings = 0
            run.has_progressed = True
            self._is_paused = event.__class__ in _PAUSES
            self._accumulator.add(event)
            if self._progress.over:
                pending.clear()
            if run.watch is not None:
                run.watch.event(event, len(item) if isinstance(item, bytes) else 0)
            return event  # type: ignore[no-any-return]
        return None

    async def fill(self) -> bool:
        """Wait until events have arrived for `take`. Return False at the end of the stream.

        Raises:
            DifyError: the stream ended with an error. All events that arrived before were taken.
            TypeError: another task reads the stream, or the stream was opened in another event loop.
        """
        return await self._events.fill()

    def final_result(self) -> ResultT_co:
        """Return the result of a stream that was read to its end. Raises the same errors as `result`."""
        progress = self._progress
        if progress.unusable_end is not None:
            raise self._errors.with_context(self._errors.unusable_end(progress.unusable_end.problem))
        if not progress.complete:
            raise self._errors.closed("the stream was closed before its end, so there is no result")
        handle = self._errors.handle
        result = self._accumulator.result(handle)
        error = error_from_result(
            result,
            redact=self._errors.redacted,
            handle=handle,
            node_id=progress.failed_node,
            operation=self._operation.name,
            server_version=self._events.api.transport.server_version,
        )
        if error is not None:
            raise self._errors.with_context(error)
        return result

    # Open and close

    async def __aenter__(self) -> Self:
        await self._connection.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._events.watch is not None:
            self._events.watch.left(error)
        await self._connection.close()

    async def aclose(self) -> None:
        """Close the stream, like leaving the `async with` block. Idempotent.

        Another task may call it: a waiting reader ends at once.
        """
        await self._connection.close()

    def __await__(self) -> Generator[None, None, NoReturn]:
        raise TypeError(
            "a stream must be entered, not awaited: async with client.workflows.stream(...) as run: ..."
        )

    def __enter__(self) -> None:
        raise TypeError("this stream is asynchronous: use `async with`, or a client of dify_async.sync")

    def __exit__(self, *_: object) -> None: ...
