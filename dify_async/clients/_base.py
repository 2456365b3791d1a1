"""The base class of all clients: settings, views, custom requests, and closing connections."""

from __future__ import annotations

import copy
import ssl as tls
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar, Unpack, overload

import attrs

from dify_async._http.api import Api, CallDefaults
from dify_async._http.auth import Auth
from dify_async._http.connection_settings import ConnectionSettings
from dify_async._http.headers import checked_headers
from dify_async._http.observing import observers_of
from dify_async._http.paths import custom_request
from dify_async._http.redaction import hidden
from dify_async._http.request import Response
from dify_async._http.transport import Transport
from dify_async._types import Json
from dify_async.errors import ConfigurationError
from dify_async.files import InputFile
from dify_async.observer import Observer
from dify_async.options import CallOptions
from dify_async.resources._base import Resource
from dify_async.settings import Retry, Timeouts, retry_from, timeouts_from

if TYPE_CHECKING:
    import aiohttp

ResourceT = TypeVar("ResourceT", bound=Resource)


class resource(Generic[ResourceT]):  # noqa: N801 - reads as a declaration
    """A descriptor: returns the resource's class on a client class, and a resource on a client.

    The class is imported when it is first used, so a program imports only the resources that it uses.
    """

    def __init__(self, module: str, class_name: str) -> None:
        self._module = f"dify_async.resources.{module}"
        self._class_name = class_name
        self._name = ""

    def __set_name__(self, owner: type[Client], name: str) -> None:
        self._name = name

    @overload
    def __get__(self, client: None, owner: type[Client]) -> type[ResourceT]: ...
    @overload
    def __get__(self, client: Client, owner: type[Client]) -> ResourceT: ...
    def __get__(self, client: Client | None, owner: type[Client]) -> ResourceT | type[ResourceT]:
        kind: type[ResourceT] = getattr(import_module(self._module), self._class_name)
        if client is None:
            return kind
        # Stored in the instance, where it is found before this descriptor.
        found: ResourceT = client.__dict__.setdefault(self._name, kind(client._api))  # pyright: ignore[reportPrivateUsage]
        return found


def make_api(
    auth: Auth,
    *,
    base_url: str,
    timeouts: Timeouts | float | None,
    retry: Retry | int | None,
    max_concurrent: int,
    on_abandon: Literal["stop", "detach"],
    headers: Mapping[str, str] | None,
    session: aiohttp.ClientSession | None,
    proxy: str | None,
    ssl: tls.SSLContext | bool | None,
    trace_configs: Sequence[aiohttp.TraceConfig],
    limiter: Callable[[], AbstractAsyncContextManager[Any]] | None,
    observer: Observer | Sequence[Observer] | None,
    max_event_bytes: int,
) -> Api:
    """Return a client's access to its server; raise `ConfigurationError` for an invalid argument."""
    connection = ConnectionSettings(
        base_url=base_url,
        max_concurrent=max_concurrent,
        session=session,
        proxy=proxy,
        ssl=ssl,
        trace_configs=trace_configs,
        limiter=limiter,
        max_event_bytes=max_event_bytes,
    )
    defaults = CallDefaults(
        timeouts=timeouts_from(timeouts, Timeouts(), "`timeouts`"),
        retry=retry_from(retry, Retry(), "`retry`"),
        on_abandon=_checked_on_abandon(on_abandon),
        headers=checked_headers(headers),
    )
    return Api(Transport(connection), auth, defaults, observers=observers_of(observer))


def _checked_on_abandon(on_abandon: Any) -> Any:
    if on_abandon not in ("stop", "detach"):
        raise ConfigurationError(f'`on_abandon` must be "stop" or "detach", got {on_abandon!r:.100}')
    return on_abandon


