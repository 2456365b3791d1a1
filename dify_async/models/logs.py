"""The log of an app's runs."""

from __future__ import annotations

from datetime import datetime

import attrs

from dify_async._types import Json
from dify_async.models._base import Model, Received
from dify_async.models.runs import RunStatus
from dify_async.models.users import Account, EndUser

__all__ = ["LoggedRun", "WorkflowLog"]


@attrs.define(kw_only=True, eq=False, repr=False)
class LoggedRun(Model):
    """The run of a log entry: a `WorkflowRun` without inputs and outputs."""

    _shown_first = ("status",)

    id: str = ""
    """The run's id."""
    version: str | None = None
    """Version of the workflow."""
    status: RunStatus = RunStatus.RUNNING
    """The run's status."""
    triggered_from: str | None = None
    """What started the run: `app-run`, `debugging`, ..."""
    error: str | None = None
    """Why the run failed. None if it did not fail."""
    elapsed_time: float | None = None
    """Duration in seconds."""
    total_tokens: int | None = None
    """Tokens of all models in the run."""
    total_steps: int | None = None
    """Number of nodes that ran."""
    created_at: datetime | None = None
    """When the run was created."""
    finished_at: datetime | None = None
    """When the run ended. None while it is running or paused."""
    exceptions_count: int | None = None
    """Number of failures that an error strategy handled."""


@attrs.define(kw_only=True, eq=False, repr=False)
class WorkflowLog(Received):
    """One entry of an app's log of runs."""

    id: str = ""
    """The entry's id."""
    workflow_run: LoggedRun | None = None
    """The run."""
    details: Json = None
    """Details of the trigger."""
    created_from: str | None = None
    """Where the run was started: `service-api`, `web-app`, `installed-app`, `openapi`, ..."""
    created_by_role: str | None = None
    """Who started the run: `end_user` or `account`."""
    created_by_account: Account | None = None
    """The member who started the run. Servers of 2024 send a string, which becomes the `name`. None if an end
    user started it."""
    created_by_end_user: EndUser | None = None
    """The end user who started the run. None if a member started it."""
    created_at: datetime | None = None
    """When the entry was created."""
