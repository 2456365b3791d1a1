"""Runs of workflows: status, record on the server, and handle."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Literal, TypeAlias, TypeVar, get_args

import attrs

from dify_async._base_errors import ConfigurationError
from dify_async._data import Data
from dify_async._types import Json
from dify_async.models._base import OpenEnum, Received

__all__ = ["AppKind", "NodeStatus", "RunHandle", "RunStatus", "WorkflowRun"]

T = TypeVar("T")

AppKind: TypeAlias = Literal["workflow", "chat", "completion"]
"""The group of operations that a run belongs to; chatflows and agents are `chat`."""


class RunStatus(OpenEnum):
    """The status of a run. Note the hyphen in `partial-succeeded`."""

    SCHEDULED = "scheduled"
    """Waits to start."""
    RUNNING = "running"
    """In progress."""
    SUCCEEDED = "succeeded"
    """Finished without a failure."""
    FAILED = "failed"
    """Ended with an error."""
    STOPPED = "stopped"
    """Was stopped."""
    PARTIAL_SUCCEEDED = "partial-succeeded"
    """Finished, although at least one node failed: its error strategy handled the failure."""
    PAUSED = "paused"
    """Waits for a form or another pause to end."""

    @property
    def is_success(self) -> bool:
        """Return True for a run that succeeded, completely or in part."""
        return self in {RunStatus.SUCCEEDED, RunStatus.PARTIAL_SUCCEEDED}


class NodeStatus(OpenEnum):
    """The status of one execution of a node."""

    PENDING = "pending"
    """Waits to start."""
    RUNNING = "running"
    """In progress."""
    SUCCEEDED = "succeeded"
    """Finished without a failure."""
    FAILED = "failed"
    """Ended with an error."""
    EXCEPTION = "exception"
    """The node failed, and the workflow's error strategy handled the failure."""
    STOPPED = "stopped"
    """Was stopped with its run."""
    PAUSED = "paused"
    """Waits for a form or another pause to end."""
    RETRY = "retry"
    """An attempt failed, and the node runs again."""


@attrs.frozen(kw_only=True)
class RunHandle(Data):
    """Identifies a run, so that any process can wait for it, attach to it or stop it. Contains no API key.

    Handles can be pickled; `to_json` and `from_json` convert them to text for a database or a queue.
    """

    run_id: str
    """The run's id."""
    task_id: str | None
    """The task id, for `workflows.stop`. None if not known."""
    user: str | None
    """The end user who started the run; only this end user can read the run's events. None if the client had
    no `user`."""
    kind: AppKind
    """The group of operations that the run belongs to."""

    @classmethod
    def from_json(cls, text: str | bytes) -> RunHandle:
        """Return the handle that `to_json` was called on.

        Raises:
            ConfigurationError: `text` was not returned by `to_json`.
        """
        try:
            return cls.from_dict(json.loads(text))
        except (ValueError, TypeError, RecursionError):
            pass
        raise ConfigurationError(f"a run handle must be JSON from RunHandle.to_json(), got {text!r:.100}")

    @classmethod
    def from_dict(cls, fields: Json) -> RunHandle:
        """Return the handle that `to_dict` was called on.

        Raises:
            ConfigurationError: `fields` was not returned by `to_dict`.
        """
        try:
            handle = cls(**fields)
        except TypeError:
            handle = None
        if handle is None or not handle._is_valid():
            raise ConfigurationError(
                f"a run handle must be a dict from RunHandle.to_dict(), got {fields!r:.100}"
            )
        return handle

    def _is_valid(self) -> bool:
        return (
            isinstance(self.run_id, str)
            and isinstance(self.task_id, str | None)
            and isinstance(self.user, str | None)
            and self.kind in get_args(AppKind)
        )


@attrs.define(kw_only=True, eq=False, repr=False)
class WorkflowRun(Received):
    """The record of a run: `GET /workflows/run/{id}`."""

    _shown_first = ("status", "outputs")

    id: str = ""
    """The run's id."""
    workflow_id: str | None = None
    """The workflow's id."""
    status: RunStatus = RunStatus.RUNNING
    """The run's status."""
    inputs: dict[str, Json] = attrs.Factory(dict[str, Json])
    """The run's inputs, including `sys.*` keys. Sent as JSON text by the server, and parsed here."""
    outputs: dict[str, Json] = attrs.Factory(dict[str, Json])
    """The run's outputs."""
    error: str | None = None
    """Why the run failed. None if it did not fail."""
    total_steps: int | None = None
    """Number of nodes that ran."""
    total_tokens: int | None = None
    """Tokens of all models in the run."""
    created_at: datetime | None = None
    """When the run was created."""
    finished_at: datetime | None = None
    """When the run ended. None while it is running or paused."""
    elapsed_time: float | None = None
    """Duration in seconds; 0.0 while the run is running or paused."""

    def outputs_as(self, kind: type[T]) -> T:
        """Return the outputs as an object of a class of yours, as `WorkflowResult.outputs_as` does.

        Raises:
            DecodeError: The outputs do not fit the class.
        """
        from dify_async.models._outputs import structured  # noqa: PLC0415 - needs cattrs

        return structured(self.outputs, kind, self._payload)
