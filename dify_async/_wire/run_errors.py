"""The error of a run that did not succeed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from dify_async._text import printable, shortened
from dify_async.errors import RunFailed, RunPaused, RunRejected, RunStopped
from dify_async.models.results import ChatResult, WorkflowResult
from dify_async.models.runs import RunStatus

if TYPE_CHECKING:
    from dify_async.errors import StreamResult

_SHOWN: Final = 300
"""Maximum length of the run's error in our error message; the result has the complete text."""

_STOP_WORDS: Final = ("user requested stop", "stopped by user")


def error_from_result(
    result: StreamResult,
    *,
    redact: Callable[[str], str] = str,
    **context: Any,
) -> RunFailed | None:
    """Return the error of a run that did not succeed; None if it succeeded, completely or in part.

    A stopped run is `RunStopped` even if the server reports it as failed: two ways of stopping race in Dify
    1.14.

    Args:
        result: The result of the run.
        redact: Masks secrets in text from the server.
        **context: Passed to the constructor of the error.
    """
    if not isinstance(result, ChatResult | WorkflowResult):
        return None
    run = result.run if isinstance(result, ChatResult) else result
    if run is None or run.status.is_success:
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
