"""A run as the worker of a Dify plays it: its events in time, and who listens to them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Final

from dify_async._types import Json
from dify_async.testing.answers import EventJson, metadata, usage, without_contents
from dify_async.testing.inputs import files_in
from dify_async.testing.records import FakeForm, Message, id_of, new_id
from dify_async.testing.script import Node, Workflow

ENDS: Final = {"workflow_finished", "workflow_paused", "error"}
"""The events after which a stream of a run brings nothing more."""

_STOPPED: Final = "Stopped by user."


class FakeTask:
    """Something that the app was asked for: it can be heard, and stopped."""

    def __init__(self, inputs: dict[str, Json], user: str, on_change: Callable[[], None]) -> None:
        self.task_id = new_id()
        self.user = user
        self.inputs = inputs
        self.status = "running"
        self.error: str | None = None
        self.created_at = int(time.time())
        self.events: list[EventJson] = []
        self.stop_calls = 0
        self._on_change = on_change
        self._listeners: list[asyncio.Queue[EventJson]] = []
        self._stop = asyncio.Event()

    @property
    def over(self) -> bool:
        """Whether the worker is done with it."""
        return self.status != "running"

    def listen(self) -> asyncio.Queue[EventJson]:
        """Hear the events from now on; earlier ones are not repeated."""
        queue: asyncio.Queue[EventJson] = asyncio.Queue()
        self._listeners.append(queue)
        return queue

    def stop(self) -> None:
        """Be asked to stop; it ends at its next step."""
        self.stop_calls += 1
        self._stop.set()
        self._on_change()

    async def _wait(self, seconds: float) -> bool:
        """Let time pass; True where it was asked to stop by then."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        return self._stop.is_set()

    def _tell(self, event: EventJson) -> None:
        self.events.append(event)
        for queue in self._listeners:
            queue.put_nowait(event)
        self._on_change()