class Client:
    """A client of one server."""

    _api: Api
    _owns_connections = True
    """False for views, which do not close the connections."""

    @property
    def base_url(self) -> str:
        """The server's URL, in the form that is used for requests."""
        return self._api.transport.settings.base_url

    @property
    def server_version(self) -> str | None:
        """The last version that the server sent (`X-Version`). None before the first response."""
        return self._api.transport.server_version

    @property
    def observers(self) -> tuple[Observer, ...]:
        """The observers of this client: those it was created with, and those of every client."""
        return self._api.observers.given

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Json = None,
        form: Mapping[str, str] | None = None,
        file: InputFile | None = None,
        **options: Unpack[CallOptions],
    ) -> Response:
        """Send a request to an endpoint this SDK has no method for.

        Errors, timeouts and retries work as for all other requests. POST and PATCH are retried only if they
        certainly had no effect. No end user is added.

        Args:
            method: `GET`, `POST`, ...
            path: Relative to `base_url`, for example `/app/feedbacks`.
            params: The query. None is omitted, booleans become `true` and `false`, lists repeat the key.
            json: The JSON body. None sends no body.
            form: Fields of a multipart form, instead of `json`.
            file: A file in the multipart form, under the name `file`.
            **options: See `CallOptions`.

        Raises:
            ApiError: the response is not 2xx.
            TransportError: no connection, or a timeout expired.
        """
        operation, checked_path = custom_request(method, path)
        request = self._api.build(
            operation, options, query=params, json=json, form=form, file=file, path=checked_path
        )
        return await self._api.exchange(request)

    def with_options(
        self,
        *,
        timeouts: Timeouts | float | None = None,
        retry: Retry | int | None = None,
        headers: Mapping[str, str] | None = None,
        on_abandon: Literal["stop", "detach"] | None = None,
    ) -> Self:
        """Return a view with other settings. It shares the connections and limits of this client.

        Args:
            timeouts: Replaces the client's timeouts; a number limits the whole call, in seconds.
            retry: Replaces the client's retry settings; an int is a number of retries.
            headers: Headers in addition to the client's.
            on_abandon: What happens to runs whose stream is left early: "stop" or "detach".

        Raises:
            ConfigurationError: an argument is invalid.
        """
        headers = hidden(headers)
        old = self._api.defaults
        defaults = CallDefaults(
            timeouts=timeouts_from(timeouts, old.timeouts, "`timeouts`"),
            retry=retry_from(retry, old.retry, "`retry`"),
            on_abandon=_checked_on_abandon(on_abandon) if on_abandon is not None else old.on_abandon,
            headers=old.headers | checked_headers(headers),
        )
        return self._view(attrs.evolve(self._api, defaults=defaults))

    def _view(self, api: Api) -> Self:
        view = copy.copy(self)
        view._api = api
        view._owns_connections = False
        return view

    async def close(self) -> None:
        """Close open streams, stop their runs, and close the connections. Idempotent.

        A `session` that you passed stays open. Closing a view has no effect.
        """
        if self._owns_connections:
            await self._api.transport.close()

    async def __aenter__(self) -> Self:
        if self._owns_connections:
            self._api.transport.closed = False
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __enter__(self) -> None:
        raise TypeError("this client is asynchronous: use `async with`, or a client of dify_async.sync")

    def __exit__(self, *_: object) -> None: ...  # Without it, `with` would not call `__enter__`.

    def __repr__(self) -> str:
        name = type(self).__name__
        if not hasattr(self, "_api"):
            return f"<{name}, not initialized>"  # For tools that print the local variables of a traceback.
        user = f", user={self._api.auth.user!r}" if isinstance(self, ClientWithUsers) else ""
        return f"{name}(base_url={self.base_url!r}{user})"

    def __copy__(self) -> Self:
        other = type(self).__new__(type(self))
        other.__dict__.update(self._state())
        return other

    def __getstate__(self) -> dict[str, Any]:
        return {**self._state(), "_owns_connections": True}

    def _state(self) -> dict[str, Any]:
        """Return the attributes without the resources, which belong to this instance."""
        return {name: value for name, value in self.__dict__.items() if not isinstance(value, Resource)}


class ClientWithUsers(Client):
    """A client whose calls are made for an end user."""

    @property
    def user(self) -> str | None:
        """The end user that calls are made for."""
        return self._api.auth.user

    def for_user(self, user: str) -> Self:
        """Return a view for another end user. It shares the connections and limits of this client.

        Raises:
            ConfigurationError: `user` is not a non-empty str.
        """
        return self._view(attrs.evolve(self._api, auth=self._api.auth.for_user(user)))
