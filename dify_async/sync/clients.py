"""The clients, without `await`."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from dify_async import clients as aio
from dify_async.errors import ConfigurationError
from dify_async.sync.bridge import current
from dify_async.sync.resources import (
    App,
    Audio,
    Auth,
    Chat,
    Completions,
    Conversations,
    Files,
    Forms,
    Messages,
    RemoteFiles,
    SavedMessages,
    System,
    WebApp,
    WebChat,
    WebConversations,
    WebFiles,
    WebForms,
    WebMessages,
    WebWorkflows,
    Workflows,
)
from dify_async.sync.wrap import Resource, blocking, made_with


class _Client(Resource):
    """What all clients are: a way to a server, that is opened, asked and closed."""

    def _made(self, kind: type[Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if kwargs.get("session") is not None:
            raise ConfigurationError("session= is for the clients of dify_async: it belongs to another loop")
        self._set_up(kind(*args, **kwargs))

    def _set_up(self, twin: Any) -> None:
        super().__init__(twin)

    request = blocking(aio.AppClient.request)
    close = blocking(aio.AppClient.close)

    @property
    def user(self) -> str | None:
        """The end user that calls are made for."""
        return self._twin.user  # type: ignore[no-any-return]

    @property
    def base_url(self) -> str:
        """The server's address, as it is used."""
        return self._twin.base_url  # type: ignore[no-any-return]

    @property
    def server_version(self) -> str | None:
        """The last version that the server told (`X-Version`); None before the first answer."""
        return self._twin.server_version  # type: ignore[no-any-return]

    def __enter__(self) -> Self:
        current().call(self._twin.__aenter__)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(self._twin)

    def __getstate__(self) -> Any:
        return self._twin

    def __setstate__(self, twin: Any) -> None:
        self._set_up(twin)


class AppClient(_Client):
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
        self._made(aio.AppClient, args, kwargs)

    def _set_up(self, twin: aio.AppClient) -> None:
        super()._set_up(twin)
        self.workflows = Workflows(twin.workflows)
        self.chat = Chat(twin.chat)
        self.completions = Completions(twin.completions)
        self.conversations = Conversations(twin.conversations)
        self.messages = Messages(twin.messages)
        self.files = Files(twin.files)
        self.audio = Audio(twin.audio)
        self.forms = Forms(twin.forms)
        self.app = App(twin.app)

    def for_user(self, user: str) -> AppClient:
        """Give a view on this client for another end user: same connections and limits, closes nothing."""
        view = AppClient.__new__(AppClient)
        view._set_up(self._twin.for_user(user))
        return view


class WebAppClient(_Client):
    """One web app of Dify, by the code in its address, without `await`.

    ```python
    with WebAppClient("kJ2hQ9xTz4Lm7PwR", user="visitor-81") as web:
        talk = web.chat.conversation()
        print(talk.send("What is on tonight?").answer)
    ```

    Takes the arguments of `dify_async.WebAppClient`, and has all that is said of the blocking `AppClient`.
    """

    _twin: aio.WebAppClient

    @made_with(aio.WebAppClient)
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._made(aio.WebAppClient, args, kwargs)

    def _set_up(self, twin: aio.WebAppClient) -> None:
        super()._set_up(twin)
        self.auth = Auth(twin.auth)
        self.workflows = WebWorkflows(twin.workflows)
        self.chat = WebChat(twin.chat)
        self.completions = Completions(twin.completions)
        self.conversations = WebConversations(twin.conversations)
        self.messages = WebMessages(twin.messages)
        self.saved_messages = SavedMessages(twin.saved_messages)
        self.files = WebFiles(twin.files)
        self.remote_files = RemoteFiles(twin.remote_files)
        self.audio = Audio(twin.audio)
        self.forms = WebForms(twin.forms)
        self.app = WebApp(twin.app)
        self.system = System(twin.system)

    def for_user(self, user: str) -> WebAppClient:
        """Give a view on this client for another end user: same connections and limits, closes nothing."""
        view = WebAppClient.__new__(WebAppClient)
        view._set_up(self._twin.for_user(user))
        return view

    @property
    def app_code(self) -> str:
        """The web app's code."""
        return self._twin.app_code

    @property
    def passport(self) -> str | None:
        """The passport, to be stored and given again as `passport=`; None before the first call. A secret."""
        return self._twin.passport

    @property
    def login_token(self) -> str | None:
        """Who is logged in, to be given again as `login_token=`; None for nobody. A secret."""
        return self._twin.login_token
