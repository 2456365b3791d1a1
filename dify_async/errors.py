"""All errors that the SDK raises.

DifyError
├── ConfigurationError (also ValueError)   invalid argument or setting, no end user, closed client
├── TransportError                         no complete response
│   ├── ConnectionFailed                   no connection, or it was interrupted
│   ├── ConnectTimeout                     `Timeouts.connect`
│   ├── ReadTimeout                        `Timeouts.read`
│   ├── IdleTimeout                        `Timeouts.idle`
│   ├── TotalTimeout                       `Timeouts.total`
│   └── OutcomeUnknown                     a run may have started, and its id is not known
├── ApiError                               a response that is not 2xx, or an `error` event with a code
│   ├── BadRequest                         400, and every 4xx without its own class
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
│   │   └── AuthenticationFailed           authentication_failed: wrong password, e-mail or code
│   ├── Forbidden                          403
│   │   └── KnowledgeRateLimited           the plan's limit on knowledge requests
│   ├── NotFound                           404
│   │   └── NotSupportedByServer           the server does not have the operation
│   ├── Conflict                           409
│   ├── FormClosed                         412: the form was submitted already, or has expired
│   ├── FileTooLarge                       413
│   ├── UnsupportedFileType                415
│   ├── RateLimited                        too many requests: retry later
│   ├── QuotaExceeded                      a quota is used up: a retry does not help
│   └── ServerError                        5xx
│       └── GatewayError                   502, 503, 504, 52x of a proxy, without JSON
├── RunFailed                              the run failed
│   ├── RunRejected                        rejected before it started, mostly because of an input
│   ├── RunStopped                         the run was stopped
│   └── RunPaused                          the run waits for a person
├── IndexingFailed                         documents failed, are empty or are stuck
├── JobFailed                              a background job of the server failed
├── StreamInterrupted                      the stream ended without a terminal event
├── TooLarge                               an event or a response body is larger than the limit
└── DecodeError                            a 2xx response that cannot be decoded

Every error can be pickled, and names the operation and the server's version if they are known. No error
contains a key or a password.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

from dify_async._base_errors import ConfigurationError, DecodeError, DifyError

if TYPE_CHECKING:
    from dify_async.models.annotations import AnnotationJob
    from dify_async.models.forms import Pause
    from dify_async.models.indexing import IndexingReport
    from dify_async.models.pipeline import DatasourceResult
    from dify_async.models.results import ChatResult, CompletionResult, WorkflowResult
    from dify_async.models.runs import RunHandle

    AnyResult: TypeAlias = WorkflowResult | ChatResult | CompletionResult
    StreamResult: TypeAlias = AnyResult | DatasourceResult

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
    "IndexingFailed",
    "InvalidFormData",
    "InvalidParam",
    "JobFailed",
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


class TransportError(DifyError):
    """There was no response, or it was incomplete."""

    def __init__(
        self,
        text: str,
        *,
        operation: str | None = None,
        server_version: str | None = None,
        may_have_started: bool = False,
        handle: RunHandle | None = None,
        partial: StreamResult | None = None,
    ) -> None:
        super().__init__(text, operation=operation, server_version=server_version)
        self.may_have_started = may_have_started
        """True if the server may have received the request, so that it may be processing it."""
        self.handle = handle
        """Handle of the run, for `workflows.wait` and `attach`. None unless a run is known to have
        started."""
        self.partial = partial
        """The result up to this error. None unless the error was in the stream of a run."""


class ConnectionFailed(TransportError):
    """No connection could be made, or it was interrupted before the response was complete."""


class ConnectTimeout(TransportError):
    """No connection within `Timeouts.connect` seconds."""


class ReadTimeout(TransportError):
    """No response, or no further data of the response, within `Timeouts.read` seconds."""


class IdleTimeout(TransportError):
    """No data of a stream for `Timeouts.idle` seconds, not even a ping."""


class TotalTimeout(TransportError):
    """The call took longer than `Timeouts.total` seconds."""


class OutcomeUnknown(TransportError):
    """The run may have started, and its id is unknown. It was not retried, to avoid paying twice."""


class ApiError(DifyError):
    """The response is not 2xx, or the stream contains an `error` event with a code."""

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
        partial: StreamResult | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> None:
        super().__init__(text, operation=operation, server_version=server_version)
        self.status = status
        """The HTTP status, or the status of the `error` event."""
        self.code = code
        """Dify's error code, such as `invalid_param`. Newer servers may send other codes. None if not
        sent."""
        self.message = message
        """The server's message. It is meant for people and may change: do not compare it."""
        self.params = params
        """The invalid parameter. None if the server does not name it."""
        self.may_have_started = may_have_started
        """True if the run may have started despite the error."""
        self.retry_after = retry_after
        """Seconds to wait before a retry, from the `Retry-After` header. None if not sent."""
        self.trace_id = trace_id
        self.handle = handle
        """Handle of the run, for `workflows.wait` and `attach`. None unless the error was in the stream of a
        run."""
        self.partial = partial
        """The result up to this error. None unless the error was in a stream."""
        self.headers: Mapping[str, str] = dict(headers or {})
        """Headers of the response by lowercase name; secrets are masked. Empty for an `error` event."""
        self.body = body
        """Body of the response; secrets are masked. Empty for an `error` event."""


class BadRequest(ApiError):
    """The request is invalid."""


class InvalidParam(BadRequest):
    """A parameter or an input is missing or invalid. Dify also uses this code for some internal failures."""


class AppUnavailable(BadRequest):
    """The app is not published, or its configuration is invalid."""


