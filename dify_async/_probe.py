"""Check whether a URL is a Dify server, and which version it runs, without a key."""

from __future__ import annotations

import ssl as tls

import attrs

from dify_async._http.auth import CLOUD, NoAuth, checked_base_url
from dify_async._http.redaction import hidden
from dify_async.clients._base import make_api
from dify_async.errors import ApiError, DecodeError
from dify_async.operations.app import SERVER_INFO
from dify_async.settings import Timeouts


@attrs.frozen
class Probe:
    """The result of `probe`."""

    base_url: str
    """The URL, in the form in which a client would use it."""
    is_dify: bool
    """True if a Dify server responded."""
    version: str | None
    """The server's version. None if it did not send one."""
    detail: str
    """A sentence that describes the response."""


async def probe(
    base_url: str | None = None,
    *,
    timeout: float = 10.0,
    proxy: str | None = None,
    ssl: tls.SSLContext | bool | None = None,
) -> Probe:
    """Check whether a URL is a Dify server, and which version it runs. No key is sent.

    Args:
        base_url: The URL. Default: `DIFY_BASE_URL`, or Dify Cloud. `/v1` is appended if missing.
        timeout: Seconds for the whole call.
        proxy: The URL of an HTTP proxy.
        ssl: An `SSLContext`, or False to turn verification off, as for a client.

    Raises:
        TransportError: no server responds at the URL.
    """
    base_url, proxy = hidden(base_url), hidden(proxy)
    address = checked_base_url(base_url, "DIFY_BASE_URL", CLOUD, "v1")
    api = make_api(
        NoAuth(),
        base_url=address,
        timeouts=Timeouts(connect=timeout, read=timeout, total=timeout),
        retry=0,
        max_concurrent=1,
        on_abandon="stop",
        headers=None,
        session=None,
        proxy=proxy,
        ssl=ssl,
        trace_configs=(),
        limiter=None,
        observer=None,
        max_event_bytes=2**20,
    )
    try:
        info = await api.call(SERVER_INFO, {})
        version = info.server_version or api.transport.server_version
        detail = f"Dify {version} responded" if version else "not a Dify server: the response is other JSON"
    except (ApiError, DecodeError) as error:
        # Every response of Dify contains its version, errors too (recording: `pywsgi_err_401`). Servers from
        # 1.16 on respond with 404 here.
        version = api.transport.server_version
        if version is None:
            detail = f"not a Dify server: {error}"
        elif isinstance(error, ApiError) and error.status == 404:
            detail = f"Dify {version} responded"
        else:
            detail = f"Dify {version} responded with an error: {error}"
    finally:
        await api.transport.close()
    return Probe(address, is_dify=version is not None, version=version, detail=detail)
