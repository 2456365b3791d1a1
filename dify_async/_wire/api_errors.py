"""The errors of responses that are not 2xx and of `error` events: both use the same table.

The status decides first and the code second, because there are many codes and new ones appear: for an
exception without a code, the server sends the exception's class name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from dify_async import errors
from dify_async._text import printable, shortened
from dify_async._wire.error_bodies import ErrorBody, parse_error_body, quoted
from dify_async._wire.operation import Operation
from dify_async.errors import ApiError
from dify_async.events import ErrorEvent

_MAX_VERSION_LENGTH: Final = 50

_MAX_TARGET_LENGTH: Final = 200
"""Of the target of a redirect."""

_A_CENTURY: Final = 100 * 365 * 86400.0
"""Seconds. The maximum of `retry_after`."""

_LIMIT_OF_THE_PLAN: Final = "limit of your subscription"
"""In messages of 403: Dify's cloud has no code for its limits on documents and storage."""

_MISSING_SETTING: Final = re.compile("indexing_technique is required|process rule", re.IGNORECASE)
"""In messages of 400: what a knowledge base without documents needs."""

_SECRET_HEADERS: Final = {"set-cookie", "set-cookie2", "authorization", "proxy-authenticate"}
"""Headers of a response that are masked in an error."""

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
"""The codes that have their own class. A code counts only with a status that it belongs to."""

_OUTSIDE_THEIR_STATUS: Final = {
    (400, "provider_quota_exceeded"),
    (429, "rate_limit_error"),
    (412, "human_input_form_submitted"),
    (412, "human_input_form_expired"),
}
"""Codes whose class is not a subclass of their status's class."""

_PROVIDER_LIMIT: Final = (429, "rate_limit_error")
"""In a stream, the rate limit of the model's provider (recording: `116_chat_ratelimit_streaming`); as the
status of a response, the quota of Dify Cloud."""

_HINTS: Final[dict[type[ApiError], str]] = {
    errors.Unauthorized: "check that the API key or passport belongs to this app, and that base_url is the "
    "URL of its server; a login may have expired",
    errors.LoginRequired: "the app is not public: log in with client.auth.login(...), or pass login_token=",
    errors.AppAccessDenied: "the user who is logged in may not use this app; a retry does not help, and a "
    "new login only after single sign-on",
    errors.WrongAppMode: "the key belongs to another kind of app: see client.app.info(), or the URL of the "
    "web app",
    errors.AppUnavailable: "publish the app in Dify first",
    errors.FormClosed: "workflows.wait(handle, continue_on_pause=True) returns the result of the run",
    errors.RateLimited: "too many requests at the same time; lower max_concurrent, or raise the app's limit "
    "in Dify",
    errors.KnowledgeRateLimited: "the limit is one per minute: wait",
    errors.QuotaExceeded: "a quota is used up, so a retry does not help",
    errors.ProviderNotInitialized: "set up the model provider's credentials in Dify",
    errors.NotSupportedByServer: "the server is too old for this, or base_url is not the URL of its API",
    errors.GatewayError: "a proxy responded instead of Dify; Dify may be down, or too slow for the proxy",
}

_HINTS_BY_CODE: Final = {
    "not_setup": "the server is not set up yet: open its console",
    "not_init_validated": "the server is not set up yet: open its console",
    "unauthorized_and_force_logout": "the server's license is no longer valid",
    "invalid_upload_token": "get a new one with client.forms.upload_token(form_token)",
    "web_form_rate_limit_exceeded": "too many requests for forms from this IP address: retry in a minute",
    "email_send_ip_limit": "too many e-mails were requested: retry later",
    "password_reset_rate_limit_exceeded": "too many e-mails were requested: retry later",
    "email_password_reset_limit": "too many wrong codes were tried: wait a day",
    "agent_not_published": "publish the agent in Dify first",
    "agent_run_limit_exceeded": "the agent reached its limit of steps or time: raise it in Dify",
    "speech_to_text_disabled": "turn on speech to text in the app's features",
    "workflow_version_execution_not_allowed": "the plan does not include runs of other workflow versions",
}
"""Hints for codes, used instead of the hint for their class."""


