"""The error of a run that did not succeed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from dify_async._text import printable, shortened
from dify_async.errors import RunFailed, RunPaused, RunRejected, RunStopped
from dify_async.models import ChatResult, CompletionResult, RunStatus, WorkflowResult

_SHOWN: Final = 300
"""Characters of a run's own error that are part of ours; the result has it completely."""

_STOP_WORDS: Final = ("user requested stop", "stopped by user")


def error_from_result(
    result: WorkflowResult | ChatResult | CompletionResult,
    *,
    redact: Callable[[str], str] = str,
    **context: Any,
) -> RunFailed | None:
    """Return the error of a run that did not succeed, not even in part; `context` goes to its constructor.

    What the server says is shown as `redact` returns it.

    A stopped run is `RunStopped` also if the server calls it failed: two ways of stopping race in it
    (contract of 1.14).
    """
    run = result.run if isinstance(result, ChatResult) else result
    if not isinstance(run, WorkflowResult) or run.status.is_success:
        return None
    error = run.error or ""
    words = shortened(printable(redact(error)), _SHOWN)
    if run.status == RunStatus.PAUSED:
        nodes = ", ".join(map(printable, run.paused.nodes)) if run.paused is not None else ""
        return RunPaused(f"the run waits at {nodes or 'a node'}: see result.paused", result=result, **context)
    if run.status == RunStatus.STOPPED or any(stop in error.lower() for stop in _STOP_WORDS):
        return RunStopped(f"the run was stopped: {words}", result=result, **context)
    if run.rejected:
        return RunRejected(f"the run was rejected: {words}", result=result, **context)
    return RunFailed(f"the run {_ended(run.status)}: {words}", result=result, **context)


def _ended(status: RunStatus) -> str:
    return "failed" if status == RunStatus.FAILED else f"ended as {printable(status)}"
