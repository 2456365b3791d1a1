"""The endpoints of the Service API that `AppClient` uses; the Web API shares some of them."""

from __future__ import annotations

from types import NoneType
from typing import Final

from dify_async._wire.blocking import BlockingMessage, BlockingRun
from dify_async._wire.operation import Operation
from dify_async.events import Event
from dify_async.models import (
    Annotation,
    AnnotationJob,
    AppFeedback,
    AppInfo,
    AppMeta,
    AppParameters,
    AppSite,
    Conversation,
    ConversationVariable,
    EndUserDetail,
    HumanInputForm,
    Message,
    Page,
    ServerInfo,
    Stopped,
    Success,
    SuggestedQuestions,
    Transcript,
    UploadedFile,
    WorkflowLog,
    WorkflowRun,
)
from dify_async.models._base import Received

SERVER_INFO: Final = Operation("GET", "/", ServerInfo, idempotent=True, recent=True)

# Runs of workflows

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
GET_WORKFLOW_RUN: Final = Operation("GET", "/workflows/run/{workflow_run_id}", WorkflowRun, idempotent=True)
# Dify documents a task id in this path, but it is the run's id (recordings: `reconnect_wf_*`).
FOLLOW_RUN: Final = Operation(
    "GET",
    "/workflow/{workflow_run_id}/events",
    Event,
    idempotent=True,
    user="query",
    recent=True,
    advice=(
        500,
        "the server also responds with 500 to an id that is not a UUID: pass RunHandle.run_id, not a task id",
    ),
)
STOP_WORKFLOW: Final = Operation(
    "POST", "/workflows/tasks/{task_id}/stop", Stopped, idempotent=True, user="body"
)
LIST_WORKFLOW_LOGS: Final = Operation("GET", "/workflows/logs", Page[WorkflowLog], idempotent=True)

# Forms that runs wait for. On the Web API the token is sufficient.

GET_FORM: Final = Operation(
    "GET", "/form/human_input/{form_token}", HumanInputForm, idempotent=True, credentials="none", recent=True
)
SUBMIT_FORM: Final = Operation(
    "POST",
    "/form/human_input/{form_token}",
    Received,
    idempotent=False,
    user="body",
    credentials="none",
    recent=True,
)

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

LIST_CONVERSATIONS: Final = Operation(
    "GET", "/conversations", Page[Conversation], idempotent=True, user="query"
)
DELETE_CONVERSATION: Final = Operation(
    "DELETE", "/conversations/{conversation_id}", NoneType, idempotent=True, user="body"
)
RENAME_CONVERSATION: Final = Operation(
    "POST", "/conversations/{conversation_id}/name", Conversation, idempotent=False, user="body"
)
LIST_CONVERSATION_VARIABLES: Final = Operation(
    "GET",
    "/conversations/{conversation_id}/variables",
    Page[ConversationVariable],
    idempotent=True,
    user="query",
    recent=True,
)
UPDATE_CONVERSATION_VARIABLE: Final = Operation(
    "PUT",
    "/conversations/{conversation_id}/variables/{variable_id}",
    ConversationVariable,
    idempotent=True,
    user="body",
    recent=True,
)
LIST_MESSAGES: Final = Operation("GET", "/messages", Page[Message], idempotent=True, user="query")
SEND_FEEDBACK: Final = Operation(
    "POST", "/messages/{message_id}/feedbacks", Success, idempotent=True, user="body"
)
# The server calls a model for them.
SUGGEST_QUESTIONS: Final = Operation(
    "GET", "/messages/{message_id}/suggested", SuggestedQuestions, idempotent=False, user="query"
)

# The app

GET_APP_INFO: Final = Operation("GET", "/info", AppInfo, idempotent=True, recent=True)
GET_APP_PARAMETERS: Final = Operation("GET", "/parameters", AppParameters, idempotent=True)
GET_APP_META: Final = Operation("GET", "/meta", AppMeta, idempotent=True, recent=True)
GET_APP_SITE: Final = Operation("GET", "/site", AppSite, idempotent=True, recent=True)
LIST_APP_FEEDBACKS: Final = Operation(
    "GET", "/app/feedbacks", Page[AppFeedback], idempotent=True, recent=True
)

# Annotations and end users

LIST_ANNOTATIONS: Final = Operation("GET", "/apps/annotations", Page[Annotation], idempotent=True)
CREATE_ANNOTATION: Final = Operation("POST", "/apps/annotations", Annotation, idempotent=False)
UPDATE_ANNOTATION: Final = Operation("PUT", "/apps/annotations/{annotation_id}", Annotation, idempotent=True)
DELETE_ANNOTATION: Final = Operation("DELETE", "/apps/annotations/{annotation_id}", NoneType, idempotent=True)
SWITCH_ANNOTATION_REPLY: Final = Operation(
    "POST", "/apps/annotation-reply/{action}", AnnotationJob, idempotent=False
)
GET_ANNOTATION_JOB: Final = Operation(
    "GET", "/apps/annotation-reply/{action}/status/{job_id}", AnnotationJob, idempotent=True
)
GET_END_USER: Final = Operation(
    "GET", "/end-users/{end_user_id}", EndUserDetail, idempotent=True, recent=True
)

# Files and speech

UPLOAD_FILE: Final = Operation("POST", "/files/upload", UploadedFile, idempotent=False, user="form")
PREVIEW_FILE: Final = Operation(
    "GET", "/files/{file_id}/preview", bytes, idempotent=True, user="query", recent=True
)
# The URL of the file replaces the path; it is not part of the API.
DOWNLOAD_FILE: Final = Operation("GET", "/files", bytes, idempotent=True)
TRANSCRIBE: Final = Operation("POST", "/audio-to-text", Transcript, idempotent=False, user="form")
SPEAK: Final = Operation("POST", "/text-to-audio", bytes, idempotent=False, user="body")
