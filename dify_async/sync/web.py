"""The blocking client of a web app: one line per method."""

from __future__ import annotations

from typing import Any

from dify_async._http.redaction import hidden_settings
from dify_async.clients import web as clients
from dify_async.resources.web import (
    app,
    auth,
    chat,
    conversations,
    files,
    forms,
    messages,
    remote_files,
    saved_messages,
    system,
    workflows,
)
from dify_async.sync._base import ClientWithUsers
from dify_async.sync.app import Audio, ChatConversation, Completions, FollowedRuns, Forms, Messages
from dify_async.sync.wrap import (
    Blocking,
    blocking,
    blocking_pager,
    blocking_stream,
    blocking_view,
    resource,
    with_arguments_of,
)


class Auth(Blocking):
    """Log in to web apps that are not public. Community servers and Dify Cloud have only public apps."""

    passport = blocking(auth.Auth.passport)
    login = blocking(auth.Auth.login)
    send_login_code = blocking(auth.Auth.send_login_code)
    login_with_code = blocking(auth.Auth.login_with_code)
    send_password_reset = blocking(auth.Auth.send_password_reset)
    check_password_reset = blocking(auth.Auth.check_password_reset)
    reset_password = blocking(auth.Auth.reset_password)
    status = blocking(auth.Auth.status)
    logout = blocking(auth.Auth.logout)


class WebWorkflows(FollowedRuns):
    """Run workflows, and wait for, follow, stop and inspect runs."""

    run = blocking(workflows.WebWorkflows.run)
    stream = blocking_stream(workflows.WebWorkflows.stream)
    submit = blocking(workflows.WebWorkflows.submit)


class WebChat(Blocking):
    """Chat with chat, agent and chatflow apps."""

    send = blocking(chat.WebChat.send)
    stream = blocking_stream(chat.WebChat.stream)
    stop = blocking(chat.WebChat.stop)
    conversation = blocking_view(chat.WebChat.conversation, ChatConversation)


class WebConversations(Blocking):
    """Conversations of the end user that were started through this API."""

    list = blocking_pager(conversations.WebConversations.list)
    delete = blocking(conversations.WebConversations.delete)
    rename = blocking(conversations.WebConversations.rename)
    pin = blocking(conversations.WebConversations.pin)
    unpin = blocking(conversations.WebConversations.unpin)


class WebMessages(Messages):
    """The messages of conversations and completions."""

    more_like_this = blocking(messages.WebMessages.more_like_this)


class SavedMessages(Blocking):
    """Answers of completion apps that the end user has saved."""

    list = blocking_pager(saved_messages.SavedMessages.list)
    save = blocking(saved_messages.SavedMessages.save)
    delete = blocking(saved_messages.SavedMessages.delete)


class WebFiles(Blocking):
    """Upload files for inputs and messages, and download files of answers and runs."""

    upload = blocking(files.WebFiles.upload)
    download = blocking(files.WebFiles.download)


class RemoteFiles(Blocking):
    """Files at URLs, which the server fetches."""

    info = blocking(remote_files.RemoteFiles.info)
    upload = blocking(remote_files.RemoteFiles.upload)


class WebForms(Forms):
    """Forms that paused runs wait for, and files for their inputs."""

    upload_token = blocking(forms.WebForms.upload_token)
    upload = blocking(forms.WebForms.upload)


class WebApp(Blocking):
    """Information about the web app: its page, its input form, and who may use it."""

    site = blocking(app.WebApp.site)
    parameters = blocking(app.WebApp.parameters)
    meta = blocking(app.WebApp.meta)
    access_mode = blocking(app.WebApp.access_mode)
    permission = blocking(app.WebApp.permission)


class System(Blocking):
    """Information about the server."""

    features = blocking(system.System.features)


class WebAppClient(ClientWithUsers):
    """A blocking client of the Web API for one Dify app, with the code in the app's URL instead of a key.

    ```python
    with WebAppClient("kJ2hQ9xTz4Lm7PwR", user="visitor-81") as web:
        conversation = web.chat.conversation()
        print(conversation.send("What is on tonight?").answer)
    ```

    It takes the same arguments as `dify_async.WebAppClient`, except `session`. Threads, forks and pickling
    work as for the blocking `AppClient`.
    """

    auth = resource(Auth)
    workflows = resource(WebWorkflows)
    chat = resource(WebChat)
    completions = resource(Completions)
    conversations = resource(WebConversations)
    messages = resource(WebMessages)
    saved_messages = resource(SavedMessages)
    files = resource(WebFiles)
    remote_files = resource(RemoteFiles)
    audio = resource(Audio)
    forms = resource(WebForms)
    app = resource(WebApp)
    system = resource(System)

    @with_arguments_of(clients.WebAppClient)
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs = hidden_settings(kwargs)
        super().__init__(clients.WebAppClient, args, kwargs)

    @property
    def app_code(self) -> str:
        """The web app's code."""
        return self.async_client.app_code  # type: ignore[no-any-return]

    @property
    def passport(self) -> str | None:
        """The passport, which is a secret; pass it as `passport=` later. None before the first call."""
        return self.async_client.passport  # type: ignore[no-any-return]

    @property
    def login_token(self) -> str | None:
        """The login, which is a secret; pass it as `login_token=` later. None without a login."""
        return self.async_client.login_token  # type: ignore[no-any-return]
