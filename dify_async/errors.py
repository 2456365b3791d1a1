"""Every error that the SDK raises.

DifyError
├── ConfigurationError (also ValueError)   the call cannot be made: bad key, no user, closed client, ...
├── TransportError                         no answer
│   ├── ConnectionFailed                   no connection, or one that broke
│   ├── ConnectTimeout                     the clock `connect`
│   ├── ReadTimeout                   the clock `read`
│   ├── IdleTimeout                        the clock `idle`
│   ├── TotalTimeout                       the clock `total`
│   └── OutcomeUnknown                     a run that may have started, and cannot be found again
├── ApiError                               an answer that is not 2xx, or an `error` event with a code
│   ├── BadRequest                         400, and the 4xx that have no class of their own
│   │   ├── InvalidParam                   invalid_param
│   │   ├── AppUnavailable                 app_unavailable
│   │   ├── WrongAppMode                   not_workflow_app, not_chat_app, not_completion_app
│   │   ├── ProviderNotInitialized         provider_not_initialize
│   │   ├── ModelNotSupported              model_currently_not_support
│   │   ├── CompletionRequestFailed        completion_request_error
│   │   ├── WorkflowRequestFailed          workflow_request_error (servers of 2024)
│   │   ├── ConversationCompleted          conversation_completed
│   │   └── InvalidFormData                invalid_form_data
│   ├── Unauthorized                       401
│   │   ├── LoginRequired                  web_sso_auth_required
│   │   ├── AppAccessDenied                web_app_access_denied
│   │   └── AuthenticationFailed           authentication_failed: a wrong password, e-mail or code
│   ├── Forbidden                          403
│   │   └── KnowledgeRateLimited           the plan's limit on knowledge requests
│   ├── NotFound                           404
│   │   └── NotSupportedByServer           the server does not know the operation
│   ├── Conflict                           409
│   ├── FormClosed                         412: submitted already, or expired
│   ├── FileTooLarge                       413
│   ├── UnsupportedFileType                415
│   ├── RateLimited                        too many at once: try later
│   ├── QuotaExceeded                      used up: trying later does not help
│   └── ServerError                        5xx
│       └── GatewayError                   502, 503, 504, 52x of a proxy, without JSON
├── RunFailed                              the run ended as failed
│   ├── RunRejected                        an `error` event without a code: mostly an unsuitable input
│   ├── RunStopped                         the run was stopped
│   └── RunPaused                          the run waits for a person
├── StreamInterrupted                      the stream ended without its last event
├── TooLarge                          an event or a body over the ceiling
└── DecodeError                            a 2xx answer that is not what it should be

All of them pickle, and name the operation and the server's version where they are known. None of them
holds a key, a password or a header.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from dify_async.models import ChatResult, CompletionResult, Pause, RunHandle, WorkflowResult

    AnyResult: TypeAlias = WorkflowResult | ChatResult | CompletionResult

__all__ = [
    "ApiError",
    "AppAccessDenied",
    "AppUnavailable",
    "AuthenticationFailed",
    "BadRequest",
    "CompletionRequestFailed",
    "ConfigurationError",
    "Conflict",
    "ConnectTimeout",
    "ConnectionFailed",
    "ConversationCompleted",
    "DecodeError",
    "DifyError",
    "FileTooLarge",
    "Forbidden",
    "FormClosed",
    "GatewayError",
    "IdleTimeout",
    "InvalidFormData",
    "InvalidParam",
    "KnowledgeRateLimited",
    "LoginRequired",
    "ModelNotSupported",
    "NotFound",
    "NotSupportedByServer",
    "OutcomeUnknown",
    "ProviderNotInitialized",
    "QuotaExceeded",
    "RateLimited",
    "ReadTimeout",
    "RunFailed",
    "RunPaused",
    "RunRejected",
    "RunStopped",
    "ServerError",
    "StreamInterrupted",
    "TooLarge",
    "TotalTimeout",
    "TransportError",
    "Unauthorized",
    "UnsupportedFileType",
    "WorkflowRequestFailed",
    "WrongAppMode",
]


class DifyError(Exception):
    """What every error of the SDK is."""

    def __init__(self, text: str, *, operation: str | None = None, server_version: str | None = None) -> None:
        super().__init__(text)
        self.operation = operation
        """What was asked, as method and path: `POST /workflows/run`."""
        self.server_version = server_version
        """The last `X-Version` seen from the server, None where it never told."""

    def __str__(self) -> str:
        context = [self.operation] if self.operation else []
        if self.server_version:
            context.append(f"Dify {self.server_version}")
        return f"{self.args[0]} ({', '.join(context)})" if context else str(self.args[0])

    def __reduce__(self) -> tuple[Any, ...]:
        return _revive, (type(self), self.args), self.__dict__


def _revive(cls: type[DifyError], args: tuple[Any, ...]) -> DifyError:
    # Pickle calls a class with `args` alone, which keyword-only parameters do not survive.
    error = cls.__new__(cls, *args)
    error.args = args
    return error


class ConfigurationError(DifyError, ValueError):
    """The call cannot be made as it stands; nothing was sent."""

    def __init__(
        self,
        text: str,
        *,
        operation: str | None = None,
        server_version: str | None = None,
        about_client: bool = False,
    ) -> None:
        super().__init__(text, operation=operation, server_version=server_version)
        self.about_client = about_client
        """True if no call of the client can be made as it is, because it is closed or has no end user."""


class TransportError(DifyError):
    """No answer came, or none to its end."""

    def __init__(
        self,
        text: str,
        *,
        operation: str | None = None,
        server_version: str | None = None,
        may_have_started: bool = False,
        handle: RunHandle | None = None,
        partial: AnyResult | None = None,
    ) -> None:
        super().__init__(text, operation=operation, server_version=server_version)
        self.may_have_started = may_have_started
        """Whether the server may be at work on the request all the same."""
        self.handle = handle
        """The run, where one is known to have started."""
        self.partial = partial
        """What had come of the answer by then."""


class ConnectionFailed(TransportError):
    """No connection could be made, or it broke before the answer was complete."""


class ConnectTimeout(TransportError):
    """No connection within `Timeouts.connect` seconds."""


class ReadTimeout(TransportError):
    """No answer within `Timeouts.read` seconds after the request was sent."""


class IdleTimeout(TransportError):
    """Not a byte, nor a ping, for `Timeouts.idle` seconds."""


class TotalTimeout(TransportError):
    """The call took longer than `Timeouts.total` seconds."""


class OutcomeUnknown(TransportError):
    """The run may have started, and no id of it is known. It was not sent again, for that could pay twice."""


class ApiError(DifyError):
    """The server's answer is not 2xx, or its stream holds an `error` event with a code."""

    def __init__(
        self,
        text: str,
        *,
        status: int,
        code: str | None = None,
        message: str = "",
        params: str | None = None,
        operation: str | None = None,
        server_version: str | None = None,
        may_have_started: bool = False,
        retry_after: float | None = None,
        trace_id: str | None = None,
        handle: RunHandle | None = None,
        partial: AnyResult | None = None,
    ) -> None:
        super().__init__(text, operation=operation, server_version=server_version)
        self.status = status
        """The HTTP status, or the one inside an `error` event."""
        self.code = code
        """Dify's own code, such as `invalid_param`. The set is open."""
        self.message = message
        """The server's words, for people: do not compare them."""
        self.params = params
        """The parameter at fault, where the server names one."""
        self.may_have_started = may_have_started
        """Whether the run may have started all the same."""
        self.retry_after = retry_after
        """Seconds that the server asks to wait."""
        self.trace_id = trace_id
        """The server's `X-Trace-Id`, for its logs."""
        self.handle = handle
        """The run, where the error came from inside a stream."""
        self.partial = partial
        """What had come of the answer, where the error came from inside a stream."""


