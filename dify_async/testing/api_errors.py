"""Error responses with the bodies of a real server (recordings: `err_*`)."""

from __future__ import annotations

from typing import Final

UNREADABLE: Final = "The browser (or proxy) sent a request that this server could not understand."

_UNAVAILABLE: Final = "App unavailable, please check your app configurations."
_UNKNOWN_URL: Final = "The requested URL was not found on the server."
_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="api"'}


class ErrorResponse(Exception):
    """Ends the request with an error response in Dify's JSON."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers
        self.body = {"code": code, "message": message, "status": status}


def not_found(message: str = _UNKNOWN_URL) -> ErrorResponse:
    """Return the error for a record that does not exist."""
    return ErrorResponse(404, "not_found", message)


def unauthorized(message: str, code: str = "unauthorized") -> ErrorResponse:
    """Return the error for missing or wrong credentials."""
    return ErrorResponse(401, code, message, _CHALLENGE)


def crashed() -> ErrorResponse:
    """Return the error of an unexpected failure of the server."""
    return ErrorResponse(500, "unknown", "Internal Server Error")


def unavailable() -> ErrorResponse:
    """Return the error of an app that cannot serve the request."""
    return ErrorResponse(400, "app_unavailable", _UNAVAILABLE)


def invalid_param(message: str) -> ErrorResponse:
    """Return the error for a parameter that the server rejects with a message."""
    return ErrorResponse(400, "invalid_param", message)


def invalid(model: str, field: str, problem: str) -> ErrorResponse:
    """Return the error of Dify's validator, without the parts that vary."""
    return invalid_param(f"1 validation error for {model}\n{field}\n  {problem}")


def missing(model: str, field: str) -> ErrorResponse:
    """Return the validator's error for a field that is required."""
    return invalid(model, field, "Field required [type=missing]")
