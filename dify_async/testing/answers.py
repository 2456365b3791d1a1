"""The texts of a FakeDify: events, dumps and entries as Dify writes them."""

from __future__ import annotations

import json
import uuid
from typing import Any

from dify_async._types import Json
from dify_async.testing.runs import EventJson, FakeRun
from dify_async.testing.script import Field


def written(event: EventJson) -> bytes:
    """Write an event as a live stream has it."""
    # Compact and unescaped, as Dify writes live events: U+2028 stands raw in its JSON.
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    return f"data: {text}\n\n".encode()


def is_stored(event: EventJson) -> bool:
    """Say whether a snapshot repeats an event; text is lost."""
    name: str = event["event"]
    return name != "text_chunk"


def replayed(run: FakeRun, event: EventJson) -> bytes:
    """Write an event as a snapshot does: the run id as its task id, and nodes without their contents."""
    event = {**event, "task_id": run.id}
    if event["event"] in {"node_started", "node_finished"}:
        stripped = dict.fromkeys(("inputs", "process_data", "outputs", "error", "execution_metadata"))
        data = {key: value for key, value in event["data"].items() if not key.endswith("_truncated")}
        event["data"] = {key: stripped.get(key, value) for key, value in data.items()}
    return written(event)


def validation(model: str, field: str, problem: str) -> str:
    """Write the dump of Dify's validator, as far as it is stable."""
    return f"1 validation error for {model}\n{field}\n  {problem}"


def problem_with(form: Any, inputs: dict[str, Any]) -> str | None:
    """Say what Dify finds wrong with inputs, in its words."""
    for field in form:
        value = inputs.get(field.variable)
        name = f"{field.variable} in input form"
        if value in (None, ""):
            if field.required:
                return f"{field.variable} is required in input form"
        elif field.kind in {"text-input", "paragraph", "select"} and not isinstance(value, str):
            return f"(type '{field.kind}') {name} must be a string"
        elif field.kind == "number" and not isinstance(value, int | float):
            return f"{name} must be a valid number"
        elif field.kind == "select" and value not in field.options:
            return f"{name} must be one of the following: {list(field.options)}"
        elif field.max_length is not None and len(str(value)) > field.max_length:
            return f"{name} must be less than {field.max_length} characters"
    return None


def log_entry(run: FakeRun) -> dict[str, Json]:
    """Write a run as the log has it."""
    finished = run.finished()
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, run.id)),
        "workflow_run": {
            "id": run.id,
            "version": "2026-11-22 00:47:35.803523",
            "status": run.status,
            "triggered_from": "app-run",
            "error": run.error,
            "elapsed_time": run.elapsed_time,
            "total_tokens": run.total_tokens,
            "total_steps": run.total_steps,
            "created_at": run.created_at,
            "finished_at": run.finished_at,
            "exceptions_count": finished["exceptions_count"],
        },
        "details": None,
        "created_from": "service-api",
        "created_by_role": "end_user",
        "created_by_account": None,
        "created_by_end_user": {
            "id": finished["created_by"]["id"],
            "type": "service-api",
            "is_anonymous": False,
            "session_id": run.user,
        },
        "created_at": run.created_at,
    }


def described(field: Field) -> dict[str, Json]:
    """Write a field of the form as `/parameters` has it."""
    return {
        "variable": field.variable,
        "label": field.label or field.variable,
        "type": field.kind,
        "required": field.required,
        "max_length": field.max_length,
        "options": list(field.options),
    }
