"""Convert errors of runs to HTTP responses of your service."""

from __future__ import annotations

import math
from typing import Final

import attrs

from dify_async import errors
from dify_async._types import Json
from dify_async.errors import ApiError, DifyError

_STATUSES: Final[dict[type[DifyError], int]] = {
    errors.ConfigurationError: 500,
    errors.ConnectTimeout: 504,
    errors.ReadTimeout: 504,
    errors.IdleTimeout: 504,
    errors.TotalTimeout: 504,
    # Errors in the caller's request.
    errors.BadRequest: 400,
    errors.InvalidParam: 400,
    errors.InvalidFormData: 400,
    errors.ConversationCompleted: 400,
    errors.RunRejected: 400,
    errors.AuthenticationFailed: 401,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.FormClosed: 412,
    errors.FileTooLarge: 413,
    errors.UnsupportedFileType: 415,
    errors.RateLimited: 429,
    errors.KnowledgeRateLimited: 429,
    # Errors that the caller cannot fix.
    errors.QuotaExceeded: 503,
    errors.RunPaused: 202,
}
"""Statuses of errors. Classes that are not listed are failures of the server or of its configuration: 502."""

_PASSED_ON: Final = frozenset({503, 504})
"""Statuses of server errors that are more specific than 502."""


@attrs.frozen(kw_only=True)
class HttpError:
    """An error as your service reports it to its caller."""

    status: int
    """The HTTP status."""
    code: str
    """Dify's error code, or the name of the error's class."""
    message: str
    """A message for people. Contains text from the server only if `status` is below 500."""
    retry_after: int | None = None
    """Seconds that the server asks to wait. None if it does not say."""

    @property
    def headers(self) -> dict[str, str]:
        """The header `Retry-After`, if the server sent it."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}

    @property
    def body(self) -> dict[str, Json]:
        """The JSON of the response, in Dify's form: `code`, `message` and `status`."""
        return {"code": self.code, "message": self.message, "status": self.status}


def http_error(error: DifyError) -> HttpError:
    """Return the HTTP response for an error.

    Errors in the caller's request (inputs, files, ids, too many requests) have the server's status and
    message. All others are 502, 503 or 504 and contain only the kind of error: a wrong API key is not a 401
    for the caller. A run that waits for a person is 202.
    """
    status = _STATUSES.get(type(error), 502)
    retry_after = None
    if isinstance(error, ApiError):
        if isinstance(error, errors.ServerError) and error.status in _PASSED_ON:
            status = error.status
        if error.retry_after is not None and status in {429, 503}:
            retry_after = math.ceil(error.retry_after)
    code = error.code if isinstance(error, ApiError) and error.code and status < 500 else type(error).__name__
    return HttpError(status=status, code=code, message=_message(error, status), retry_after=retry_after)


def _message(error: DifyError, status: int) -> str:
    if isinstance(error, errors.RunPaused):
        return "the run waits for a person"
    if status < 500 and isinstance(error, ApiError):
        return error.message
    if status < 500:
        return str(error.args[0])
    if isinstance(error, errors.RunFailed):
        return "the run failed"
    return "the run could not be followed to its end"
