"""A run as the worker of a Dify plays it: its events in time, and who listens to them."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Callable
from typing import Final

from dify_async._types import Json
from dify_async.testing.inputs import files_in
from dify_async.testing.script import Node, Workflow

EventJson = dict[str, Json]

ENDS: Final = {"workflow_finished", "workflow_paused", "error"}
"""The events after which a stream of a run brings nothing more."""

_STOPPED: Final = "Stopped by user."


class FakeRun:
    """One run. It goes on whether or not anybody listens, as Dify's do."""

    def __init__(
        self, workflow: Workflow, inputs: dict[str, Json], user: str, on_change: Callable[[], None]
    ) -> None:
        self.id = str(uuid.uuid4())
        self.task_id = str(uuid.uuid4())
        self.workflow_id = str(uuid.uuid5(uuid.NAMESPACE_URL, "dify_async.testing"))
        self.user = user
        self.inputs = inputs
        self.status = "running"
        self.outputs: dict[str, Json] = {}
        self.error: str | None = None
        self.created_at = int(time.time())
        self.finished_at: int | None = None
        self.elapsed_time = 0.0
        self.total_tokens = 0
        self.total_steps = 0
        self.events: list[EventJson] = []
        self.stop_calls = 0
        self._workflow = workflow
        self._on_change = on_change
        self._listeners: list[asyncio.Queue[EventJson]] = []
        self._stop = asyncio.Event()
        self._exceptions = 0

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
        """Be asked to stop; the run ends at its next step."""
        self.stop_calls += 1
        self._stop.set()
        self._on_change()

    async def play(self, problem: str | None) -> None:
        """Run the nodes; `problem` is what the worker finds wrong with the inputs."""
        if problem is not None:
            self.status, self.error = "failed", problem
            self._tell({"event": "error", "message": problem, "status": 500})
            return
        began = time.monotonic()
        self._emit("workflow_started", self._started())
        for node in self._workflow.nodes:
            going_on = await self._play_node(node)
            self.elapsed_time = round(time.monotonic() - began, 6)
            if self._stop.is_set():
                self._finish("stopped", {}, _STOPPED)
                return
            if not going_on:
                return
        status = "partial-succeeded" if self._exceptions else "succeeded"
        self._finish(status, self._workflow.outputs_for(self.inputs), None)

    async def _play_node(self, node: Node) -> bool:
        """Run one node; False where the run does not go on to the next."""
        execution = str(uuid.uuid4())
        self.total_steps += 1
        self._emit("node_started", _node_started(node, execution))
        if node.form is not None:
            self._pause_at(node)
            return False
        pieces = node.text or ("",)
        for piece in pieces:
            if await self._wait(node.seconds / len(pieces)):
                return False
            if piece:
                selector = [node.id, "text"]
                self._emit("text_chunk", {"text": piece, "from_variable_selector": selector})
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

    async def _wait(self, seconds: float) -> bool:
        """Let time pass; True where the run was asked to stop by then."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        return self._stop.is_set()

    def _pause_at(self, node: Node) -> None:
        form: EventJson = {
            "form_id": str(uuid.uuid4()),
            "form_content": node.form,
            "inputs": [{"output_variable_name": "comment", "type": "paragraph", "default": None}],
            "actions": [
                {"id": "approve", "title": "Approve", "button_style": "primary"},
                {"id": "reject", "title": "Reject", "button_style": "default"},
            ],
            "node_id": node.id,
            "node_title": node.title,
            "resolved_default_values": {},
            "form_token": uuid.uuid4().hex[:22],
            "expiration_time": int(time.time()) + 36 * 3600,
        }
        self.status = "paused"
        self._emit("human_input_required", {**form, "display_in_ui": True})
        self._emit(
            "workflow_paused",
            {
                "workflow_run_id": self.id,
                "paused_nodes": [node.id],
                "outputs": {},
                "reasons": [{"TYPE": "human_input_required", **form}],
                "status": "paused",
                "created_at": self.created_at,
                "elapsed_time": self.elapsed_time,
                "total_tokens": self.total_tokens,
                "total_steps": self.total_steps,
            },
        )

    def _finish(self, status: str, outputs: dict[str, Json], error: str | None) -> None:
        self.status, self.outputs, self.error = status, outputs, error
        self.finished_at = int(time.time())
        self._emit("workflow_finished", self.finished())

    def _started(self) -> EventJson:
        return {
            "id": self.id,
            "workflow_id": self.workflow_id,
            "inputs": {**self.inputs, "sys.user_id": self.user, "sys.workflow_run_id": self.id},
            "created_at": self.created_at,
            "reason": "initial",
        }

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
            "created_by": {"id": str(uuid.uuid5(uuid.NAMESPACE_URL, self.user)), "user": self.user},
            "created_at": self.created_at,
            "finished_at": self.finished_at,
            "exceptions_count": self._exceptions,
            "files": files_in(self.outputs),
        }

    def _emit(self, name: str, data: EventJson) -> None:
        envelope = {"event": name, "workflow_run_id": self.id, "task_id": self.task_id}
        self._tell({**envelope, "data": data})

    def _tell(self, event: EventJson) -> None:
        self.events.append(event)
        for queue in self._listeners:
            queue.put_nowait(event)
        self._on_change()


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
    usage = {"total_tokens": node.tokens, "total_price": "0.0", "currency": "USD"} if node.tokens else None
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
        "execution_metadata": usage,
        "finished_at": int(time.time()),
        "files": [],
    }
