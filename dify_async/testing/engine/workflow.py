"""Execute a run of a workflow or chatflow: node after node, with pauses, until its end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from dify_async._types import Json
from dify_async.testing.engine.events import (
    finished,
    form_required,
    metadata,
    node_finished,
    node_started,
    paused,
    run_event,
    started,
)
from dify_async.testing.engine.usage import counted, total_tokens, usage_json, usage_of_nodes
from dify_async.testing.ids import new_id
from dify_async.testing.scenario import Node
from dify_async.testing.state.forms import FakeForm
from dify_async.testing.state.messages import Message
from dify_async.testing.state.runs import EventJson, FakeRun
from dify_async.testing.state.state import State

_STOPPED: Final = "Stopped by user."


def new_run(state: State, inputs: dict[str, Json], user: str, message: Message | None = None) -> FakeRun:
    """Add the record of a run."""
    run = FakeRun(user=user, inputs=inputs, live=state.new_live(), message=message)
    state.runs.add(run)
    state.notify()
    return run


def rejected_run(state: State, inputs: dict[str, Json], user: str) -> FakeRun:
    """Return a run whose inputs are rejected. Since Dify 1.15 it has no record."""
    if not state.version.rejects_by_failed_run:
        return new_run(state, inputs, user)
    run = FakeRun(user=user, inputs={}, live=state.new_live(), outputs=None, exceptions_count=1)
    run.task_id = run.id
    return run


async def play_rejection(state: State, run: FakeRun, problem: str) -> None:
    """Report rejected inputs: with an `error` event, or since Dify 1.15 with a failed run.

    Recordings: `err_wf_missing_required_input_hang`, `116_wf_missing_required_streaming`.
    """
    run.status, run.error = "failed", problem
    if not state.version.rejects_by_failed_run:
        run.emit({"event": "error", "message": problem, "status": 500})
        return
    run.finished_at = run.created_at
    run.emit(run_event(run, "workflow_started", {**started(run, "initial"), "inputs": {}}))
    run.emit(run_event(run, "workflow_finished", {**finished(run), "created_by": {}}))


async def play_run(state: State, run: FakeRun) -> None:
    """Run the nodes, even if no client listens."""
    playing = _Playing(state, run)
    try:
        await playing.play()
    except Exception as exc:  # noqa: BLE001 - from the test's script: the run must report its mistake
        playing.finish("failed", {}, f"{type(exc).__name__}: {exc}")


class _Playing:
    def __init__(self, state: State, run: FakeRun) -> None:
        self._state = state
        self._workflow = state.workflow
        self._run = run
        self._began = time.monotonic()

    async def play(self) -> None:
        self._emit("workflow_started", started(self._run, "initial"))
        for node in self._workflow.nodes:
            execution = new_id()
            self._run.total_steps += 1
            self._emit("node_started", node_started(node, execution))
            step = self._execute if node.form is None else self._wait_for_form
            if not await step(node, execution):
                return
        self._succeed()

    async def _execute(self, node: Node, execution: str) -> bool:
        """Run a node; return False if the run has ended."""
        run = self._run
        complete = await self._stream_text(node)
        run.elapsed_time = round(time.monotonic() - self._began, 6)
        if not complete:
            self.finish("stopped", {}, _STOPPED)
            return False
        for retry in range(1, node.retries + 1):
            failed = node_finished(node, execution, "retry", node.error or "failed for now")
            self._emit("node_retry", {**failed, "retry_index": retry})
        run.total_tokens += total_tokens(node.usage or counted(node.tokens))
        status = "succeeded" if node.error is None else "exception" if node.caught else "failed"
        self._emit("node_finished", node_finished(node, execution, status, node.error))
        if status == "failed":
            self.finish("failed", {}, node.error)
            return False
        run.exceptions_count += status == "exception"
        return True

    async def _stream_text(self, node: Node) -> bool:
        """Stream the text of a node over its duration; return False if the run was stopped."""
        as_events = self._state.version.has_reasoning_events
        reasoning = list(node.reasoning)
        tagged = ["<think>", *reasoning, "</think>", "\n\n"] if reasoning and not as_events else []
        pieces = [*(reasoning if as_events else tagged), *(node.text or ("",))]
        for position, piece in enumerate(pieces):
            if await self._run.live.sleep(node.seconds / len(pieces)):
                return False
            if as_events and position < len(reasoning):
                self._send_reasoning(node, piece, is_final=False)
            elif piece:
                self._send_text(piece, [node.id, "text"])
        if as_events and reasoning:
            self._send_reasoning(node, "", is_final=True)
        return True

    def _send_text(self, piece: str, selector: Sequence[str]) -> None:
        run, message = self._run, self._run.message
        run.answer += piece
        if message is None:
            self._emit("text_chunk", {"text": piece, "from_variable_selector": selector})
            return
        said = {"id": message.id, "answer": piece, "from_variable_selector": selector}
        run.emit({"event": "message", **message.envelope(run.task_id), **said})

    def _send_reasoning(self, node: Node, piece: str, *, is_final: bool) -> None:
        run, message = self._run, self._run.message
        run.reasoning[node.id] = run.reasoning.get(node.id, "") + piece
        data: EventJson = {"reasoning": piece, "node_id": node.id, "is_final": is_final}
        if message is None:
            self._emit("reasoning_chunk", {"message_id": None, **data})
        else:
            ids = message.envelope(run.task_id)
            run.emit({"event": "reasoning_chunk", **ids, "data": {"message_id": message.id, **data}})

    async def _wait_for_form(self, node: Node, execution: str) -> bool:
        """Pause until the node's form is submitted; return False if the run was stopped before."""
        run, state = self._run, self._state
        channels = ["console"] if state.version.has_approval_channels else None
        form = FakeForm(run_id=run.id, node=node, user=run.user, approval_channels=channels)
        run.forms.append(form)
        run.status = "paused"
        run.elapsed_time = round(time.monotonic() - self._began, 6)
        if run.message is not None:
            run.message.answer, run.message.status = run.answer, "paused"
            run.message.metadata = metadata(None, {}, state.version)
            run.message.forms.append(form)
        self._emit("human_input_required", form_required(run))
        self._emit("workflow_paused", paused(run))
        await form.submitted.wait()
        await asyncio.sleep(state.resume_delay)
        run.status = "running"
        self._began = time.monotonic() - run.elapsed_time
        if run.live.is_stopped:
            return False  # A run that was stopped during a pause never gets another status.
        self._emit("workflow_started", started(run, "resumption"))
        self._emit("node_started", node_started(node, execution))
        self._emit("human_input_form_filled", form.filled())
        ended = node_finished(node, execution, "succeeded", None)
        self._emit("node_finished", {**ended, "outputs": form.outputs()})
        return True

    def _succeed(self) -> None:
        run, message = self._run, self._run.message
        outputs: dict[str, Json] = {"answer": run.answer, "files": []}
        if message is None:
            outputs = self._workflow.outputs_for(run.inputs)
        else:
            message.answer, message.status = run.answer, "normal"
            used = usage_json(usage_of_nodes(self._workflow.nodes))
            message.metadata = metadata(used, run.reasoning, self._state.version)
            ended: EventJson = {"id": message.id, "metadata": message.metadata, "files": []}
            run.emit({"event": "message_end", **message.envelope(run.task_id), **ended})
        self.finish("partial-succeeded" if run.exceptions_count else "succeeded", outputs, None)

    def finish(self, status: str, outputs: dict[str, Json], error: str | None) -> None:
        run, message = self._run, self._run.message
        run.status, run.outputs, run.error = status, outputs, error
        run.finished_at = int(time.time())
        if message is not None:
            message.answer, message.error = run.answer, error
            message.status = "error" if status == "failed" else "normal"
        self._emit("workflow_finished", finished(run))

    def _emit(self, name: str, data: EventJson) -> None:
        self._run.emit(run_event(self._run, name, data))
