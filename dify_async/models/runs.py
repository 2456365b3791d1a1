"""Runs of workflows: the result, the stored record, the log, and the handle to find one again."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal, TypeAlias

import attrs
import orjson

from dify_async._types import Json
from dify_async.models._base import OpenEnum, Received
from dify_async.models.files import RunFile
from dify_async.models.forms import Pause

AppKind: TypeAlias = Literal["workflow", "chat", "completion"]
"""Which family of operations a run belongs to; chatflows and agents are chat."""


class RunStatus(OpenEnum):
    """How a run stands. Mind the hyphen in `partial-succeeded`."""

    SCHEDULED = "scheduled"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"
    PARTIAL_SUCCEEDED = "partial-succeeded"
    PAUSED = "paused"


class NodeStatus(OpenEnum):
    """How one execution of a node stands."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    EXCEPTION = "exception"
    """It failed, and the workflow's own error strategy took over."""
    STOPPED = "stopped"
    PAUSED = "paused"
    RETRY = "retry"


@attrs.frozen(kw_only=True)
class RunHandle:
    """What a run is found again with, in this process or another: a few texts, and no key.

    It pickles, and `to_json` and `from_json` turn it into text for a database or a queue.
    """

    run_id: str
    """Finds the run again."""
    task_id: str | None
    """Stops the run."""
    user: str | None
    """The end user who started it: only that user's client is shown its events."""
    kind: AppKind

    def to_json(self) -> str:
        """Write the handle as JSON text."""
        return orjson.dumps(attrs.asdict(self)).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> RunHandle:
        """Read a handle that `to_json` wrote; raise `ValueError` where the text is none."""
        fields = orjson.loads(text)
        try:
            return cls(**fields)
        except TypeError as exc:
            raise ValueError(f"not a run handle: {exc}") from None


@attrs.frozen(kw_only=True)  # pyright: ignore[reportGeneralTypeIssues] - only `raw` is set late
class WorkflowResult(Received):
    """How a workflow run ended.

    `run()` and `result()` return it for runs that succeeded, wholly or in part; for all others it is the
    `result` of the error they raise. `raw` is the terminal event, or the blocking answer.
    """

    task_id: str | None = None
    workflow_run_id: str | None = None
    workflow_id: str | None = None
    status: RunStatus = RunStatus.RUNNING
    outputs: dict[str, Json] = attrs.Factory(dict[str, Json])
    error: str | None = None
    elapsed_time: float = 0.0
    """Seconds."""
    total_tokens: int = 0
    total_price: Decimal | None = attrs.field(default=None, eq=False)
    """What its nodes told of their cost, together. None where none did: on the Web API, for an answer in one
    piece, and for a run that was found again by its record."""
    total_steps: int = 0
    created_at: datetime | None = None
    finished_at: datetime | None = None
    exceptions_count: int = 0
    """Failures that an error strategy caught, each retry counted. Not told in blocking mode."""
    files: list[RunFile] = attrs.Factory(list[RunFile])
    """Every file among the outputs. Not told in blocking mode."""
    paused: Pause | None = None
    """What the run waits for, where its status is paused."""
    gap: bool = False
    """Whether the stream broke off on the way and the run was found again: pieces of text and events of
    nodes may be missing from what was streamed. The outputs are whole."""
    handle: RunHandle | None = attrs.field(default=None, eq=False)
    """What the run is found again with."""

    @property
    def partial(self) -> bool:
        """Whether the run got to its end although nodes failed on the way."""
        return self.status == RunStatus.PARTIAL_SUCCEEDED


@attrs.define(kw_only=True)
class WorkflowRun(Received):
    """The stored record of a run: `GET /workflows/run/{id}`."""

    id: str = ""
    workflow_id: str | None = None
    status: RunStatus = RunStatus.RUNNING
    inputs: dict[str, Json] = attrs.Factory(dict[str, Json])
    """What the run was given, `sys.*` keys included. Servers send it as JSON text; it is parsed here."""
    outputs: dict[str, Json] = attrs.Factory(dict[str, Json])
    error: str | None = None
    total_steps: int | None = None
    total_tokens: int | None = None
    created_at: datetime | None = None
    """Servers of 2024 send it as mail-style text, newer ones as seconds."""
    finished_at: datetime | None = None
    elapsed_time: float | None = None
    """Seconds; 0.0 while the run goes on or waits."""


@attrs.define(kw_only=True)
class EndUser:
    """The end user behind a run, as the server names it."""

    id: str = ""
    type: str = ""
    """`service-api` (servers of 2024: `service_api`), `browser`, ..."""
    is_anonymous: bool = False
    session_id: str | None = None
    """The `user` that the caller gave."""


@attrs.define(kw_only=True)
class EndUserDetail(Received):
    """`GET /end-users/{id}`: an end user, found by the server's own id."""

    id: str = ""
    """What `created_by` holds in uploads and in runs."""
    tenant_id: str = ""
    app_id: str | None = None
    type: str = ""
    """`service-api` (servers of 2024: `service_api`), `browser`, ..."""
    external_user_id: str | None = None
    name: str | None = None
    is_anonymous: bool = False
    session_id: str = ""
    """The `user` that the caller gave."""
    created_at: datetime | None = None
    updated_at: datetime | None = None


@attrs.define(kw_only=True)
class Account:
    """A member of the workspace."""

    id: str = ""
    name: str = ""
    email: str = ""


@attrs.define(kw_only=True)
class LoggedRun:
    """The run of a log entry: like `WorkflowRun`, without inputs and outputs."""

    id: str = ""
    version: str | None = None
    status: RunStatus = RunStatus.RUNNING
    triggered_from: str | None = None
    error: str | None = None
    elapsed_time: float | None = None
    """Seconds."""
    total_tokens: int | None = None
    total_steps: int | None = None
    created_at: datetime | None = None
    finished_at: datetime | None = None
    exceptions_count: int | None = None


@attrs.define(kw_only=True)
class WorkflowLog:
    """One entry of an app's log of runs."""

    id: str = ""
    workflow_run: LoggedRun | None = None
    details: Json = None
    created_from: str | None = None
    """`service-api`, `web-app`, `installed-app`, `openapi`, ..."""
    created_by_role: str | None = None
    created_by_account: Account | None = None
    """Servers of 2024 send a bare text, which becomes the account's `name`."""
    created_by_end_user: EndUser | None = None
    created_at: datetime | None = None


@attrs.define(kw_only=True)
class Success(Received):
    """An answer that says only that it was done."""

    result: str = ""


@attrs.define(kw_only=True)
class Stopped(Success):
    """The answer to a stop: always "success", also for tasks that are unknown or long over."""