class WrongAppMode(BadRequest):
    """The key belongs to another kind of app."""


class ProviderNotInitialized(BadRequest):
    """The workspace has no valid credentials for the model's provider."""


class ModelNotSupported(BadRequest):
    """The app's model cannot be used here."""


class CompletionRequestFailed(BadRequest):
    """The model's provider returned an error; see `message`."""


class WorkflowRequestFailed(BadRequest):
    """The workflow failed. Servers of 2024 only."""


class ConversationCompleted(BadRequest):
    """The conversation is closed: start a new one."""


class InvalidFormData(BadRequest):
    """The values or the action are invalid for the form. The form can still be submitted."""


class Unauthorized(ApiError):
    """The key is missing, unknown or of the wrong kind; on the Web API, the passport is invalid."""


class LoginRequired(Unauthorized):
    """The web app is not public: log in with `client.auth`, or pass `login_token=`."""


class AppAccessDenied(Unauthorized):
    """The user who is logged in may not use the web app; a retry does not help."""


class AuthenticationFailed(Unauthorized):
    """The e-mail address, the password or the code is wrong."""


class Forbidden(ApiError):
    """The key is valid, but the request is not allowed, by the plan or because the API is turned off."""


class KnowledgeRateLimited(Forbidden):
    """The plan's limit on knowledge requests per minute is reached."""


class NotFound(ApiError):
    """There is no such object, or it belongs to another user or app."""


class NotSupportedByServer(NotFound):
    """The server does not have this operation: it is too old, or `base_url` is not the URL of its API."""


class Conflict(ApiError):
    """The object exists already, or is in use."""


class FormClosed(ApiError):
    """The form was submitted already, or has expired."""


class FileTooLarge(ApiError):
    """The upload is larger than Dify, or a proxy in front of it, allows."""


class UnsupportedFileType(ApiError):
    """The declared type of a file or of the request is not accepted."""


class RateLimited(ApiError):
    """Too many requests at the same time; in a stream, too many requests to the model's provider.

    A rejected request was retried as configured by `Retry`, and its run did not start.
    """


class QuotaExceeded(ApiError):
    """A quota is used up: a retry does not help."""


class ServerError(ApiError):
    """The server failed."""


class GatewayError(ServerError):
    """A proxy in front of Dify responded instead of Dify, with a page and not with JSON."""


class RunFailed(DifyError):
    """The run failed."""

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
        """The result of the run: status, error, outputs, tokens."""
        self.handle = handle
        """Handle of the run, for `workflows.wait` and `attach`. None if the run has no record on the
        server."""
        self.node_id = node_id
        """Id of the node that failed. None if the stream did not contain it."""


class RunRejected(RunFailed):
    """The server rejected the run before it started, usually because an input is missing or invalid.

    The run is not retried, because a retry does not help. Servers before 1.15 keep a connection slot for such
    a run for up to 300 seconds (recording: `err_wf_missing_required_input_hang`).
    """

    @property
    def holds_slot(self) -> bool:
        """True if the server keeps a connection slot for the run, as versions before 1.15 do."""
        # Only these versions send no run id.
        return self.handle is None


class RunStopped(RunFailed):
    """The run was stopped by a person, by a stop request, or by the server's time limit."""


class RunPaused(RunFailed):
    """The run waits, usually for a person: see `paused`. Continue it with `workflows.resume` and `handle`."""

    handle: RunHandle
    """Handle of the run, for `workflows.resume`, `wait` and `attach`."""

    @property
    def paused(self) -> Pause:
        """The forms and nodes that the run waits for; the same as `result.paused`."""
        paused: Pause | None = getattr(self.result, "paused", None)
        assert paused is not None, "a paused run has a pause"
        return paused


class IndexingFailed(DifyError):
    """Some documents cannot be searched: they failed, no text was found in them, or they are stuck."""

    def __init__(
        self,
        text: str,
        *,
        report: IndexingReport,
        operation: str | None = None,
        server_version: str | None = None,
    ) -> None:
        super().__init__(text, operation=operation, server_version=server_version)
        self.report = report
        """All documents, with their last known status."""


class JobFailed(DifyError):
    """A background job of the server failed."""

    def __init__(
        self,
        text: str,
        *,
        job: AnnotationJob,
        operation: str | None = None,
        server_version: str | None = None,
    ) -> None:
        super().__init__(text, operation=operation, server_version=server_version)
        self.job = job
        """The job; `error_msg` tells why it failed."""


class StreamInterrupted(DifyError):
    """The stream ended without a terminal event; the run may still be running, and was not stopped."""

    def __init__(
        self,
        text: str,
        *,
        handle: RunHandle | None = None,
        partial: StreamResult | None = None,
        operation: str | None = None,
        server_version: str | None = None,
    ) -> None:
        super().__init__(text, operation=operation, server_version=server_version)
        self.handle = handle
        """Handle of the run, for `workflows.wait` and `attach`. None for messages, which cannot be
        recovered."""
        self.partial = partial
        """The result up to the interruption. None if it is not known."""


class TooLarge(DifyError):
    """An event or a response body is larger than `max_event_bytes`, or an event has too many lines."""

    def __init__(
        self,
        limit: int,
        text: str | None = None,
        *,
        operation: str | None = None,
        server_version: str | None = None,
    ) -> None:
        text = text or (
            f"an event or a response body is larger than max_event_bytes={limit}: pass a larger value to the "
            "client if you expect so much data"
        )
        super().__init__(text, operation=operation, server_version=server_version)
        self.limit = limit
        """The limit in bytes."""
