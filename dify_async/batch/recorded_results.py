"""Convert results to entries of a journal, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal, DecimalException
from typing import Any

from dify_async._base_errors import ConfigurationError
from dify_async._journal_file import text_in
from dify_async._types import Json
from dify_async.models.messages import MessageMetadata, Usage
from dify_async.models.results import ChatResult, CompletionResult, WorkflowResult
from dify_async.models.runs import RunHandle, RunStatus


def fields_of(result: WorkflowResult | ChatResult | CompletionResult) -> dict[str, Json]:
    """Return the fields of a result that a journal records."""
    if isinstance(result, WorkflowResult):
        return {
            "run_id": result.workflow_run_id,
            "outputs": result.outputs,
            "total_tokens": result.total_tokens,
            "total_price": _text(result.total_price),
            "total_steps": result.total_steps,
            "elapsed_time": result.elapsed_time,
        }
    fields: dict[str, Json] = {"answer": result.answer, "message_id": result.message_id}
    if result.reasoning:
        fields |= {"reasoning": result.reasoning, "clean_answer": result.clean_answer}
    if isinstance(result, ChatResult):
        fields |= {"conversation_id": result.conversation_id}
    run = result.run if isinstance(result, ChatResult) else None
    usage = result.usage or run
    if usage is not None:
        fields |= {"total_tokens": usage.total_tokens, "total_price": _text(usage.total_price)}
    return fields


def handle_in(entry: Mapping[str, Json]) -> RunHandle:
    """Return the handle of a started run from an entry.

    Raises:
        ValueError: the handle is invalid.
    """
    try:
        return RunHandle.from_dict(entry["handle"])
    except ConfigurationError as exc:
        raise ValueError(str(exc)) from exc


def check_result(entry: dict[str, Json]) -> None:
    """Raise a `TypeError` for an entry whose outputs or answer are invalid."""
    if "answer" in entry:
        text_in(entry, "answer")
    elif not isinstance(entry.get("outputs", {}), dict):
        raise TypeError("`outputs` must be an object")


def result_from(entry: Mapping[str, Json]) -> WorkflowResult | ChatResult | CompletionResult:
    """Return the result that an entry records."""
    tokens, price = _int(entry, "total_tokens"), _price(entry.get("total_price"))
    if "answer" not in entry:
        return WorkflowResult(
            workflow_run_id=str(entry.get("run_id") or "") or None,
            status=RunStatus(entry["status"]),
            outputs=entry.get("outputs", {}),
            total_tokens=tokens,
            total_price=price,
            total_steps=_int(entry, "total_steps"),
            elapsed_time=seconds_in(entry, "elapsed_time"),
        )
    answer: str = entry["answer"]
    usage = Usage(total_tokens=tokens, total_price=price) if "total_tokens" in entry else None
    fields: dict[str, Any] = {
        "message_id": str(entry.get("message_id") or ""),
        "answer": answer,
        "reasoning": str(entry.get("reasoning") or ""),
        "clean_answer": str(entry.get("clean_answer", answer)),
        "metadata": MessageMetadata(usage=usage),
    }
    if "conversation_id" not in entry:
        return CompletionResult(**fields)
    return ChatResult(**fields, conversation_id=str(entry["conversation_id"] or ""))


def seconds_in(entry: Mapping[str, Json], name: str) -> float:
    """Return a duration from an entry; 0.0 if it is missing or invalid."""
    value = entry.get(name)
    return value if isinstance(value, float) and math.isfinite(value) else 0.0


def _text(price: Decimal | None) -> str | None:
    return None if price is None else str(price)


def _int(entry: Mapping[str, Json], name: str) -> int:
    value = entry.get(name)
    return value if isinstance(value, int) else 0


def _price(value: Json) -> Decimal | None:
    try:
        price = Decimal(value)
    except (DecimalException, TypeError, ValueError):
        return None
    return price if price.is_finite() else None