class FakeRun(FakeTask):
    """One run of a workflow or chatflow. It goes on whether or not anybody listens, as Dify's do."""

    def __init__(
        self,
        workflow: Workflow,
        inputs: dict[str, Json],
        user: str,
        on_change: Callable[[], None],
        message: Message | None = None,
    ) -> None:
        super().__init__(inputs, user, on_change)
        self.id = new_id()
        self.workflow_id = id_of("dify_async.testing")
        self.message = message
        """Of a chatflow: what it answers."""
        self.outputs: dict[str, Json] = {}
        self.answer = ""
        """The text so far."""
        self.finished_at: int | None = None
        self.elapsed_time = 0.0
        self.total_tokens = 0
        self.total_steps = 0
        self.forms: list[FakeForm] = []
        """What it has waited for, and waits for."""
        self._workflow = workflow
        self._exceptions = 0
        self._next = 0
        self._paused_execution = ""

    @property
    def form_inputs(self) -> dict[str, Json]:
        """What was filled into the form that was submitted last."""
        return self._submitted.inputs if self._submitted is not None else {}

    @property
    def form_action(self) -> str | None:
        """The button by which the last form was submitted."""
        return self._submitted.action if self._submitted is not None else None

    @property
    def _submitted(self) -> FakeForm | None:
        return next((form for form in reversed(self.forms) if form.status == "submitted"), None)

    def is_last(self, event: EventJson) -> bool:
        """Say whether a stream brings nothing more after an event."""
        return event["event"] in ENDS

    async def play(self, problem: str | None) -> None:
        """Run the nodes; `problem` is what the worker finds wrong with the inputs."""
        if problem is not None:
            self.status, self.error = "failed", problem
            self._tell({"event": "error", "message": problem, "status": 500})
            return
        self._emit("workflow_started", self._started("initial"))
        await self._go_on()

    async def resume(self, form: FakeForm, delay: float) -> None:
        """Go on after its form was submitted, once a worker has picked that up."""
        await asyncio.sleep(delay)
        self.status = "running"
        if self._stop.is_set():
            return  # A run that was stopped while it paused stays like that for ever.
        self._emit("workflow_started", self._started("resumption"))
        self._emit("node_started", _node_started(form.node, self._paused_execution))
        self._emit("human_input_form_filled", form.filled())
        finished = _node_finished(form.node, self._paused_execution, "succeeded", None)
        self._emit("node_finished", {**finished, "outputs": form.outputs()})
        await self._go_on()

    async def _go_on(self) -> None:
        began = time.monotonic() - self.elapsed_time
        while self._next < len(self._workflow.nodes):
            node = self._workflow.nodes[self._next]
            self._next += 1
            going_on = await self._play_node(node)
            self.elapsed_time = round(time.monotonic() - began, 6)
            if self._stop.is_set():
                self._finish("stopped", {}, _STOPPED)
                return
            if not going_on:
                return
        outputs: dict[str, Json] = {"answer": self.answer, "files": []}
        if self.message is None:
            try:
                outputs = self._workflow.outputs_for(self.inputs)
            except Exception as exc:  # noqa: BLE001 - the test's own function; silence would tell it nothing
                self._finish("failed", {}, f"{type(exc).__name__}: {exc}")
                return
        else:
            self._end_message(self.message)
        self._finish("partial-succeeded" if self._exceptions else "succeeded", outputs, None)

    async def _play_node(self, node: Node) -> bool:
        """Run one node; False where the run does not go on to the next."""
        execution = new_id()
        self.total_steps += 1
        self._emit("node_started", _node_started(node, execution))
        if node.form is not None:
            self._pause_at(node, execution)
            return False
        pieces = node.text or ("",)
        for piece in pieces:
            if await self._wait(node.seconds / len(pieces)):
                return False
            if piece:
                self._say(piece, [node.id, "text"])
        for retry in range(1, node.retries + 1):
            failed = _node_finished(node, execution, "retry", node.error or "failed for now")
            self._emit("node_retry", {**failed, "retry_index": retry})
        self.total_tokens += node.tokens
        if node.error is None:
            self._emit("node_finished", _node_finished(node, execution, "succeeded", None))
            return True
        if node.caught:
            self._exceptions += 1
            self._emit("node_finished", _node_finished(node, execution, "exception", node.error))
            return True
        self._emit("node_finished", _node_finished(node, execution, "failed", node.error))
        self._finish("failed", {}, node.error)
        return False

    def _say(self, piece: str, selector: list[str]) -> None:
        self.answer += piece
        if self.message is None:
            self._emit("text_chunk", {"text": piece, "from_variable_selector": selector})
            return
        said = {"id": self.message.id, "answer": piece, "from_variable_selector": selector}
        self._tell({"event": "message", **self.message.envelope(self.task_id), **said})

    def _pause_at(self, node: Node, execution: str) -> None:
        form = FakeForm(run_id=self.id, node=node, user=self.user)
        self.forms.append(form)
        self._paused_execution = execution
        self.status = "paused"
        if self.message is not None:
            self.message.answer, self.message.status = self.answer, "paused"
            self.message.metadata = metadata(None)
            self.message.forms.append(form)
        self._emit("human_input_required", {**form.reason(), "display_in_ui": True})
        self._emit("workflow_paused", self.pause())

    def pause(self) -> EventJson:
        """What the event of a pause says of the run."""
        form = self.forms[-1]
        return {
            "workflow_run_id": self.id,
            "paused_nodes": [form.node.id],
            "outputs": {},
            "reasons": [{"TYPE": "human_input_required", **form.reason()}],
            "status": "paused",
            "created_at": self.created_at,
            "elapsed_time": self.elapsed_time,
            "total_tokens": self.total_tokens,
            "total_steps": self.total_steps,
        }

    def _end_message(self, message: Message) -> None:
        message.answer, message.status = self.answer, "normal"
        message.metadata = metadata(usage(self.total_tokens))
        ended: EventJson = {"id": message.id, "metadata": message.metadata, "files": []}
        self._tell({"event": "message_end", **message.envelope(self.task_id), **ended})

    def _finish(self, status: str, outputs: dict[str, Json], error: str | None) -> None:
        self.status, self.outputs, self.error = status, outputs, error
        self.finished_at = int(time.time())
        if self.message is not None:
            self.message.answer, self.message.error = self.answer, error
            self.message.status = "error" if status == "failed" else "normal"
        self._emit("workflow_finished", self.finished())

    def _started(self, reason: str) -> EventJson:
        return {
            "id": self.id,
            "workflow_id": self.workflow_id,
            "inputs": self.all_inputs,
            "created_at": self.created_at,
            "reason": reason,
        }

    @property
    def all_inputs(self) -> dict[str, Json]:
        """Its inputs, with those that Dify adds."""
        asked = {"sys.query": self.message.query} if self.message is not None else {}
        return {**self.inputs, **asked, "sys.user_id": self.user, "sys.workflow_run_id": self.id}

    def finished(self) -> EventJson:
        """What the last event says of the run, and a blocking answer too."""
        return {
            "id": self.id,
            "workflow_id": self.workflow_id,
            "status": self.status,
            "outputs": self.outputs,
            "error": self.error,
            "elapsed_time": self.elapsed_time,
            "total_tokens": self.total_tokens,
            "total_steps": self.total_steps,
            "created_by": {"id": id_of(self.user), "user": self.user},
            "created_at": self.created_at,
            "finished_at": self.finished_at,
            "exceptions_count": self._exceptions,
            "files": files_in(self.outputs),
        }

    def envelope(self, task_id: str) -> EventJson:
        """Write what all events of it carry."""
        ids = {"task_id": task_id} if self.message is None else self.message.envelope(task_id)
        return {**ids, "workflow_run_id": self.id}

    def _emit(self, name: str, data: EventJson) -> None:
        self._tell({"event": name, **self.envelope(self.task_id), "data": data})

    def snapshot(self) -> list[EventJson]:
        """Give the events that say what has become of the run so far, as Dify makes them from its store."""
        nodes: dict[str, list[EventJson]] = {}
        for event in self.events:
            if event["event"] == "node_started":
                nodes[event["data"]["id"]] = [event]
            elif event["event"] == "node_finished":
                nodes[event["data"]["id"]].append(event)
        found: list[EventJson] = [{"event": "workflow_started", "data": self._started("initial")}]
        if self.status == "paused":
            finished = _node_finished(self.forms[-1].node, self._paused_execution, "paused", None)
            nodes[self._paused_execution].append({"event": "node_finished", "data": finished})
        for index, events in enumerate(nodes.values(), 1):
            found += [
                {"event": one["event"], "data": {**without_contents(one["data"]), "index": index}}
                for one in events
            ]
        if self.status == "paused":
            required = {**self.forms[-1].reason(), "display_in_ui": True}
            found.append({"event": "human_input_required", "data": required})
            found.append({"event": "workflow_paused", "data": self.pause()})
        # Those of a paused run are made from another record, which knows the task.
        task_id = self.task_id if self.status == "paused" else self.id
        told = [{**self.envelope(task_id), **event} for event in found]
        if self.message is not None:
            replaced = {"event": "message_replace", "answer": self.message.answer, "reason": ""}
            told.insert(1, {**self.message.envelope(task_id), **replaced})
        return told


def _node_started(node: Node, execution: str) -> EventJson:
    return {
        "id": execution,
        "node_id": node.id,
        "node_type": node.type if node.form is None else "human-input",
        "title": node.title,
        "index": 1,
        "predecessor_node_id": None,
        "inputs": None,
        "inputs_truncated": False,
        "created_at": int(time.time()),
        "extras": {},
        "iteration_id": None,
        "loop_id": None,
        "agent_strategy": None,
    }


def _node_finished(node: Node, execution: str, status: str, error: str | None) -> EventJson:
    started = _node_started(node, execution)
    del started["extras"], started["agent_strategy"]
    cost = {"total_tokens": node.tokens, "total_price": "0.0", "currency": "USD"} if node.tokens else None
    return {
        **started,
        "inputs": {},
        "process_data": {},
        "process_data_truncated": False,
        "outputs": dict(node.outputs) if error is None else {},
        "outputs_truncated": False,
        "status": status,
        "error": error,
        "elapsed_time": node.seconds,
        "execution_metadata": cost,
        "finished_at": int(time.time()),
        "files": [],
    }
