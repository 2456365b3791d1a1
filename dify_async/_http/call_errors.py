"""The errors of calls, with what is known of the server and without its client's secrets."""

from __future__ import annotations

from typing import Any

import attrs

from dify_async._http.auth import Auth
from dify_async._http.odd_responses import described, quoted_words
from dify_async._http.redaction import Redactor
from dify_async._http.request import Request, Response
from dify_async._http.response import IncomingResponse
from dify_async._http.transport import Transport
from dify_async._wire.api_errors import error_from_response
from dify_async._wire.decoding.codegen import StructureError
from dify_async._wire.operation import Operation
from dify_async.errors import ApiError, DecodeError, TotalTimeout


@attrs.frozen
class CallErrors:
    """Make the errors of one app's calls."""

    _transport: Transport
    _auth: Auth
    _headers: dict[str, str] = attrs.field(repr=False)

    def context(self, operation: Operation[Any]) -> dict[str, Any]:
        """Return what errors say of a call: its operation, and the server's version."""
        return {"operation": operation.name, "server_version": self._transport.server_version}

    def redactor(self, secrets: tuple[str, ...]) -> Redactor:
        """Return what masks the secrets of a call and of its client."""
        return Redactor([*self._auth.secrets, *self._headers.values(), *self._transport.secrets, *secrets])

    async def of_response(self, response: IncomingResponse, request: Request) -> ApiError:
        """Return the error that a response means, and close its connection."""
        redactor = self.redactor(request.secrets)
        body = redactor.data(await response.read(self._transport.settings.max_event_bytes))
        response.close()  # The rest of an upload that was rejected is not worth sending.
        return error_from_response(
            request.operation,
            response.status,
            redactor.headers(response.headers),
            body,
            server_version=self._transport.server_version,
        )

    def of_body(self, error: Exception | None, response: Response, request: Request) -> DecodeError:
        """Return the error of a 2xx response that is not what was expected.

        Args:
            error: Why its JSON cannot be decoded; None for a response that should be an event stream.
            response: The response.
            request: What it responds to.
        """
        redactor = self.redactor(request.secrets)
        if isinstance(error, StructureError):
            text = f"the response does not have the expected shape: {error}"
        else:
            expected = "JSON" if error is not None else "an event stream"
            text = quoted_words(f"expected {expected}, got {described(response)}", response.body)
        decode_error = DecodeError(
            redactor.text(text),
            raw=redactor.data(response.body),
            **self.context(request.operation),
        )
        return request.traced(decode_error)

    def of_total(self, request: Request) -> TotalTimeout:
        """Return the error of `Timeouts.total`."""
        error = TotalTimeout(
            f"not complete after {request.timeouts.total:g} s (Timeouts.total)",
            may_have_started=request.operation.starts_run and request.attempts > 0,
            **self.context(request.operation),
        )
        return request.traced(error)
