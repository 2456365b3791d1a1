"""Log to standard error: warnings always; retries with `-v`; requests with `-vv`."""

from __future__ import annotations

import logging
import re
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Final

from dify_async.cli.output import say
from dify_async.cli.terms import in_terms_of_the_command

if TYPE_CHECKING:
    import aiohttp

_SECRET_IN_PATH: Final = re.compile(r"(/form/human_input/)[^/]+")
_log: Final = logging.getLogger("dify_async.cli")


class _StandardError(logging.Handler):
    has_warned = False

    def emit(self, record: logging.LogRecord) -> None:
        self.has_warned |= record.levelno >= logging.WARNING
        say(in_terms_of_the_command(record.getMessage()))


_handler: Final = _StandardError()


def report_warnings() -> None:
    """Show the warnings of the SDK."""
    logging.getLogger("dify_async").addHandler(_handler)


def log_more(verbosity: int) -> None:
    """Show what the SDK logs below warnings: 1 for retries and recovery, 2 or more for everything."""
    if verbosity:
        logging.getLogger("dify_async").setLevel(logging.INFO if verbosity == 1 else logging.DEBUG)


def has_warned() -> bool:
    """Return True if the SDK has logged a warning, such as that a run could not be stopped."""
    return _handler.has_warned


def request_log() -> aiohttp.TraceConfig:
    """Return a configuration that logs each request: method, path, status and time; no query, no headers."""
    import aiohttp  # noqa: PLC0415 - for this option only

    async def started(_: object, context: SimpleNamespace, __: aiohttp.TraceRequestStartParams) -> None:
        context.started = time.monotonic()

    async def ended(
        _: object,
        context: SimpleNamespace,
        request: aiohttp.TraceRequestEndParams,
    ) -> None:
        took = time.monotonic() - context.started
        _log.debug("%s: %d after %.3f s", _named(request), request.response.status, took)

    async def failed(
        _: object, context: SimpleNamespace, request: aiohttp.TraceRequestExceptionParams
    ) -> None:
        took = time.monotonic() - context.started
        _log.debug("%s: %s after %.3f s", _named(request), type(request.exception).__name__, took)

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(started)
    trace.on_request_end.append(ended)
    trace.on_request_exception.append(failed)
    return trace


def _named(request: aiohttp.TraceRequestEndParams | aiohttp.TraceRequestExceptionParams) -> str:
    url = request.url
    path = _SECRET_IN_PATH.sub(r"\1***", url.raw_path)
    return f"{request.method} {url.origin()}{path}"
