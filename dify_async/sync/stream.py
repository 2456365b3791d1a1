"""A stream of events for blocking code."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from dify_async._streaming.stream import EventStream as AsyncEventStream
from dify_async._streaming.texts import PartSplitter, text_of
from dify_async.errors import ConfigurationError, DifyError
from dify_async.models.parts import ReasoningPart, TextPart
from dify_async.models.runs import RunHandle
from dify_async.sync.bridge import Bridge, current

if TYPE_CHECKING:
    from dify_async.errors import StreamResult

EventT_co = TypeVar("EventT_co", covariant=True)
ResultT_co = TypeVar("ResultT_co", bound="StreamResult", covariant=True)


class EventStream(Generic[EventT_co, ResultT_co]):
    """The events of a run as they arrive, and the result of the run.

    ```python
    with client.workflows.stream({"city": "Lisbon"}) as run:
        for event in run:
            ...
        result = run.result()
    ```

    The stream ends at the run's terminal event, not when the server closes the connection. Leaving the block
    before that (`break`, an exception, Ctrl-C, a timeout) asks the server to stop the run, which takes at
    most two seconds. To let the run continue, call `detach()`, or create the client with
    `on_abandon="detach"`. Closing the connection alone does not stop a run of Dify.

    When the stream of a workflow or chatflow is interrupted, it reconnects. No event is delivered twice;
    `result.gap` is True if pieces of text may be missing.

    A stream has one reader at a time.
    """

    def __init__(self, wrapped: AsyncEventStream[EventT_co, ResultT_co]) -> None:
        self._wrapped = wrapped
        self._bridge: Bridge | None = None
        self._dropped: weakref.finalize[Any, Any] | None = None

    @property
    def starts_run(self) -> bool:
        """True if entering the stream starts a run; False if it follows an existing one, as with `attach`."""
        return self._wrapped.starts_run

    @property
    def run_id(self) -> str | None:
        """The run's id, for `wait` and `attach`. None before the run starts, and for apps without runs."""
        return self._wrapped.run_id

    @property
    def task_id(self) -> str | None:
        """The task id, for `stop`. None before the first event that contains it."""
        return self._wrapped.task_id

    @property
    def attempts(self) -> int:
        """Number of times the request was sent, including attempts that were rejected."""
        return self._wrapped.attempts

    @property
    def handle(self) -> RunHandle | None:
        """The run's handle, for `wait` and `attach` in any process. None while `run_id` is None."""
        return self._wrapped.handle

    @property
    def partial_result(self) -> ResultT_co:
        """The result of the events read so far. Available at any time."""
        return self._wrapped.partial_result

    def detach(self) -> None:
        """Let the run continue when the stream is left early."""
        self._wrapped.detach()

    def __iter__(self) -> Iterator[EventT_co]:
        self._entered()
        return self

    def __next__(self) -> EventT_co:
        # One call to the loop's thread fetches many events, which are decoded in this thread.
        while (event := self._wrapped.take()) is None:
            if not self._entered().call(self._wrapped.fill):
                raise StopIteration
        return event

    @property
    def text(self) -> Iterator[str]:
        """Iterate over the pieces of text, as they were sent. `result()` has the final text."""
        events: Iterator[Any] = iter(self)
        return filter(None, map(text_of, events))

    @property
    def parts(self) -> Iterator[TextPart | ReasoningPart]:
        """Iterate over the text without reasoning, and over the reasoning: `TextPart` and `ReasoningPart`.

        Reasoning is what models put into `<think>` tags, and what Dify sends as `reasoning_chunk` events.
        `text` has the text as it was sent, with the tags.
        """
        return _parts(iter(self))

    def result(self) -> ResultT_co:
        """Read the rest of the stream, and return the result.

        Raises:
            RunFailed: the run failed; `RunStopped`, `RunPaused` and `RunRejected` are subclasses.
            ApiError: the stream ended with an error that has a code.
            StreamInterrupted: the stream ended before the run did.
            TransportError: a timeout expired, or the connection broke before the first event arrived.
        """
        bridge = self._entered()
        while self._wrapped.take() is not None or bridge.call(self._wrapped.fill):
            pass
        return self._wrapped.final_result()

    def close(self) -> None:
        """Close the stream, like leaving the `with` block. Idempotent. Any thread may call it."""
        self._leave(None)

    def _leave(self, error: BaseException | None) -> None:
        bridge = current()
        if self._bridge is bridge:  # Otherwise it was not entered, or belongs to the parent process.
            try:
                bridge.call(self._wrapped.__aexit__, None, error, None)
            except BaseException:
                bridge.post(self._wrapped.aclose)  # The call may have been interrupted before it started.
                raise
            bridge.open.discard(self._wrapped)
            assert self._dropped is not None
            self._dropped.detach()

    def __enter__(self) -> Self:
        bridge = current()
        bridge.open.add(self._wrapped)
        # Closes the stream in the background if it is garbage-collected while open, or if `__enter__` is
        # interrupted after the stream was opened.
        self._dropped = weakref.finalize(self, bridge.post, self._wrapped.aclose)
        self._dropped.atexit = False
        bridge.call(self._wrapped.__aenter__)
        self._bridge = bridge
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave(error)

    def _entered(self) -> Bridge:
        if self._bridge is None:
            raise TypeError("a stream must be entered first: with client.workflows.stream(...) as run: ...")
        if self._bridge is not current():
            raise ConfigurationError(
                "the stream was opened before the process forked and belongs to the parent process: follow "
                "the run with client.workflows.attach(run.handle)"
            )
        return self._bridge


def _parts(events: Iterator[Any]) -> Iterator[TextPart | ReasoningPart]:
    splitter = PartSplitter()
    try:
        for event in events:
            yield from splitter.feed(event)
    except DifyError:
        yield from splitter.close()
        raise
    yield from splitter.close()
