"""Create the errors of calls, with the server's version and with secrets masked."""

from __future__ import annotations

from typing import Any

import attrs

from dify_async._http.auth import Auth
from dify_async._http.odd_responses import describe, with_message
from dify_async._http.redaction import Redactor
from dify_async._http.request import Request, Response
from dify_async._http.response import IncomingResponse
from dify_async._http.transport import Transport
from dify_async._wire.api_errors import error_from_response
from dify_async._wire.decoding.hook import StructureError
from dify_async._wire.operation import Operation
from dify_async.errors import ApiError, DecodeError, TotalTimeout


@attrs.frozen
class CallErrors:
    """Creates the errors of one app's calls."""

    _transport: Transport
    _auth: Auth
    _headers: dict[str, str] = attrs.field(repr=False)

    def context(self, operation: Operation[Any]) -> dict[str, Any]:
        """Return the arguments that all errors of a call have: its operation, and the server's version."""
        return {"operation": operation.name, "server_version": self._transport.server_version}

    def redactor(self, secrets: tuple[str, ...]) -> Redactor:
        """Return a redactor for the secrets of a call and of its client."""
        return Redactor([*self._auth.secrets, *self._headers.values(), *self._transport.secrets, *secrets])

    async def of_response(self, response: IncomingResponse, request: Request) -> ApiError:
        """Return the error for a response that is not 2xx, and close its connection."""
        redactor = self.redactor(request.secrets)
        body = redactor.data(await response.read(self._transport.settings.max_event_bytes))
        response.close()  # The rest of a rejected upload need not be sent.
        return error_from_response(
            request.operation,
            response.status,
            redactor.headers(response.headers),
            body,
            server_version=self._transport.server_version,
        )

    def of_body(self, error: Exception | None, response: Response, request: Request) -> DecodeError:
        """Return the error of a 2xx response with unexpected content.

        Args:
            error: Why its JSON cannot be decoded. None if an event stream was expected.
            response: The response.
            request: The request.
        """
        redactor = self.redactor(request.secrets)
        if isinstance(error, StructureError):
            text = f"the response does not have the expected structure: {error}"
        else:
            expected = "JSON" if error is not None else "an event stream"
            text = with_message(f"expected {expected}, got {describe(response)}", response.body)
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
