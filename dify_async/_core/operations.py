"""The operations of Dify's API as data: one line each, so that coverage is a test over a table.

`repeat` says whether a request may be sent again when it is not known what became of it: "always" where a
second time does no harm, "once" for runs, for what calls a model, and for what creates something.
"""

from __future__ import annotations

from functools import cached_property
from typing import Final, Generic, Literal, TypeVar

import attrs

from dify_async._core.identity import Credentials
from dify_async._wire.api_errors import Asked
from dify_async._wire.blocking import BlockingMessage, BlockingRun
from dify_async.events import Event
from dify_async.models import (
    AppFeedback,
    AppInfo,
    AppMeta,
    AppParameters,
    AppSite,
    Conversation,
    ConversationVariable,
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

ModelT = TypeVar("ModelT", bound=Received)
AnswerT_co = TypeVar("AnswerT_co", bound=Received | bytes, covariant=True)


@attrs.frozen
class Operation(Generic[AnswerT_co]):
    """One operation: where it is, what it answers, and how it may be treated."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    """With `{names}` for the ids in it, relative to the base URL."""
    answer: type[AnswerT_co]
    """The model of a JSON answer; `bytes` for a file or nothing, `Event` for a stream without other form."""
    repeat: Literal["always", "once"]
    user: Literal["body", "query", "form"] | None = None
    """Where the end user is named on the Service API; None where the server does not ask."""
    credentials: Credentials = "own"
    """What is asked with on the Web API."""
    starts_run: bool = False
    recent: bool = False
    """Whether servers of 2024 lack it."""
    enterprise: bool = False
    """Whether only servers of the enterprise edition have it."""
    advice: tuple[int, str] | None = None
    """What to do at JSON of this status, where the server's own words mislead."""

    @cached_property
    def asked(self) -> Asked:
        """The operation as errors tell it."""
        return Asked(
            f"{self.method} {self.path}",
            starts_run=self.starts_run,
            recent=self.recent,
            enterprise=self.enterprise,
            advice=self.advice,
        )


SERVER_INFO: Final = Operation("GET", "/", ServerInfo, "always", recent=True)

# Runs of workflows

RUN_WORKFLOW: Final = Operation("POST", "/workflows/run", BlockingRun, "once", "body", starts_run=True)
RUN_WORKFLOW_VERSION: Final = Operation(
    "POST", "/workflows/{workflow_id}/run", BlockingRun, "once", "body", starts_run=True, recent=True
)
GET_WORKFLOW_RUN: Final = Operation("GET", "/workflows/run/{workflow_run_id}", WorkflowRun, "always")
# What the server calls a task id in this path is the run's id (recordings: `reconnect_wf_*`).
FOLLOW_RUN: Final = Operation(
    "GET",
    "/workflow/{workflow_run_id}/events",
    Event,
    "always",
    "query",
    recent=True,
    advice=(500, "an id that is no UUID is answered so too: give the run's id, which RunHandle.run_id is"),
)
STOP_WORKFLOW: Final = Operation("POST", "/workflows/tasks/{task_id}/stop", Stopped, "always", "body")
LIST_WORKFLOW_LOGS: Final = Operation("GET", "/workflows/logs", Page[WorkflowLog], "always")

# Forms that runs wait for. On the Web API the token alone opens them.

GET_FORM: Final = Operation(
    "GET", "/form/human_input/{form_token}", HumanInputForm, "always", credentials="none", recent=True
)
SUBMIT_FORM: Final = Operation(
    "POST", "/form/human_input/{form_token}", Received, "once", "body", credentials="none", recent=True
)

# Chats and completions

SEND_CHAT_MESSAGE: Final = Operation(
    "POST", "/chat-messages", BlockingMessage, "once", "body", starts_run=True
)
STOP_CHAT_MESSAGE: Final = Operation("POST", "/chat-messages/{task_id}/stop", Stopped, "always", "body")
CREATE_COMPLETION: Final = Operation(
    "POST", "/completion-messages", BlockingMessage, "once", "body", starts_run=True
)
STOP_COMPLETION: Final = Operation("POST", "/completion-messages/{task_id}/stop", Stopped, "always", "body")

LIST_CONVERSATIONS: Final = Operation("GET", "/conversations", Page[Conversation], "always", "query")
DELETE_CONVERSATION: Final = Operation("DELETE", "/conversations/{conversation_id}", bytes, "always", "body")
RENAME_CONVERSATION: Final = Operation(
    "POST", "/conversations/{conversation_id}/name", Conversation, "once", "body"
)
LIST_CONVERSATION_VARIABLES: Final = Operation(
    "GET",
    "/conversations/{conversation_id}/variables",
    Page[ConversationVariable],
    "always",
    "query",
    recent=True,
)
UPDATE_CONVERSATION_VARIABLE: Final = Operation(
    "PUT",
    "/conversations/{conversation_id}/variables/{variable_id}",
    ConversationVariable,
    "always",
    "body",
    recent=True,
)
LIST_MESSAGES: Final = Operation("GET", "/messages", Page[Message], "always", "query")
SEND_FEEDBACK: Final = Operation("POST", "/messages/{message_id}/feedbacks", Success, "always", "body")
# A model is asked for them.
SUGGEST_QUESTIONS: Final = Operation(
    "GET", "/messages/{message_id}/suggested", SuggestedQuestions, "once", "query"
)

# The app

GET_APP_INFO: Final = Operation("GET", "/info", AppInfo, "always", recent=True)
GET_APP_PARAMETERS: Final = Operation("GET", "/parameters", AppParameters, "always")
GET_APP_META: Final = Operation("GET", "/meta", AppMeta, "always", recent=True)
GET_APP_SITE: Final = Operation("GET", "/site", AppSite, "always", recent=True)
LIST_APP_FEEDBACKS: Final = Operation("GET", "/app/feedbacks", Page[AppFeedback], "always", recent=True)

# Files and speech

UPLOAD_FILE: Final = Operation("POST", "/files/upload", UploadedFile, "once", "form")
PREVIEW_FILE: Final = Operation("GET", "/files/{file_id}/preview", bytes, "always", "query", recent=True)
TRANSCRIBE: Final = Operation("POST", "/audio-to-text", Transcript, "once", "form")
SPEAK: Final = Operation("POST", "/text-to-audio", bytes, "once", "body")
