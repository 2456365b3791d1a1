"""A stream of events, without `await`."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from dify_async._core.stream import EventStream as AsyncEventStream
from dify_async.errors import ConfigurationError
from dify_async.models import ChatResult, CompletionResult, RunHandle, WorkflowResult
from dify_async.sync.bridge import Bridge, current

EventT_co = TypeVar("EventT_co", covariant=True)
ResultT_co = TypeVar("ResultT_co", bound=WorkflowResult | ChatResult | CompletionResult, covariant=True)


class EventStream(Generic[EventT_co, ResultT_co]):
    """The events of a run, as they come, and its result in the end.

    ```python
    with client.workflows.stream({"city": "Lisbon"}) as run:
        for event in run:
            ...
        result = run.result()
    ```

    The stream ends at the run's last event, not when the server closes. Leaving it before that (`break`, an
    exception, Ctrl-C, a time-out) asks the server to stop the run, within two seconds, unless the client was
    made with `on_abandon="detach"` or `detach()` was called: closing a connection alone does not stop a run
    of Dify.

    A stream of a workflow that breaks off goes on by itself, as soon as the run is found again: nothing that
    was delivered is repeated, what was lost is told by the result's `gap`.
    """

    def __init__(self, twin: AsyncEventStream[EventT_co, ResultT_co]) -> None:
        self._twin = twin
        self._bridge: Bridge | None = None
        self._dropped: weakref.finalize[Any, Any] | None = None

    @property
    def run_id(self) -> str | None:
        """What the run is found again with; None before it began, and for apps that have no runs."""
        return self._twin.run_id

    @property
    def task_id(self) -> str | None:
        """What the run is stopped with; None before the first event that tells it."""
        return self._twin.task_id

    @property
    def handle(self) -> RunHandle | None:
        """What the run is found again with, for another time or place; None while `run_id` is."""
        return self._twin.handle

    @property
    def partial_result(self) -> ResultT_co:
        """What the result would be if nothing more came; asked for at any time, and never raising."""
        return self._twin.partial_result

    def detach(self) -> None:
        """Leave the run alone from now on, however the stream is left."""
        self._twin.detach()

    def __iter__(self) -> Iterator[EventT_co]:
        self._entered()
        return self

    def __next__(self) -> EventT_co:
        # Many events come in one hand-over from the loop's thread, and are decoded in ours.
        twin = self._twin
        while (event := twin._take()) is None:  # pyright: ignore[reportPrivateUsage]
            if not self._entered().call(twin._fill):  # pyright: ignore[reportPrivateUsage]
                raise StopIteration
        return event

    @property
    def text(self) -> Iterator[str]:
        """Only the text, piece by piece, as it was sent. What counts in the end is `result()`."""
        events: Iterator[Any] = iter(self)
        return filter(None, map(self._twin._text_of, events))  # pyright: ignore[reportPrivateUsage]

    def result(self) -> ResultT_co:
        """Read what is left, and give the result.

        Raises:
            RunFailed: the run ended badly; `RunStopped`, `RunPaused` and `RunRejected` are kinds of it.
            ApiError: the stream ended with an error that has a code.
            StreamInterrupted: the stream ended before the run did.
            TransportError: a clock ran out, or the connection broke before anything came.
        """
        return self._entered().call(self._twin.result)

    def close(self) -> None:
        """Leave the stream: what leaving the `with` block does."""
        bridge = current()
        if self._bridge is bridge:  # Else it was never entered, or belongs to the process that forked.
            bridge.call(self._twin.aclose)
            bridge.open.discard(self._twin)
            assert self._dropped is not None
            self._dropped.detach()

    def __enter__(self) -> Self:
        bridge = current()
        bridge.open.add(self._twin)
        # A stream that is dropped without being left is left in the background; so is one whose entering
        # was interrupted too late.
        self._dropped = weakref.finalize(self, bridge.post, self._twin.aclose)
        self._dropped.atexit = False
        bridge.call(self._twin.__aenter__)
        self._bridge = bridge
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _entered(self) -> Bridge:
        if self._bridge is None:
            raise TypeError("a stream is used in a block: with client.workflows.stream(...) as run: ...")
        if self._bridge is not current():
            raise ConfigurationError(
                "the stream was opened before the process forked: it belongs to the parent; "
                "client.workflows.attach(run.handle) follows the run from here"
            )
        return self._bridge
