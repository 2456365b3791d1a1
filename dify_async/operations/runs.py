"""The endpoints that start, follow, stop and list runs, which the Service API and the Web API share."""

from __future__ import annotations

from typing import Final

from dify_async._wire.blocking import BlockingMessage, BlockingRun
from dify_async._wire.operation import Operation
from dify_async.events import Event
from dify_async.models._base import Page
from dify_async.models.logs import WorkflowLog
from dify_async.models.parameters import AppParameters
from dify_async.models.runs import WorkflowRun
from dify_async.models.success import Stopped

# Workflows

RUN_WORKFLOW: Final = Operation(
    "POST", "/workflows/run", BlockingRun, idempotent=False, user="body", starts_run=True
)
RUN_WORKFLOW_VERSION: Final = Operation(
    "POST",
    "/workflows/{workflow_id}/run",
    BlockingRun,
    idempotent=False,
    user="body",
    starts_run=True,
    recent=True,
)
_NOT_A_RUN_ID: Final = (
    500,
    "the server also responds with 500 to an id that is not a UUID: pass RunHandle.run_id, not a task id",
)
GET_WORKFLOW_RUN: Final = Operation(
    "GET", "/workflows/run/{workflow_run_id}", WorkflowRun, idempotent=True, advice=_NOT_A_RUN_ID
)
# Dify documents a task id in this path, but it is the run's id (recordings: `reconnect_wf_*`).
FOLLOW_RUN: Final = Operation(
    "GET",
    "/workflow/{workflow_run_id}/events",
    Event,
    idempotent=True,
    user="query",
    recent=True,
    advice=_NOT_A_RUN_ID,
)
STOP_WORKFLOW: Final = Operation(
    "POST", "/workflows/tasks/{task_id}/stop", Stopped, idempotent=True, user="body"
)
LIST_WORKFLOW_LOGS: Final = Operation("GET", "/workflows/logs", Page[WorkflowLog], idempotent=True)

# Chats and completions

SEND_CHAT_MESSAGE: Final = Operation(
    "POST", "/chat-messages", BlockingMessage, idempotent=False, user="body", starts_run=True
)
STOP_CHAT_MESSAGE: Final = Operation(
    "POST", "/chat-messages/{task_id}/stop", Stopped, idempotent=True, user="body"
)
CREATE_COMPLETION: Final = Operation(
    "POST", "/completion-messages", BlockingMessage, idempotent=False, user="body", starts_run=True
)
STOP_COMPLETION: Final = Operation(
    "POST", "/completion-messages/{task_id}/stop", Stopped, idempotent=True, user="body"
)

# The input form, which inputs are checked against

GET_APP_PARAMETERS: Final = Operation("GET", "/parameters", AppParameters, idempotent=True)
