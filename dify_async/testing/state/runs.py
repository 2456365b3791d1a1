"""Records of runs and answers, with their listeners and stop requests."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Final

import attrs

from dify_async._types import Json
from dify_async.testing.ids import id_of, new_id
from dify_async.testing.state.forms import FakeForm
from dify_async.testing.state.messages import Message

EventJson = dict[str, Json]

_LAST_EVENTS_OF_RUNS: Final = frozenset({"workflow_finished", "workflow_paused", "error"})


class Live:
    """The listeners of a task, and the request to stop it."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._listeners: list[asyncio.Queue[EventJson]] = []
        self._stopped = asyncio.Event()

    def listen(self) -> asyncio.Queue[EventJson]:
        """Return a queue of all events from now on; earlier events are not repeated."""
        queue: asyncio.Queue[EventJson] = asyncio.Queue()
        self._listeners.append(queue)
        return queue

    def publish(self, event: EventJson) -> None:
        """Send an event to all listeners."""
        for queue in self._listeners:
            queue.put_nowait(event)
        self._on_change()

    def stop(self) -> None:
        """Ask the task to stop; it ends at its next step."""
        self._stopped.set()
        self._on_change()

    @property
    def is_stopped(self) -> bool:
        """True if the task was asked to stop."""
        return self._stopped.is_set()

    async def sleep(self, seconds: float) -> bool:
        """Sleep, at most until the task is asked to stop; return True if it was."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return self.is_stopped
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        return self.is_stopped


@attrs.define(kw_only=True, eq=False)
class FakeTask:
    """A run or an answer of the app."""

    user: str
    """End user who sent the request."""
    inputs: dict[str, Json]
    """Inputs of the app."""
    live: Live = attrs.field(repr=False)
    """Listeners and stop request; for internal use."""
    task_id: str = attrs.field(factory=new_id)
    """Task id, to stop it."""
    status: str = "running"
    """Status: `running`, `paused`, `succeeded`, `partial-succeeded`, `failed`, `stopped`, `error` or
    `abandoned`."""
    error: str | None = None
    """Error message. None if it did not fail."""
    created_at: int = attrs.field(factory=lambda: int(time.time()))
    """Unix time."""
    events: list[EventJson] = attrs.field(factory=list[EventJson], repr=False)
    """All events so far."""
    stop_calls: int = 0
    """Number of stop requests."""
    last_events: frozenset[str] = attrs.field(repr=False)
    """Names of the events that end a stream."""

    @property
    def over(self) -> bool:
        """True if it has ended or is paused."""
        return self.status != "running"

    def is_last(self, event: EventJson) -> bool:
        """Return True if a stream ends with this event."""
        return event["event"] in self.last_events

    def emit(self, event: EventJson) -> None:
        """Add an event and send it to all listeners."""
        self.events.append(event)
        self.live.publish(event)

    def stop(self) -> None:
        """Count a stop request, and stop."""
        self.stop_calls += 1
        self.live.stop()


@attrs.define(kw_only=True, eq=False)
class FakeRun(FakeTask):
    """A run of a workflow or chatflow. It continues even if no client listens."""

    id: str = attrs.field(factory=new_id)
    """Id of the run."""
    workflow_id: str = id_of("dify_async.testing")
    """Id of the workflow's version."""
    message: Message | None = attrs.field(default=None, repr=False)
    """Message of a chatflow. None for workflows."""
    outputs: dict[str, Json] | None = attrs.field(factory=dict[str, Json])
    """Outputs; None for rejected inputs since Dify 1.15."""
    answer: str = ""
    """Text so far."""
    finished_at: int | None = None
    """Unix time; None before the end."""
    elapsed_time: float = 0.0
    """Seconds, without pauses."""
    total_tokens: int = 0
    """Tokens of all nodes."""
    total_steps: int = 0
    """Number of nodes that were started."""
    exceptions_count: int = 0
    """Number of nodes that failed and were caught."""
    forms: list[FakeForm] = attrs.field(factory=list[FakeForm])
    """Forms that the run has waited for, oldest first."""
    reasoning: dict[str, str] = attrs.field(factory=dict[str, str])
    """Reasoning by node id."""
    last_events: frozenset[str] = attrs.field(default=_LAST_EVENTS_OF_RUNS, repr=False)
    """Names of the events that end a stream."""

    @property
    def form_inputs(self) -> dict[str, Json]:
        """Values of the last submitted form."""
        form = self._submitted_form
        return form.inputs if form is not None else {}

    @property
    def form_action(self) -> str | None:
        """Id of the button of the last submitted form. None if no form was submitted."""
        form = self._submitted_form
        return form.action if form is not None else None

    @property
    def _submitted_form(self) -> FakeForm | None:
        return next((form for form in reversed(self.forms) if form.status == "submitted"), None)

    @property
    def all_inputs(self) -> dict[str, Json]:
        """Inputs, including those that Dify adds."""
        query = {"sys.query": self.message.query} if self.message is not None else {}
        return {**self.inputs, **query, "sys.user_id": self.user, "sys.workflow_run_id": self.id}


@attrs.define(kw_only=True, eq=False)
class FakeGeneration(FakeTask):
    """An answer of a chat or completion app. A client that disconnects ends it."""

    message: Message
    """The message."""

    @property
    def id(self) -> str:
        """Id of the message."""
        return self.message.id

    def abandon(self) -> None:
        """End without a result, because no client listens."""
        if not self.over:
            self.status = "abandoned"
            self.live.stop()
