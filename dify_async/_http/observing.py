"""Notify observers and logs of calls."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final, Self

from yarl import URL

from dify_async._http.headers import checked_headers
from dify_async._http.logs import LogObserver
from dify_async._http.request import Request
from dify_async.errors import ConfigurationError, DifyError
from dify_async.observer import Call, Observer, Run

_log: Final = logging.getLogger("dify_async.observer")

_DEFAULTS: Final[list[Observer]] = []
"""Observers of all clients that are created from now on."""


class Observers:
    """The observers of one client, and its logs. Their exceptions are logged once per method, and ignored."""

    def __init__(self, observers: tuple[Observer, ...]) -> None:
        self.given = observers
        """The observers in addition to the logs."""
        self._methods = {
            name: tuple(
                getattr(observer, name)
                for observer in (*observers, LogObserver())
                if getattr(type(observer), name) is not default
            )
            for name, default in vars(Observer).items()
            if not name.startswith("_")
        }
        self._reported: set[object] = set()

    def __reduce__(self) -> tuple[type[Self], tuple[tuple[Observer, ...]]]:
        return type(self), (self.given,)

    def notify(self, name: str, *arguments: object) -> None:
        """Call a method of all observers."""
        for method in self._methods[name]:
            try:
                method(*arguments)
            except (Exception, asyncio.CancelledError):  # noqa: BLE001 - the user's code
                if method not in self._reported:
                    self._reported.add(method)
                    _log.exception(
                        "%s raised an exception; it is ignored, and so are further ones", method.__qualname__
                    )

    @contextmanager
    def watch(self, request: Request, base_url: str, run: Run | None) -> Generator[None]:
        """Notify of the start of a call, and of its end with the error, if any."""
        call = Call(
            operation=request.operation.name,
            host=host_of(request.url),
            starts_run=request.operation.starts_run,
            run=run,
        )
        request.call = call
        self.notify("operation_started", call)
        if call.headers and request.url.startswith(base_url):
            _add_headers(call.headers, request)
        try:
            yield
        except BaseException as error:
            self._end(request, call, error)
            raise
        self._end(request, call, None)

    def attempt_failed(self, call: Call, attempts: int, error: DifyError, delay: float | None) -> None:
        """Notify that an attempt failed."""
        _note_attempts(call, attempts)
        self.notify("attempt_failed", call, error, delay)
        if delay is not None:
            call.status = None

    def _end(self, request: Request, call: Call, error: BaseException | None) -> None:
        request.call = None
        _note_attempts(call, request.attempts)
        call.ended_at = time.monotonic()
        self.notify("operation_ended", call, error)


NO_OBSERVERS: Final = Observers(())


def _note_attempts(call: Call, attempts: int) -> None:
    call.attempts = attempts
    if call.run is not None and call.operation == call.run.operation:
        call.run.attempts = attempts


def _add_headers(headers: dict[str, str], request: Request) -> None:
    """Add the headers of observers to a request. Headers of the request take precedence."""
    try:
        added = checked_headers(headers, "call.headers")
    except ConfigurationError as error:
        _log.warning("the headers of an observer are not sent: %s", error)
        return
    known = {name.lower() for name in request.headers}
    request.headers |= {name: value for name, value in added.items() if name.lower() not in known}


def observers_of(observer: object) -> Observers:
    """Return the observers of the setting `observer`, and those of every client.

    Raises:
        ConfigurationError: `observer` is neither an observer nor a list of observers.
    """
    given: object = () if observer is None else observer
    found: tuple[object, ...] = tuple(given) if isinstance(given, list | tuple) else (given,)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    observers = [one for one in found if isinstance(one, Observer)]
    if len(observers) != len(found):
        raise ConfigurationError(
            f"`observer` must be a dify_async.Observer or a list of them, got {observer!r:.100}"
        )
    kinds = {type(one) for one in observers}
    return Observers((*observers, *(one for one in _DEFAULTS if type(one) not in kinds)))


def observe_all_clients(observer: Observer) -> None:
    """Add an observer to every client that is created from now on, unless it has one of the same class."""
    _DEFAULTS.append(observer)


def stop_observing(observer: Observer) -> None:
    """Undo `observe_all_clients` for clients that are created from now on."""
    _DEFAULTS[:] = [one for one in _DEFAULTS if one is not observer]


def host_of(url: str) -> str:
    """Return host and port of a URL: no credentials, path or query."""
    parsed = URL(url, encoded=True)
    host = parsed.host or ""
    return host if parsed.is_default_port() else f"{host}:{parsed.port}"