class BadRequest(ApiError):
    """The request is not acceptable as it is."""


class InvalidParam(BadRequest):
    """A parameter or an input is missing or unsuitable. Dify also uses this code for failures of its own."""


class AppUnavailable(BadRequest):
    """The app has nothing published, or its configuration is broken."""


class WrongAppMode(BadRequest):
    """The key opens an app of another kind than the call is for."""


class ProviderNotInitialized(BadRequest):
    """The workspace has no usable credentials for the model's provider."""


class ModelNotSupported(BadRequest):
    """The app's model cannot be used here."""


class CompletionRequestFailed(BadRequest):
    """The model's provider refused or failed; its words are in the message."""


class WorkflowRequestFailed(BadRequest):
    """The workflow failed; only servers of 2024 say it so."""


class ConversationCompleted(BadRequest):
    """The conversation is closed: start a new one."""


class InvalidFormData(BadRequest):
    """The values or the action do not fit the form; it is still open."""


class Unauthorized(ApiError):
    """The key is missing, unknown, or of the other kind; on the Web API, the passport is not taken."""


class LoginRequired(Unauthorized):
    """The web app is not public: log in by `client.auth`, or give `login_token=`."""


class AppAccessDenied(Unauthorized):
    """Who is logged in may not use the web app; another try does not help."""


