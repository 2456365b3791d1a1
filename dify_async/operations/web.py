"""The endpoints that only the Web API has. The other tables have those it shares with the Service API."""

from __future__ import annotations

from types import NoneType
from typing import Final

from dify_async._wire.blocking import BlockingMessage
from dify_async._wire.operation import Operation
from dify_async.models._base import Page
from dify_async.models.auth import (
    AccessMode,
    EmailCodeSent,
    Login,
    LoginStatus,
    Passport,
    Permission,
    ResetCheck,
    UploadToken,
)
from dify_async.models.files import RemoteFile, RemoteFileInfo, UploadedFile
from dify_async.models.messages import SavedMessage, SuggestedQuestions
from dify_async.models.site import WebSite
from dify_async.models.success import Success
from dify_async.models.system import SystemFeatures

# Passports and logins

GET_PASSPORT: Final = Operation(
    "GET",
    "/passport",
    Passport,
    idempotent=True,
    credentials="code",
    advice=(
        404,
        "there is no web app with this code, or its page is turned off: check app_code and base_url",
    ),
)
LOGIN: Final = Operation("POST", "/login", Login, idempotent=False, credentials="none", enterprise=True)
GET_LOGIN_STATUS: Final = Operation(
    "GET", "/login/status", LoginStatus, idempotent=True, credentials="login", recent=True
)
LOGOUT: Final = Operation("POST", "/logout", Success, idempotent=True, credentials="none", recent=True)
SEND_LOGIN_CODE: Final = Operation(
    "POST", "/email-code-login", EmailCodeSent, idempotent=False, credentials="none", enterprise=True
)
LOGIN_WITH_CODE: Final = Operation(
    "POST",
    "/email-code-login/validity",
    Login,
    idempotent=False,
    credentials="none",
    enterprise=True,
    advice=(
        500,
        "the token is unknown or older than five minutes: call client.auth.send_login_code(...) again",
    ),
)
SEND_PASSWORD_RESET: Final = Operation(
    "POST", "/forgot-password", EmailCodeSent, idempotent=False, credentials="none", enterprise=True
)
CHECK_PASSWORD_RESET: Final = Operation(
    "POST", "/forgot-password/validity", ResetCheck, idempotent=False, credentials="none", enterprise=True
)
RESET_PASSWORD: Final = Operation(
    "POST", "/forgot-password/resets", Success, idempotent=False, credentials="none", enterprise=True
)
GET_ACCESS_MODE: Final = Operation(
    "GET", "/webapp/access-mode", AccessMode, idempotent=True, credentials="none", recent=True
)
GET_PERMISSION: Final = Operation(
    "GET",
    "/webapp/permission",
    Permission,
    idempotent=True,
    enterprise=True,
    advice=(500, "servers without the enterprise edition respond like this; there every web app is public"),
)
GET_SYSTEM_FEATURES: Final = Operation(
    "GET", "/system-features", SystemFeatures, idempotent=True, credentials="none"
)

# Messages and conversations

PIN_CONVERSATION: Final = Operation("PATCH", "/conversations/{conversation_id}/pin", Success, idempotent=True)
UNPIN_CONVERSATION: Final = Operation(
    "PATCH", "/conversations/{conversation_id}/unpin", Success, idempotent=True
)
# The server calls a model for both.
SUGGEST_WEB_QUESTIONS: Final = Operation(
    "GET", "/messages/{message_id}/suggested-questions", SuggestedQuestions, idempotent=False
)
MORE_LIKE_THIS: Final = Operation(
    "GET", "/messages/{message_id}/more-like-this", BlockingMessage, idempotent=False, starts_run=True
)
LIST_SAVED_MESSAGES: Final = Operation("GET", "/saved-messages", Page[SavedMessage], idempotent=True)
SAVE_MESSAGE: Final = Operation("POST", "/saved-messages", Success, idempotent=True)
DELETE_SAVED_MESSAGE: Final = Operation("DELETE", "/saved-messages/{message_id}", NoneType, idempotent=True)

# Files

GET_REMOTE_FILE: Final = Operation(
    "GET",
    "/remote-files/{url}",
    RemoteFileInfo,
    idempotent=True,
    advice=(500, "the server cannot fetch the file from this URL"),
)
UPLOAD_REMOTE_FILE: Final = Operation("POST", "/remote-files/upload", RemoteFile, idempotent=False)
CREATE_FORM_UPLOAD_TOKEN: Final = Operation(
    "POST",
    "/form/human_input/{form_token}/upload-token",
    UploadToken,
    idempotent=False,
    credentials="none",
    recent=True,
)
UPLOAD_FORM_FILE: Final = Operation(
    "POST", "/human-input-forms/files", UploadedFile, idempotent=False, credentials="none", recent=True
)

# The app

GET_WEB_SITE: Final = Operation("GET", "/site", WebSite, idempotent=True)
