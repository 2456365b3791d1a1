"""Which error an answer means that is not 2xx, or an `error` event: one function for both.

The class follows the status first and the code second, because codes are many and open: any exception of
the server without a code of its own gets its class name as one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypedDict

from dify_async import errors
from dify_async._wire.operation import Operation
from dify_async.errors import ApiError
from dify_async.events import ErrorEvent
from dify_async.models._base import as_object, parse_json

_SHOWN: Final = 200
"""Characters of the server's words that go into an error's text; `code` and `message` have them all."""

_LONGEST_VERSION: Final = 50
"""Characters."""

_A_CENTURY: Final = 100 * 365 * 86400.0
"""Seconds. More would be no number of seconds that anything can wait."""

_READ: Final = 4096
"""Bytes of a page that are searched for its title."""

_BY_STATUS: Final[dict[int, type[ApiError]]] = {
    400: errors.BadRequest,
    401: errors.Unauthorized,
    403: errors.Forbidden,
    404: errors.NotFound,
    409: errors.Conflict,
    413: errors.FileTooLarge,
    415: errors.UnsupportedFileType,
    429: errors.RateLimited,
}

_BY_CODE: Final[dict[str, type[ApiError]]] = {
    "invalid_param": errors.InvalidParam,
    "app_unavailable": errors.AppUnavailable,
    "not_workflow_app": errors.WrongAppMode,
    "not_chat_app": errors.WrongAppMode,
    "not_completion_app": errors.WrongAppMode,
    "provider_not_initialize": errors.ProviderNotInitialized,
    "model_currently_not_support": errors.ModelNotSupported,
    "completion_request_error": errors.CompletionRequestFailed,
    "workflow_request_error": errors.WorkflowRequestFailed,
    "conversation_completed": errors.ConversationCompleted,
    "invalid_form_data": errors.InvalidFormData,
    "human_input_form_submitted": errors.FormClosed,
    "human_input_form_expired": errors.FormClosed,
    "web_sso_auth_required": errors.LoginRequired,
    "web_app_access_denied": errors.AppAccessDenied,
    "authentication_failed": errors.AuthenticationFailed,
    "provider_quota_exceeded": errors.QuotaExceeded,
    "rate_limit_error": errors.QuotaExceeded,
}
"""The codes that people branch on. A code counts only with a status that it belongs to."""

_OUTSIDE_THEIR_STATUS: Final = {
    (400, "provider_quota_exceeded"),
    (429, "rate_limit_error"),
    (412, "human_input_form_submitted"),
    (412, "human_input_form_expired"),
}
"""Codes whose class is no kind of the status's own."""

_HINTS: Final[dict[type[ApiError], str]] = {
    errors.Unauthorized: "check that the API key or the passport is this app's own, and base_url its server; "
    "a login may have run out",
    errors.LoginRequired: "the app is not public: log in by client.auth.login(...), or give login_token=",
    errors.AppAccessDenied: "who is logged in may not use this app; another try does not help, and a new "
    "login only after single sign-on",
    errors.WrongAppMode: "the key opens an app of another kind; client.app.info() tells which, and so does "
    "the address of a web app",
    errors.AppUnavailable: "publish the app in Dify first",
    errors.FormClosed: "workflows.wait(handle, continue_on_pause=True) tells what became of the run",
    errors.RateLimited: "too many requests at once; lower max_concurrent, or raise the app's limit in Dify",
    errors.QuotaExceeded: "a quota is used up, so a retry does not help",
    errors.ProviderNotInitialized: "set up the model provider's credentials in Dify",
    errors.NotSupportedByServer: "the server is too old for this, or base_url leads past its API",
    errors.GatewayError: "a proxy answered in Dify's place; Dify may be down or too slow for it",
}

_HINTS_BY_CODE: Final = {
    "not_setup": "the server is not set up yet: open its console",
    "not_init_validated": "the server is not set up yet: open its console",
    "unauthorized_and_force_logout": "the server's licence is not valid any more",
    "invalid_upload_token": "get another by client.forms.upload_token(form_token)",
    "web_form_rate_limit_exceeded": "too many requests for forms from this address within a minute: wait",
    "email_send_ip_limit": "too many mails were asked for: wait",
    "password_reset_rate_limit_exceeded": "too many mails were asked for: wait",
    "email_password_reset_limit": "too many wrong codes were tried: wait a day",
}
"""What to do where the class of the error alone does not tell."""


class _Words(TypedDict):
    code: str | None
    message: str
    params: str | None


