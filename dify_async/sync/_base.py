"""The base class of all blocking clients."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from dify_async.clients._base import Client as AsyncClient
from dify_async.clients._base import ClientWithUsers as AsyncClientWithUsers
from dify_async.errors import ConfigurationError
from dify_async.observer import Observer
from dify_async.sync.bridge import current
from dify_async.sync.wrap import Blocking, blocking

P = ParamSpec("P")
ClientT = TypeVar("ClientT", bound="Client")


def client_view(
    method: Callable[Concatenate[Any, P], Any],
) -> Callable[Concatenate[ClientT, P], ClientT]:
    """Return a method that returns a view of the same class as its client."""

    @functools.wraps(method)
    def view(self: ClientT, /, *args: P.args, **kwargs: P.kwargs) -> ClientT:
        return self._view_of(method(self.async_client, *args, **kwargs))  # pyright: ignore[reportPrivateUsage]

    return view


class Client(Blocking):
    """A blocking client of one server."""

    def __init__(self, kind: type[AsyncClient], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if kwargs.get("session") is not None:
            raise ConfigurationError(
                "`session` must be None in blocking clients, because a session belongs to an event loop: use "
                "the clients of dify_async"
            )
        super().__init__(kind(*args, **kwargs))

    @property
    def async_client(self) -> Any:
        """The async client that this client uses, in the event loop of the blocking clients."""
        return self._wrapped

    @property
    def base_url(self) -> str:
        """The server's URL, in the form that is used for requests."""
        return self.async_client.base_url  # type: ignore[no-any-return]

    @property
    def server_version(self) -> str | None:
        """The last version that the server sent (`X-Version`). None before the first response."""
        return self.async_client.server_version  # type: ignore[no-any-return]

    @property
    def observers(self) -> tuple[Observer, ...]:
        """The observers of this client: those it was created with, and those of every client."""
        return self.async_client.observers  # type: ignore[no-any-return]

    request = blocking(AsyncClient.request)
    close = blocking(AsyncClient.close)
    with_options = client_view(AsyncClient.with_options)

    def _view_of(self, async_client: AsyncClient) -> Self:
        """Return a client of the same class for another async client."""
        other = type(self).__new__(type(self))
        other.__dict__.update(self._state())
        other._wrapped = async_client
        return other

    def __enter__(self) -> Self:
        current().call(self.async_client.__aenter__)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        if "_wrapped" not in self.__dict__:
            return f"<{type(self).__name__}, not initialized>"
        return repr(self.async_client)

    def __getstate__(self) -> dict[str, Any]:
        return self._state()

    def _state(self) -> dict[str, Any]:
        """Return the attributes without the resources, which belong to this instance."""
        return {
            name: value
            for name, value in self.__dict__.items()
            if name == "_wrapped" or not isinstance(value, Blocking)
        }


class ClientWithUsers(Client):
    """A blocking client whose calls are made for an end user."""

    @property
    def user(self) -> str | None:
        """The end user that calls are made for."""
        return self.async_client.user  # type: ignore[no-any-return]

    for_user = client_view(AsyncClientWithUsers.for_user)
