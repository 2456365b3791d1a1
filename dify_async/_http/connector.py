"""Connections that are fit for runs: probed while silent, checked before reuse, and used for one attempt."""

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
    if hasattr(socket, name)  # Windows and macOS lack some; the system's setting applies there.
}
"""TCP keep-alive: seconds until the first probe, seconds between two, and the number of unanswered probes
after which the connection is lost."""


_READ_AT_ONCE: Final = 120 * 2**10
"""Bytes that are read from a socket in one go.

asyncio allocates so much for each read, 256 KiB by default. The C library keeps less than 128 KiB at hand
(glibc), so each event of a slow stream would map and unmap memory."""


class Connector(aiohttp.TCPConnector):
    """A connector that does not reuse a connection which the server has closed, or sent data to, while idle.

    The event loop may not have noticed either if it was busy. A run sent over such a connection would end
    with an unknown outcome, or with an answer that belongs to another request.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)  # pyright: ignore[reportUnknownMemberType]
        self.transports: WeakSet[asyncio.BaseTransport] = WeakSet()
        """Transports that have been used: a connection over one of them is reused."""

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Any:
        """Return a connection that is new, or usable."""
        while True:
            connection = await super().connect(req, traces, timeout)
            transport: Any = connection.transport
            protocol: Any = connection.protocol
            sock = transport.get_extra_info("socket")
            if transport not in self.transports:
                self.transports.add(transport)
                if hasattr(transport, "max_size"):  # uvloop and TLS have buffers of their own.
                    transport.max_size = _READ_AT_ONCE
                # A run may be silent for minutes. Probes keep firewalls and address translation from dropping
                # the connection, and detect a machine that is gone.
                if sock is not None:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                    for option, value in _PROBES.items():
                        sock.setsockopt(socket.IPPROTO_TCP, option, value)
                return connection
            if sock is not None and not protocol.should_close and not transport.is_closing():
                # `select` cannot take file descriptors above 1023; Windows has no `poll`.
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
    """Keep aiohttp from repeating GET, PUT and DELETE by itself: some GETs of Dify call a model.

    It does so after two kinds of errors, whatever caused them, so they are raised as a third.
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as exc:
        raise aiohttp.ClientConnectionError(reason_of(exc)) from exc
