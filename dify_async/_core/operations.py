"""The operations of Dify's API as data: one line each, so that coverage is a test over a table.

`repeat` says whether a request may be sent again when it is not known what became of it: "always" where a
second time does no harm, "once" for runs, for what calls a model, and for what creates something.
"""

from __future__ import annotations

from functools import cached_property
from typing import Final, Generic, Literal, TypeVar

import attrs

from dify_async._wire.blocking import BlockingRun
from dify_async._wire.refusals import Asked
from dify_async.events import Event
from dify_async.models import (
    AppInfo,
    AppMeta,
    AppParameters,
    AppSite,
    ServerInfo,
    Stopped,
    UploadedFile,
    WorkflowLogPage,
    WorkflowRun,
)
from dify_async.models._base import Received

ModelT = TypeVar("ModelT", bound=Received)
AnswerT = TypeVar("AnswerT", bound=Received | bytes)


@attrs.frozen
class Operation(Generic[AnswerT]):
    """One operation: where it is, what it answers, and how it may be treated."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    """With `{names}` for the ids in it, relative to the base URL."""
    answer: type[AnswerT]
    """The model of a JSON answer; `bytes` for a file, `Event` for a stream that has no other form."""
    repeat: Literal["always", "once"]
    user: Literal["body", "query", "form"] | None = None
    """Where the end user is named; None where the server does not ask."""
    starts_run: bool = False
    recent: bool = False
    """Whether servers of 2024 lack it."""

    @cached_property
    def asked(self) -> Asked:
        """The operation as errors tell it."""
        return Asked(f"{self.method} {self.path}", starts_run=self.starts_run, recent=self.recent)


SERVER_INFO: Final = Operation("GET", "/", ServerInfo, "always", recent=True)

RUN_WORKFLOW: Final = Operation("POST", "/workflows/run", BlockingRun, "once", "body", starts_run=True)
RUN_WORKFLOW_VERSION: Final = Operation(
    "POST", "/workflows/{workflow_id}/run", BlockingRun, "once", "body", starts_run=True, recent=True
)
GET_WORKFLOW_RUN: Final = Operation("GET", "/workflows/run/{workflow_run_id}", WorkflowRun, "always")
# What the server calls a task id in this path is the run's id (recordings: `reconnect_wf_*`).
FOLLOW_RUN: Final = Operation(
    "GET", "/workflow/{workflow_run_id}/events", Event, "always", "query", recent=True
)
STOP_WORKFLOW: Final = Operation("POST", "/workflows/tasks/{task_id}/stop", Stopped, "always", "body")
LIST_WORKFLOW_LOGS: Final = Operation("GET", "/workflows/logs", WorkflowLogPage, "always")

GET_APP_INFO: Final = Operation("GET", "/info", AppInfo, "always", recent=True)
GET_APP_PARAMETERS: Final = Operation("GET", "/parameters", AppParameters, "always")
GET_APP_META: Final = Operation("GET", "/meta", AppMeta, "always", recent=True)
GET_APP_SITE: Final = Operation("GET", "/site", AppSite, "always", recent=True)

UPLOAD_FILE: Final = Operation("POST", "/files/upload", UploadedFile, "once", "form")
PREVIEW_FILE: Final = Operation("GET", "/files/{file_id}/preview", bytes, "always", "query", recent=True)
