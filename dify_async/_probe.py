"""Is there a Dify, and which one? Asked without a key."""

from __future__ import annotations

import ssl as tls

import attrs

from dify_async._core import operations
from dify_async._core.core import Core
from dify_async._core.identity import Anonymous, checked_base_url
from dify_async._core.transport import Settings, Transport
from dify_async.clients import CLOUD
from dify_async.errors import ApiError, DecodeError
from dify_async.settings import Retry, Timeouts


@attrs.frozen
class Probe:
    """What was found at an address."""

    base_url: str
    """The address, as a client would use it."""
    is_dify: bool
    version: str | None
    """The server's version, where it told."""
    detail: str
    """What answered, in a sentence."""


async def probe(
    base_url: str | None = None,
    *,
    timeout: float = 10.0,
    proxy: str | None = None,
    ssl: tls.SSLContext | bool | None = None,
) -> Probe:
    """Say whether a Dify answers at an address, and which version. Sends no key.

    Args:
        base_url: The address. Default: `DIFY_BASE_URL`, or Dify's cloud. `/v1` is appended if missing.
        timeout: Seconds for the whole call.
        proxy: The URL of an HTTP proxy.
        ssl: As for a client.

    Raises:
        TransportError: nothing answers there.
    """
    address = checked_base_url(base_url, "DIFY_BASE_URL", CLOUD, "v1")
    clocks = Timeouts(connect=timeout, read=timeout, total=timeout)
    transport = Transport(
        Settings(base_url=address, timeouts=clocks, retry=Retry(attempts=1), proxy=proxy, ssl=ssl)
    )
    try:
        info = await Core(transport, Anonymous()).call(operations.SERVER_INFO)
        version = info.server_version or transport.server_version
        detail = f"Dify {version} answers" if version else "something else answers: its JSON is not Dify's"
    except (ApiError, DecodeError) as error:
        # Every answer of Dify names its version, refusals too (recording: `pywsgi_err_401`).
        version = transport.server_version
        detail = f"Dify {version} answers, with an error: {error}" if version else f"no Dify answers: {error}"
    finally:
        await transport.close()
    return Probe(address, is_dify=version is not None, version=version, detail=detail)
