"""Connections for runs: with TCP keep-alive, checked before reuse, and without automatic retries."""

from __future__ import annotations

import asyncio
import select
import socket
from typing import Any, Final
from weakref import WeakSet

import aiohttp

from dify_async._http.transport_errors import reason_of

_PROBES: Final[dict[int, int]] = {
    getattr(socket, name): value
    for name, value in {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 20, "TCP_KEEPCNT": 5}.items()
    if hasattr(socket, name)  # Windows and macOS do not have all of them; there the system's defaults apply.
}
"""TCP keep-alive: seconds until the first probe, seconds between two probes, and the number of unanswered
probes after which the connection is lost."""


_READ_AT_ONCE: Final = 120 * 2**10
"""Number of bytes that are read from a socket at once.

asyncio allocates this size for each read; its default is 256 KiB. The C library maps and unmaps large blocks
each time (128 KiB and more in glibc), so each event of a slow stream would be slower."""


class Connector(aiohttp.TCPConnector):
    """A connector that does not reuse connections that the server closed, or sent data on, while idle.

    A busy event loop may not have noticed this yet. A run that is sent over such a connection would end with
    an unknown outcome, or with a response that belongs to another request.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)  # pyright: ignore[reportUnknownMemberType]
        self.transports: WeakSet[asyncio.BaseTransport] = WeakSet()
        """Transports that were used before."""

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Any:
        """Return a new connection, or one that can be reused."""
        while True:
            connection = await super().connect(req, traces, timeout)
            transport: Any = connection.transport
            protocol: Any = connection.protocol
            sock = transport.get_extra_info("socket")
            if transport not in self.transports:
                self.transports.add(transport)
                if hasattr(transport, "max_size"):  # uvloop and TLS have separate buffers.
                    transport.max_size = _READ_AT_ONCE
                # A run may be silent for minutes. Probes keep firewalls and address translation from dropping
                # the connection, and detect a server that is down.
                if sock is not None:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                    for option, value in _PROBES.items():
                        sock.setsockopt(socket.IPPROTO_TCP, option, value)
                return connection
            if sock is not None and not protocol.should_close and not transport.is_closing():
                # `select` does not support file descriptors above 1023, and Windows has no `poll`.
                if hasattr(select, "poll"):
                    poll = select.poll()
                    poll.register(sock, select.POLLIN)
                    has_data = bool(poll.poll(0))
                else:
                    has_data = bool(select.select([sock], [], [], 0)[0])
                if not has_data:
                    return connection
            connection.close()


async def send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Prevent aiohttp's automatic retries of GET, PUT and DELETE, because some GETs of Dify call a model.

    aiohttp retries after two kinds of exceptions, so these are converted to another kind.
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as exc:
        raise aiohttp.ClientConnectionError(reason_of(exc)) from exc
