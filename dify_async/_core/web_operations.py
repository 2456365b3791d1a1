"""The operations that only the Web API has. Those that it shares with the Service API are in `operations`."""

from __future__ import annotations

from typing import Final

from dify_async._core.operations import Operation
from dify_async._wire.blocking import BlockingMessage
from dify_async.models import (
    AccessMode,
    EmailCodeSent,
    Login,
    LoginStatus,
    Page,
    Passport,
    Permission,
    RemoteFile,
    RemoteFileInfo,
    ResetCheck,
    SavedMessage,
    Success,
    SuggestedQuestions,
    SystemFeatures,
    UploadedFile,
    UploadToken,
    WebSite,
)

# Who asks

GET_PASSPORT: Final = Operation(
    "GET",
    "/passport",
    Passport,
    "always",
    credentials="code",
    advice=(
        404,
        "there is no web app of this code, or its page is switched off: check app_code and base_url",
    ),
)
LOGIN: Final = Operation("POST", "/login", Login, "once", credentials="none", enterprise=True)
GET_LOGIN_STATUS: Final = Operation(
    "GET", "/login/status", LoginStatus, "always", credentials="login", recent=True
)
LOGOUT: Final = Operation("POST", "/logout", Success, "always", credentials="none", recent=True)
SEND_LOGIN_CODE: Final = Operation(
    "POST", "/email-code-login", EmailCodeSent, "once", credentials="none", enterprise=True
)
LOGIN_WITH_CODE: Final = Operation(
    "POST",
    "/email-code-login/validity",
    Login,
    "once",
    credentials="none",
    enterprise=True,
    advice=(
        500,
        "the token is unknown or older than five minutes: call client.auth.send_login_code(...) anew",
    ),
)
SEND_PASSWORD_RESET: Final = Operation(
    "POST", "/forgot-password", EmailCodeSent, "once", credentials="none", enterprise=True
)
CHECK_PASSWORD_RESET: Final = Operation(
    "POST", "/forgot-password/validity", ResetCheck, "once", credentials="none", enterprise=True
)
RESET_PASSWORD: Final = Operation(
    "POST", "/forgot-password/resets", Success, "once", credentials="none", enterprise=True
)
GET_ACCESS_MODE: Final = Operation(
    "GET", "/webapp/access-mode", AccessMode, "always", credentials="none", recent=True
)
GET_PERMISSION: Final = Operation(
    "GET",
    "/webapp/permission",
    Permission,
    "always",
    enterprise=True,
    advice=(500, "servers that are not of the enterprise edition answer so; there every web app is public"),
)
GET_SYSTEM_FEATURES: Final = Operation(
    "GET", "/system-features", SystemFeatures, "always", credentials="none"
)

# Messages and conversations

PIN_CONVERSATION: Final = Operation("PATCH", "/conversations/{conversation_id}/pin", Success, "always")
UNPIN_CONVERSATION: Final = Operation("PATCH", "/conversations/{conversation_id}/unpin", Success, "always")
# A model is asked by both.
SUGGEST_WEB_QUESTIONS: Final = Operation(
    "GET", "/messages/{message_id}/suggested-questions", SuggestedQuestions, "once"
)
MORE_LIKE_THIS: Final = Operation(
    "GET", "/messages/{message_id}/more-like-this", BlockingMessage, "once", starts_run=True
)
LIST_SAVED_MESSAGES: Final = Operation("GET", "/saved-messages", Page[SavedMessage], "always")
SAVE_MESSAGE: Final = Operation("POST", "/saved-messages", Success, "always")
DELETE_SAVED_MESSAGE: Final = Operation("DELETE", "/saved-messages/{message_id}", bytes, "always")

# Files

GET_REMOTE_FILE: Final = Operation(
    "GET",
    "/remote-files/{url}",
    RemoteFileInfo,
    "always",
    advice=(500, "the server cannot get the file at this address"),
)
UPLOAD_REMOTE_FILE: Final = Operation("POST", "/remote-files/upload", RemoteFile, "once")
CREATE_FORM_UPLOAD_TOKEN: Final = Operation(
    "POST",
    "/form/human_input/{form_token}/upload-token",
    UploadToken,
    "once",
    credentials="none",
    recent=True,
)
UPLOAD_FORM_FILE: Final = Operation(
    "POST", "/human-input-forms/files", UploadedFile, "once", credentials="none", recent=True
)

# The app

GET_WEB_SITE: Final = Operation("GET", "/site", WebSite, "always")
