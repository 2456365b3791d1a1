"""A response whose body has not been read yet."""

from __future__ import annotations

from collections.abc import Mapping

import aiohttp
import attrs

from dify_async._http.request import Request
from dify_async._http.transport_errors import MAPPED, transport_error_from
from dify_async.errors import TooLarge


@attrs.define(eq=False)
class IncomingResponse:
    """A response whose headers have arrived, and whose body is read in chunks."""

    status: int
    headers: Mapping[str, str]
    may_stream: bool
    """True if the body may be an event stream."""
    _response: aiohttp.ClientResponse = attrs.field(repr=False)
    _request: Request = attrs.field(repr=False)

    async def read_chunk(self) -> bytes:
        """Return what has arrived, or wait for more. Empty at the end of the body.

        Raises:
            Interrupted: `interrupt` was called.
            TransportError: the connection broke, or `Timeouts.read` expired.
        """
        try:
            return await self._response.content.readany()
        except Interrupted:
            raise
        except MAPPED as exc:
            error = transport_error_from(exc, self._request)
            raise error from error.__cause__

    async def read(self, limit: int) -> bytes:
        """Return the whole body.

        Raises:
            TransportError: the connection broke, or `Timeouts.read` expired.
            TooLarge: the body has more bytes than `limit`.
        """
        chunks: list[bytes] = []
        size = 0
        content = self._response.content
        try:
            while chunk := await content.readany():
                chunks.append(chunk)
                size += len(chunk)
                if size > limit:
                    raise TooLarge(limit, operation=self._request.operation.name)  # noqa: TRY301 - closed below
        except MAPPED as exc:
            self._response.close()
            error = transport_error_from(exc, self._request)
            raise error from error.__cause__
        except BaseException:
            self._response.close()
            raise
        if self._request.call is not None:
            self._request.call.received += size
        return b"".join(chunks)

    def interrupt(self) -> None:
        """Make the task that waits in `read_chunk` raise `Interrupted`."""
        self._response.content.set_exception(Interrupted())

    def take_buffered(self) -> bytes:
        """Return data that has arrived but was not read, even after an error."""
        # aiohttp raises a stored error before it returns its buffer, so the error is removed first.
        content = self._response.content
        if content.exception() is not None:
            content.set_exception(None)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        return content.read_nowait()

    def close(self) -> None:
        """Close the connection without draining it: the server may keep a stream open for minutes."""
        self._response.close()


class Interrupted(RuntimeError):
    """Waiting for a chunk was ended by `IncomingResponse.interrupt`."""