def error_from_response(
    operation: Operation[Any],
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    server_version: str | None = None,
    now: datetime | None = None,
) -> ApiError:
    """Give the error that an answer means."""
    is_json, words = _read(body)
    kind = _class_of(status, words["code"], words["message"])
    if not is_json and (status in {502, 503, 504} or 520 <= status <= 529):
        kind = errors.GatewayError
    elif status == 404 and (operation.enterprise or (operation.recent and not is_json)):
        kind = errors.NotSupportedByServer
    hint = _HINTS_BY_CODE.get(words["code"] or "") or _HINTS.get(kind, "")
    if is_json and operation.advice is not None and operation.advice[0] == status:
        hint = operation.advice[1]
    elif operation.enterprise and status == 404:
        hint = "only servers of the enterprise edition have this; elsewhere every web app is public"
    elif 300 <= status < 400:
        hint = f"redirects are not followed; set base_url to where it leads: {_origin(headers)}"
    elif not is_json and kind is errors.NotFound:
        hint = (
            "no such path: check base_url (Dify's API ends in /v1, that of web apps in /api) and the ids in "
            "the call"
        )
    elif not is_json and kind is errors.FileTooLarge:
        hint = "a proxy before Dify limits the size of requests (nginx: client_max_body_size)"
    return kind(
        _sentence(f"{status}", words, hint),
        status=status,
        code=words["code"],
        message=words["message"],
        params=words["params"],
        operation=operation.name,
        server_version=headers.get("X-Version", "")[:_LONGEST_VERSION] or server_version,
        may_have_started=operation.starts_run and status >= 500,
        retry_after=_retry_after(headers.get("Retry-After"), now or datetime.now(UTC)),
        trace_id=headers.get("X-Trace-Id"),
    )


def error_from_event(event: ErrorEvent, **context: Any) -> ApiError:
    """Give the error that an `error` event with a code means; `context` goes to its constructor."""
    # The decoder lets through what is of another type, such as a number for the text.
    status = event.status if type(event.status) is int else 500
    code, message = str(event.code), str(event.message)
    kind = _class_of(status, code, message)
    words: _Words = {"code": code, "message": message, "params": None}
    text = _sentence(f"the stream ended with an error: {status}", words, _HINTS.get(kind, ""))
    return kind(text, status=status, code=code, message=message, **context)


def _class_of(status: int, code: str | None, message: str) -> type[ApiError]:
    kind = _BY_STATUS.get(status)
    if kind is None:
        kind = errors.ServerError if status >= 500 else errors.BadRequest if status >= 400 else ApiError
    if status == 400 and code == "invalid_param" and message.startswith("Too many requests"):
        # What 1.14 makes of its own 429 (recording: `err_rate_limited_streaming`).
        return errors.RateLimited
    if status == 403 and "rate limit" in message:
        return errors.KnowledgeRateLimited
    special = _BY_CODE.get(code or "", ApiError)
    if issubclass(special, kind) or (status, code) in _OUTSIDE_THEIR_STATUS:
        return special
    return kind


def _read(body: bytes) -> tuple[bool, _Words]:
    """Read an error's body: Dify's own JSON, other JSON, or a page of a server or proxy."""
    try:
        found = parse_json(body)
    except ValueError:
        return False, {"code": None, "message": _page_title(body), "params": None}
    fields = as_object(found)
    if fields is None:
        return True, {"code": None, "message": "" if found is None else str(found), "params": None}
    # Creating segments answers {"error": "..."} (recording: `err_ds_segment_create_empty`).
    message = fields.get("message") or fields.get("error") or ""
    code, params = fields.get("code"), fields.get("params")
    return True, {
        "code": code if isinstance(code, str) else None,
        "message": message if isinstance(message, str) else str(message),
        "params": params if isinstance(params, str) else None,
    }


def _page_title(body: bytes) -> str:
    text = body[:_READ].decode("utf-8", "replace")
    title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
    if title is not None:
        text = title[1]
    words = re.sub(r"<[^>]*>", " ", text)
    return " ".join(words.split())


def _sentence(start: str, words: _Words, hint: str) -> str:
    parts = [f"{start} {_cut(words['code'])}" if words["code"] else start]
    message = " ".join(words["message"].split())
    if message:
        parts.append(_cut(message))
    text = ": ".join(parts)
    return f"{text}; {hint}" if hint else text


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _origin(headers: Mapping[str, str]) -> str:
    # Without query and credentials: a redirect may carry tokens.
    place = re.match(r"(https?://)(?:[^/?#]*@)?([^?#]*)", headers.get("Location", ""), re.IGNORECASE)
    return _cut(place[1] + place[2]) if place is not None else "another path of the server"


def _retry_after(value: str | None, now: datetime) -> float | None:
    """Read both forms of the header: seconds, and a date."""
    if value is None:
        return None
    value = value.strip()
    if value.isdecimal():
        return min(float(value), _A_CENTURY)
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    date = date if date.tzinfo is not None else date.replace(tzinfo=UTC)
    return max(0.0, (date - now).total_seconds())
