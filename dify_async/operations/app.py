"""The endpoints of the Service API for one app; the Web API shares some of them."""

from __future__ import annotations

from types import NoneType
from typing import Final

from dify_async._wire.operation import Operation
from dify_async.models._base import Page, Received
from dify_async.models.annotations import Annotation, AnnotationJob
from dify_async.models.app import AppInfo, AppMeta, ServerInfo
from dify_async.models.audio import Transcript
from dify_async.models.conversations import Conversation, ConversationVariable
from dify_async.models.feedback import AppFeedback
from dify_async.models.forms import HumanInputForm
from dify_async.models.messages import Message, SuggestedQuestions
from dify_async.models.site import AppSite
from dify_async.models.success import Success
from dify_async.models.users import EndUserDetail

SERVER_INFO: Final = Operation("GET", "/", ServerInfo, idempotent=True, recent=True)

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

# Conversations and messages

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

# Speech

TRANSCRIBE: Final = Operation("POST", "/audio-to-text", Transcript, idempotent=False, user="form")
SPEAK: Final = Operation("POST", "/text-to-audio", bytes, idempotent=False, user="body")
