"""The texts of a FakeDify: events, dumps and entries as Dify writes them."""

from __future__ import annotations

import json
import time
import uuid

from dify_async._types import Json
from dify_async.testing.inputs import StoredFile
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
    described: dict[str, Json] = {
        "variable": field.variable,
        "label": field.label or field.variable,
        "type": field.kind,
        "required": field.required,
        "max_length": field.max_length,
        "options": list(field.options),
    }
    if field.kind in {"file", "file-list"}:
        described |= {
            "allowed_file_types": list(field.allowed_file_types),
            "allowed_file_extensions": list(field.allowed_file_extensions),
            "allowed_file_upload_methods": ["local_file", "remote_url"],
        }
    return described


def uploaded(file: StoredFile, created_by: str, source_url: str) -> dict[str, Json]:
    """Write a file that was uploaded."""
    return {
        "id": file.id,
        "reference": None,
        "name": file.name,
        "size": len(file.content),
        "extension": file.extension,
        "mime_type": file.mime_type,
        "created_by": created_by,
        "created_at": int(time.time()),
        "preview_url": None,
        "source_url": source_url,
        "original_url": None,
        "user_id": None,
        "tenant_id": str(uuid.uuid5(uuid.NAMESPACE_URL, "dify_async.testing/tenant")),
        "conversation_id": None,
        "file_key": None,
    }
