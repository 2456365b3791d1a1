"""Accumulate the events of a stream to its result."""

from dify_async._wire.results.chat import ChatAccumulator, CompletionAccumulator
from dify_async._wire.results.progress import (
    LINGER,
    Accumulator,
    Progress,
    is_repeated,
    is_run_id,
    text_of,
)
from dify_async._wire.results.workflow import WorkflowAccumulator, result_of_run

__all__ = [
    "LINGER",
    "Accumulator",
    "ChatAccumulator",
    "CompletionAccumulator",
    "Progress",
    "WorkflowAccumulator",
    "is_repeated",
    "is_run_id",
    "result_of_run",
    "text_of",
]
