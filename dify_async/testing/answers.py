"""The texts of a FakeDify: events, dumps and entries as Dify writes them."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Final

from dify_async._types import Json
from dify_async.testing.inputs import StoredFile
from dify_async.testing.records import id_of
from dify_async.testing.script import Field

if TYPE_CHECKING:
    from dify_async.testing.runs import FakeRun

EventJson = dict[str, Json]

TENANT: Final = id_of("dify_async.testing/tenant")
"""The workspace of the app."""


def metadata(used: EventJson | None) -> EventJson:
    """Write what an answer is accompanied by."""
    return {"annotation_reply": None, "retriever_resources": [], "usage": used}


def usage(tokens: int) -> EventJson:
    """Write what an answer has cost."""
    price = "0.0" if tokens else "0E-7"
    return {
        "prompt_tokens": 0,
        "prompt_unit_price": "0.0",
        "prompt_price_unit": "0.0",
        "prompt_price": price,
        "completion_tokens": tokens,
        "completion_unit_price": "0.0",
        "completion_price_unit": "0.0",
        "completion_price": price,
        "total_tokens": tokens,
        "total_price": price,
        "currency": "USD",
        "latency": 0.0,
        "time_to_first_token": None,
        "time_to_generate": None,
    }


def without_contents(data: EventJson) -> EventJson:
    """Write what an event says of a node as the Web API and snapshots do: without what went in and out."""
    emptied = {"inputs", "process_data", "outputs", "error", "execution_metadata"}
    return {
        key: None if key in emptied else value
        for key, value in data.items()
        if key != "agent_strategy" and not key.endswith("_truncated")
    }


def for_web(event: EventJson) -> EventJson:
    """Write an event as the Web API does."""
    if event["event"] in {"node_started", "node_finished"}:
        return {**event, "data": without_contents(event["data"])}
    if event["event"] == "message_end":
        return {**event, "metadata": web_metadata(event["metadata"])}
    return event


def web_metadata(complete: EventJson) -> EventJson:
    """Write what accompanies an answer as the Web API does: without costs."""
    return {"retriever_resources": complete["retriever_resources"]}


def written(event: EventJson) -> bytes:
    """Write an event as a live stream has it."""
    # Compact and unescaped, as Dify writes live events: U+2028 stands raw in its JSON.
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    return f"data: {text}\n\n".encode()


def validation(model: str, field: str, problem: str) -> str:
    """Write the dump of Dify's validator, as far as it is stable."""
    return f"1 validation error for {model}\n{field}\n  {problem}"


def log_entry(run: FakeRun) -> dict[str, Json]:
    """Write a run as the log has it."""
    finished = run.finished()
    return {
        "id": id_of(run.id),
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


def described(field: Field, *, of_nodes: bool) -> dict[str, Json]:
    """Write a field of the form as `/parameters` has it: apps of nodes keep more of it than others."""
    described: dict[str, Json] = {
        "variable": field.variable,
        "label": field.label or field.variable,
        "required": field.required,
    }
    if of_nodes or field.max_length is not None:
        described["max_length"] = field.max_length
    if of_nodes or field.options:
        described["options"] = list(field.options)
    described |= {"type": field.kind} if of_nodes else {"default": ""}
    if field.kind in {"file", "file-list"}:
        described |= {
            "allowed_file_types": list(field.allowed_file_types),
            "allowed_file_extensions": list(field.allowed_file_extensions),
            "allowed_file_upload_methods": ["local_file", "remote_url"],
        }
    return described


def linked(file: StoredFile, url: str) -> dict[str, Json]:
    """Write a file that the server has fetched itself."""
    return {
        "id": file.id,
        "name": file.name,
        "size": len(file.content),
        "extension": file.extension,
        "url": url,
        "mime_type": file.mime_type,
        "created_by": id_of(file.user),
        "created_at": int(time.time()),
    }


def uploaded(file: StoredFile, source_url: str) -> dict[str, Json]:
    """Write a file that was uploaded."""
    written = linked(file, source_url)
    del written["url"]
    return {
        **written,
        "reference": None,
        "preview_url": None,
        "source_url": source_url,
        "original_url": None,
        "user_id": None,
        "tenant_id": TENANT,
        "conversation_id": None,
        "file_key": None,
    }