def error_from_response(
    operation: Operation[Any],
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    server_version: str | None = None,
    now: datetime | None = None,
) -> ApiError:
    """Return the error of a response that is not 2xx; the caller masks secrets by `redact`."""
    content = parse_error_body(body)
    kind = _class_of(status, content.code, content.message)
    if not content.is_json and (status in {502, 503, 504} or 520 <= status <= 529):
        kind = errors.GatewayError
    elif status == 404 and (operation.enterprise or (operation.recent and not content.is_json)):
        kind = errors.NotSupportedByServer
    version = printable(headers.get("X-Version", ""))[:_MAX_VERSION_LENGTH] or server_version
    return kind(
        _with_hint(
            content.quoted(f"{status}"),
            _hint(kind, operation, status, headers, content),
        ),
        status=status,
        code=content.code,
        message=content.message,
        params=content.params,
        operation=operation.name,
        server_version=version,
        may_have_started=operation.starts_run and status >= 500,
        retry_after=_retry_after(headers.get("Retry-After"), now or datetime.now(UTC)),
        trace_id=headers.get("X-Trace-Id"),
        headers=_without_secrets(headers),
        body=body,
    )


def error_from_event(event: ErrorEvent, **context: Any) -> ApiError:
    """Return the error of an `error` event with a code; `context` is passed to its constructor."""
    status = event.status if event.status is not None else 500
    code, message = event.code, event.message
    if (status, code) == _PROVIDER_LIMIT:
        kind: type[ApiError] = errors.RateLimited
        hint = "the model's provider limits its requests: try again later"
    else:
        kind = _class_of(status, code, message)
        hint = _HINTS_BY_CODE.get(code or "") or _HINTS.get(kind, "")
    text = quoted(f"the stream ended with an error: {status}", code, message)
    return kind(_with_hint(text, hint), status=status, code=code, message=message, **context)


def _class_of(status: int, code: str | None, message: str) -> type[ApiError]:
    kind = _BY_STATUS.get(status)
    if kind is None:
        kind = errors.ServerError if status >= 500 else errors.BadRequest if status >= 400 else ApiError
    if status == 400 and code == "invalid_param" and message.startswith("Too many requests"):
        # Dify 1.14 sends this instead of 429 (recording: `err_rate_limited_streaming`).
        return errors.RateLimited
    if status == 403 and "rate limit" in message:
        return errors.KnowledgeRateLimited
    special = _BY_CODE.get(code or "", ApiError)
    if issubclass(special, kind) or (status, code) in _OUTSIDE_THEIR_STATUS:
        return special
    return kind


def _hint(
    kind: type[ApiError],
    operation: Operation[Any],
    status: int,
    headers: Mapping[str, str],
    content: ErrorBody,
) -> str:
    code, is_json = content.code, content.is_json
    if status == 403 and kind is errors.Forbidden and _LIMIT_OF_THE_PLAN in content.message:
        return "a retry does not help: delete something, or change the plan"
    if status == 400 and _MISSING_SETTING.search(content.message):
        return (
            "a knowledge base without documents needs `indexing_technique`, unless it was created with one, "
            'and `process_rule`, for example {"mode": "automatic"}'
        )
    if is_json and operation.advice is not None and operation.advice[0] == status:
        return operation.advice[1]
    if operation.enterprise and status == 404:
        return "only servers of the enterprise edition have this; on other servers every web app is public"
    if 300 <= status < 400:
        return f"redirects are not followed; set base_url to their target: {_target(headers)}"
    if not is_json and status == 404 and "X-Version" in headers:
        # Dify itself responded, so base_url is right (recording: `116_root_404`).
        ids = ", or an id in the call is not a UUID" if "{" in operation.path else ""
        return f"this version of Dify does not have the operation{ids}"
    if not is_json and kind is errors.NotFound:
        return (
            "no such path: check base_url (Dify's API ends in /v1, that of web apps in /api) and the ids in "
            "the call"
        )
    if not is_json and kind is errors.FileTooLarge:
        return "a proxy in front of Dify limits the size of requests (nginx: client_max_body_size)"
    return _HINTS_BY_CODE.get(code or "") or _HINTS.get(kind, "")


def _with_hint(text: str, hint: str) -> str:
    return f"{text}; {hint}" if hint else text


def _without_secrets(headers: Mapping[str, str]) -> dict[str, str]:
    shown = {name.lower(): value for name, value in headers.items()}
    shown |= dict.fromkeys(_SECRET_HEADERS & shown.keys(), "***")
    return shown | ({"location": _target(headers)} if "location" in shown else {})


def _target(headers: Mapping[str, str]) -> str:
    # Without query and credentials: a redirect may contain tokens.
    target = re.match(r"(https?://)(?:[^/?#]*@)?([^?#]*)", headers.get("Location", ""), re.IGNORECASE)
    if target is None:
        return "another path of the server"
    return shortened(printable(target[1] + target[2]), _MAX_TARGET_LENGTH)


def _retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds of a `Retry-After` header, which contains either seconds or a date."""
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
