"""Which error a result is: none where the run ended well."""

from __future__ import annotations

from typing import Any, Final

from dify_async.errors import RunFailed, RunPaused, RunStopped
from dify_async.models import ChatResult, CompletionResult, RunStatus, WorkflowResult

_SHOWN: Final = 300
"""Characters of a run's own error that go into the text of ours; the result has them all."""

_STOP_WORDS: Final = ("user requested stop", "stopped by user")


def error_from_result(
    result: WorkflowResult | ChatResult | CompletionResult, **context: Any
) -> RunFailed | None:
    """Give the error of a run that did not succeed, not even in part; `context` goes to it.

    What was stopped is `RunStopped` also where the server calls that a failure: two ways of stopping race in
    it (contract of 1.14).
    """
    run = result.run if isinstance(result, ChatResult) else result
    if not isinstance(run, WorkflowResult) or run.status in {
        RunStatus.SUCCEEDED,
        RunStatus.PARTIAL_SUCCEEDED,
    }:
        return None
    error = str(run.error or "")
    if run.status == RunStatus.PAUSED:
        nodes = ", ".join(map(str, run.paused.nodes)) if run.paused is not None else ""
        return RunPaused(f"the run waits at {nodes or 'a node'}: see result.paused", result=result, **context)
    if run.status == RunStatus.STOPPED or any(words in error.lower() for words in _STOP_WORDS):
        return RunStopped(f"the run was stopped: {_cut(error)}", result=result, **context)
    return RunFailed(f"the run ended as {run.status}: {_cut(error)}", result=result, **context)


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
