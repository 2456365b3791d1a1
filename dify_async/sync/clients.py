"""The clients, without `await`."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from dify_async import clients as aio
from dify_async.errors import ConfigurationError
from dify_async.sync.bridge import current
from dify_async.sync.resources import App, Files, Workflows
from dify_async.sync.wrap import Resource, blocking, made_with


class AppClient(Resource):
    """One app of Dify, by its API key, without `await`.

    ```python
    with AppClient("app-...", user="ada") as client:
        result = client.workflows.run({"city": "Lisbon"})
    ```

    Takes the arguments of `dify_async.AppClient`; a `session` of your own belongs to a loop of your own, so
    it is refused, and a `limiter` is used in the event loop of the blocking clients. Any number of threads
    may share a client. It goes on working in a forked child, with connections of its own, and pickles as its
    settings; the pickle holds the key.
    """

    _twin: aio.AppClient

    @made_with(aio.AppClient)
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if kwargs.get("session") is not None:
            raise ConfigurationError("session= is for the clients of dify_async: it belongs to another loop")
        self._set_up(aio.AppClient(*args, **kwargs))

    def _set_up(self, twin: aio.AppClient) -> None:
        super().__init__(twin)
        self.workflows = Workflows(twin.workflows)
        self.files = Files(twin.files)
        self.app = App(twin.app)

    request = blocking(aio.AppClient.request)
    close = blocking(aio.AppClient.close)

    def for_user(self, user: str) -> AppClient:
        """Give a view on this client for another end user: same connections and limits, closes nothing."""
        view = AppClient.__new__(AppClient)
        view._set_up(self._twin.for_user(user))
        return view

    @property
    def user(self) -> str | None:
        """The end user that calls are made for."""
        return self._twin.user

    @property
    def base_url(self) -> str:
        """The server's address, as it is used."""
        return self._twin.base_url

    @property
    def server_version(self) -> str | None:
        """The last version that the server told (`X-Version`); None before the first answer."""
        return self._twin.server_version

    def __enter__(self) -> Self:
        current().call(self._twin.__aenter__)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(self._twin)

    def __getstate__(self) -> aio.AppClient:
        return self._twin

    def __setstate__(self, twin: aio.AppClient) -> None:
        self._set_up(twin)