class AuthenticationFailed(Unauthorized):
    """The e-mail and the password do not fit, or there is no such account."""


class Forbidden(ApiError):
    """The key is right, and the thing is not allowed: API switched off, plan, access."""


class KnowledgeRateLimited(Forbidden):
    """The plan's limit on knowledge requests per minute is reached."""


class NotFound(ApiError):
    """There is no such thing, or it belongs to another user or app."""


class NotSupportedByServer(NotFound):
    """The server does not know the operation: it is too old, or the base URL leads elsewhere."""


class Conflict(ApiError):
    """It exists already, or is in use."""


class FormClosed(ApiError):
    """The form was submitted already, or has expired."""


class FileTooLarge(ApiError):
    """The upload is over the limit of Dify or of the proxy before it."""


class UnsupportedFileType(ApiError):
    """The type that was declared, of a file or of the request, is not accepted here."""


class RateLimited(ApiError):
    """Too many requests at once. Retried already, as `Retry` allows; the run did not start."""


class QuotaExceeded(ApiError):
    """A quota is used up: trying again does not help."""


class ServerError(ApiError):
    """The server failed."""


class GatewayError(ServerError):
    """A proxy before Dify answered in its place, with a page instead of JSON."""


class RunFailed(DifyError):
    """The run started, and ended badly."""

    def __init__(
        self,
        text: str,
        *,
        result: AnyResult,
        handle: RunHandle | None = None,
        node_id: str | None = None,
        operation: str | None = None,
        server_version: str | None = None,
    ) -> None:
        super().__init__(text, operation=operation, server_version=server_version)
        self.result = result
        """Everything that is known of the run."""
        self.handle = handle
        """What the run is found again with."""
        self.node_id = node_id
        """The node that failed, where the stream told."""


class RunRejected(RunFailed):
    """The worker refused the run before it began, mostly for a missing or unsuitable input.

    It is the caller's mistake and not the server's trouble, so it is never retried. The server keeps a
    connection slot for it up to 300 seconds (recording: `err_wf_missing_required_input_hang`).
    """


class RunStopped(RunFailed):
    """The run was stopped, by a person, by a call, or by the server's limit on time."""


class RunPaused(RunFailed):
    """The run waits: `paused` says for what, `handle` finds it again, `workflows.resume` goes on."""

    handle: RunHandle

    @property
    def paused(self) -> Pause:
        """What the run waits for: the same as `result.paused`."""
        paused: Pause | None = getattr(self.result, "paused", None)
        assert paused is not None, "else it is no RunPaused"
        return paused


class StreamInterrupted(DifyError):
    """The stream ended without its last event, so how the run ended is not known. It was not stopped."""

    def __init__(
        self,
        text: str,
        *,
        handle: RunHandle | None = None,
        partial: AnyResult | None = None,
        operation: str | None = None,
        server_version: str | None = None,
    ) -> None:
        super().__init__(text, operation=operation, server_version=server_version)
        self.handle = handle
        """What the run is found again with."""
        self.partial = partial
        """What had come of the answer."""


class TooLarge(DifyError):
    """An event or a body is over the ceiling, `max_event_bytes` of the client."""

    def __init__(
        self, limit: int, *, operation: str | None = None, server_version: str | None = None
    ) -> None:
        super().__init__(
            f"an event or a body is larger than max_event_bytes={limit}; raise it if you expect that much",
            operation=operation,
            server_version=server_version,
        )
        self.limit = limit
        """Bytes."""


class DecodeError(DifyError):
    """The answer is 2xx, and not what it should be."""

    def __init__(
        self,
        text: str,
        *,
        raw: bytes = b"",
        operation: str | None = None,
        server_version: str | None = None,
    ) -> None:
        super().__init__(text, operation=operation, server_version=server_version)
        self.raw = raw
        """The body, as it came."""
