"""Events of a stream, as Dify writes them."""

from __future__ import annotations

import json
import time
from typing import Any, Final

from dify_async._types import Json
from dify_async.models._base import as_list, as_object
from dify_async.models.files import extension_of
from dify_async.testing.engine.usage import node_usage
from dify_async.testing.ids import id_of
from dify_async.testing.scenario import Node
from dify_async.testing.state.messages import Message
from dify_async.testing.state.runs import EventJson, FakeRun
from dify_async.testing.version import ServerVersion

PING: Final = b"event: ping\n\n"

_CONTENTS: Final = {"inputs", "process_data", "outputs", "error", "execution_metadata"}


def encoded(event: EventJson) -> bytes:
    """Return the bytes of an event in a live stream."""
    # Compact and unescaped, as Dify writes live events: its JSON contains U+2028 unescaped.
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    return f"data: {text}\n\n".encode()


# Fields that the Web API omits


def without_contents(data: EventJson) -> EventJson:
    """Return the data of a node event as the Web API and snapshots have it: without inputs and outputs."""
    return {
        key: None if key in _CONTENTS else value
        for key, value in data.items()
        if key != "agent_strategy" and not key.endswith("_truncated")
    }


def for_web(event: EventJson) -> EventJson:
    """Return an event as the Web API sends it."""
    if event["event"] in {"node_started", "node_finished"}:
        return {**event, "data": without_contents(event["data"])}
    if event["event"] == "message_end":
        return {**event, "metadata": metadata_for_web(event["metadata"])}
    return event


def metadata_for_web(complete: EventJson) -> EventJson:
    """Return the metadata of an answer as the Web API sends it: without costs."""
    return {"retriever_resources": complete["retriever_resources"]}


# Messages


def metadata(used: EventJson | None, reasoning: dict[str, str], version: ServerVersion) -> EventJson:
    """Return the metadata of an answer."""
    if version.has_reasoning_events:
        return {"retriever_resources": [], "usage": used, "reasoning": reasoning}
    return {"annotation_reply": None, "retriever_resources": [], "usage": used}


def message_end_files(message: Message, version: ServerVersion) -> list[Json] | None:
    """Return the files of a message as the `message_end` event of a chat has them."""
    files: list[Json] = [
        {
            "related_id": file["id"],
            "extension": f".{extension_of(file['filename'])}",
            "filename": file["filename"],
            "size": file["size"],
            "mime_type": file["mime_type"],
            "transfer_method": file["transfer_method"],
            "type": file["type"],
            "url": file["url"],
            "upload_file_id": file["upload_file_id"],
            "remote_url": file["url"] if file["upload_file_id"] is None else "",
        }
        for file in message.files
    ]
    return files or ([] if version.has_reasoning_events else None)


# Runs


def envelope(run: FakeRun, task_id: str) -> EventJson:
    """Return the fields that all events of a run contain."""
    ids = {"task_id": task_id} if run.message is None else run.message.envelope(task_id)
    return {**ids, "workflow_run_id": run.id}


def run_event(run: FakeRun, name: str, data: EventJson) -> EventJson:
    """Return a live event of a run."""
    return {"event": name, **envelope(run, run.task_id), "data": data}


def started(run: FakeRun, reason: str) -> EventJson:
    """Return the data of `workflow_started`."""
    return {
        "id": run.id,
        "workflow_id": run.workflow_id,
        "inputs": run.all_inputs,
        "created_at": run.created_at,
        "reason": reason,
    }


def paused(run: FakeRun) -> EventJson:
    """Return the data of `workflow_paused`."""
    form = run.forms[-1]
    return {
        "workflow_run_id": run.id,
        "paused_nodes": [form.node.id],
        "outputs": {},
        "reasons": [{"TYPE": "human_input_required", **form.reason()}],
        "status": "paused",
        "created_at": run.created_at,
        "elapsed_time": run.elapsed_time,
        "total_tokens": run.total_tokens,
        "total_steps": run.total_steps,
    }


def form_required(run: FakeRun) -> EventJson:
    """Return the data of `human_input_required`."""
    return {**run.forms[-1].reason(), "display_in_ui": True}


def finished(run: FakeRun) -> EventJson:
    """Return the data of `workflow_finished`."""
    return {
        "id": run.id,
        "workflow_id": run.workflow_id,
        "status": run.status,
        "outputs": run.outputs,
        "error": run.error,
        "elapsed_time": run.elapsed_time,
        "total_tokens": run.total_tokens,
        "total_steps": run.total_steps,
        "created_by": {"id": id_of(run.user), "user": run.user},
        "created_at": run.created_at,
        "finished_at": run.finished_at,
        "exceptions_count": run.exceptions_count,
        "files": files_in(run.outputs),
    }


def node_started(node: Node, execution: str) -> EventJson:
    """Return the data of `node_started`."""
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


def node_finished(node: Node, execution: str, status: str, error: str | None) -> EventJson:
    """Return the data of `node_finished` and `node_retry`."""
    begun = node_started(node, execution)
    del begun["extras"], begun["agent_strategy"]
    return {
        **begun,
        "inputs": {},
        "process_data": {},
        "process_data_truncated": False,
        "outputs": dict(node.outputs) if error is None else {},
        "outputs_truncated": False,
        "status": status,
        "error": error,
        "elapsed_time": node.seconds,
        "execution_metadata": node_usage(node),
        "finished_at": int(time.time()),
        "files": [],
    }


def files_in(values: Any) -> list[Json]:
    """Return the files among the outputs of a run."""
    fields = as_object(values)
    if fields is not None:
        if fields.get("dify_model_identity") == "__dify__file__":
            return [fields]
        values = list(fields.values())
    return [file for value in as_list(values) or [] for file in files_in(value)]


def snapshot(run: FakeRun) -> list[EventJson]:
    """Return the events of a run so far, as Dify rebuilds them from its database."""
    nodes: dict[str, list[EventJson]] = {}
    for event in run.events:
        if event["event"] == "node_started":
            nodes[event["data"]["id"]] = [event]
        elif event["event"] == "node_finished":
            nodes[event["data"]["id"]].append(event)
    found: list[EventJson] = [{"event": "workflow_started", "data": started(run, "initial")}]
    if run.status == "paused":
        execution, begun = list(nodes.items())[-1]
        waiting = node_finished(run.forms[-1].node, execution, "paused", None)
        begun.append({"event": "node_finished", "data": waiting})
    for index, of_node in enumerate(nodes.values(), 1):
        found += [
            {"event": one["event"], "data": {**without_contents(one["data"]), "index": index}}
            for one in of_node
        ]
    if run.status == "paused":
        found.append({"event": "human_input_required", "data": form_required(run)})
        found.append({"event": "workflow_paused", "data": paused(run)})
    # Events of a paused run are rebuilt from another record, which contains the task id.
    task_id = run.task_id if run.status == "paused" else run.id
    events = [{**envelope(run, task_id), **event} for event in found]
    if run.message is not None:
        replaced = {"event": "message_replace", "answer": run.message.answer, "reason": ""}
        events.insert(1, {**run.message.envelope(task_id), **replaced})
    return events
