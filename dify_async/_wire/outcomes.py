"""What becomes of a result: returned where the run ended well, raised where it did not."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from dify_async.errors import RunFailed, RunPaused, RunStopped
from dify_async.models import ChatResult, CompletionResult, RunStatus, WorkflowResult

ResultT = TypeVar("ResultT", bound=WorkflowResult | ChatResult | CompletionResult)

_SHOWN: Final = 300
"""Characters of a run's own error that go into the text of ours; the result has them all."""

_STOP_WORDS: Final = ("user requested stop", "stopped by user")


def accepted(result: ResultT, **context: Any) -> ResultT:
    """Give back the result of a run that succeeded, wholly or in part; `context` goes to the error.

    Raises:
        RunStopped: it was stopped, also where the server calls that a failure (two ways of stopping race
            in it, contract of 1.14).
        RunPaused: it waits.
        RunFailed: it ended in any other way.
    """
    run = result.run if isinstance(result, ChatResult) else result
    if not isinstance(run, WorkflowResult) or run.status in {
        RunStatus.SUCCEEDED,
        RunStatus.PARTIAL_SUCCEEDED,
    }:
        return result
    error = str(run.error or "")
    if run.status == RunStatus.PAUSED:
        nodes = ", ".join(run.paused.nodes) if run.paused is not None else ""
        raise RunPaused(f"the run waits at {nodes or 'a node'}: see result.paused", result=result, **context)
    if run.status == RunStatus.STOPPED or any(words in error.lower() for words in _STOP_WORDS):
        raise RunStopped(f"the run was stopped: {_cut(error)}", result=result, **context)
    raise RunFailed(f"the run ended as {run.status}: {_cut(error)}", result=result, **context)


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
