"""Map the exceptions of aiohttp, yarl and asyncio to errors of this package."""

from __future__ import annotations

import ssl as tls
from typing import Any

import aiohttp

from dify_async._http.request import Request
from dify_async._http.uploads import BodyNotAccepted
from dify_async.errors import (
    ConfigurationError,
    ConnectionFailed,
    ConnectTimeout,
    DifyError,
    IdleTimeout,
    OutcomeUnknown,
    ReadTimeout,
    TransportError,
)

MAPPED = (aiohttp.ClientError, OSError, ValueError, RuntimeError, BodyNotAccepted)
"""Exceptions of aiohttp: `ValueError` for invalid URLs and credentials, `RuntimeError` for a closed
session."""


def transport_error_from(
    exc: Exception, request: Request, *, is_stream: bool = False, **context: Any
) -> DifyError:
    """Return the error for an exception of aiohttp; `context` is passed to its constructor."""
    kind, text, sent = _meaning(exc, request)
    if is_stream and isinstance(exc, aiohttp.SocketTimeoutError):
        return idle_timeout(request, **context)
    if kind is ConfigurationError:
        error: DifyError = ConfigurationError(text, operation=request.operation.name, **context)
    else:
        starts_run = request.operation.starts_run
        if kind is ConnectionFailed and sent and starts_run:
            kind = OutcomeUnknown
            text += "; the run may have started, so it was not sent again"
        error = kind(text, operation=request.operation.name, may_have_started=sent, **context)
    # This exception quotes the response, so it must not be shown as the cause.
    error.__cause__ = None if isinstance(exc, aiohttp.ClientResponseError) else exc
    return error


def idle_timeout(request: Request, **context: Any) -> IdleTimeout:
    """Return the error of `Timeouts.idle`."""
    return IdleTimeout(
        f"no data for {request.timeouts.idle:g} s, not even a ping (Timeouts.idle)",
        operation=request.operation.name,
        may_have_started=True,
        **context,
    )


def _meaning(exc: Exception, request: Request) -> tuple[type[Any], str, bool]:
    """Return the error's class, its text, and whether the request may have reached the server."""
    timeouts = request.timeouts
    match exc:
        case DifyError():
            return TransportError, str(exc), True
        case aiohttp.ConnectionTimeoutError():
            return ConnectTimeout, f"no connection within {timeouts.connect:g} s (Timeouts.connect)", False
        case aiohttp.SocketTimeoutError():
            return ReadTimeout, f"no data for {timeouts.read:g} s (Timeouts.read)", True
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            text = f"TLS failed: {reason_of(exc)}; pass ssl= to use your own CA"
            return ConnectionFailed, text, False
        case aiohttp.ClientHttpProxyError():
            return ConnectionFailed, f"the proxy rejected the connection: {exc.status}", False
        case aiohttp.ClientProxyConnectionError():
            return ConnectionFailed, f"the proxy cannot be reached: {reason_of(exc)}", False
        case aiohttp.ClientConnectorError():
            return ConnectionFailed, f"no connection to {exc.host}:{exc.port}: {reason_of(exc)}", False
        case aiohttp.ClientResponseError() | aiohttp.ClientPayloadError() if _is_encoding_error(exc):
            text = "the response is compressed with a Content-Encoding that cannot be decoded"
            return ConnectionFailed, text, True
        case aiohttp.ClientResponseError():
            # Its message quotes the response, which may be long and may contain secrets of the request.
            return ConnectionFailed, "malformed HTTP response", True
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError() | UnicodeError():
            return ConfigurationError, f"the URL is invalid: {reason_of(exc)}", False
        case aiohttp.ClientError() | OSError():
            if isinstance(exc.__cause__, BodyNotAccepted):
                return ReadTimeout, _not_accepted(request), True
            return ConnectionFailed, f"the connection broke: {reason_of(exc)}", True
        case BodyNotAccepted():
            return ReadTimeout, _not_accepted(request), True
        case tls.SSLError():
            return ConnectionFailed, f"TLS failed: {reason_of(exc)}", False
        case ValueError() if "Cannot combine AUTHORIZATION" in str(exc):
            text = (
                "the session passed as session= has trust_env=True and adds a login from the netrc file, "
                "which would replace the API key: remove one of them"
            )
            return ConfigurationError, text, False
        case RuntimeError() if str(exc) == "Session is closed":
            return ConfigurationError, "the session passed as session= is closed", False
        case RuntimeError():
            return ConnectionFailed, f"the connection broke: {reason_of(exc)}", True
        case _:
            return ConfigurationError, f"the request cannot be sent: {reason_of(exc)}", False


def _not_accepted(request: Request) -> str:
    return f"the server read no data of the request for {request.timeouts.read:g} s (Timeouts.read)"


def _is_encoding_error(exc: Exception) -> bool:
    return "decode content-encoding" in str(exc).lower()


def reason_of(exc: Exception) -> str:
    """Return the message of an exception, or the name of its class if it has no message."""
    return getattr(exc, "strerror", None) or str(exc) or type(exc).__name__
