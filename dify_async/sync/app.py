"""The blocking client of an app's Service API: one line per method."""

from __future__ import annotations

from typing import Any

from dify_async._http.redaction import hidden, hidden_settings
from dify_async.clients import app as clients
from dify_async.resources import conversation, followed_runs
from dify_async.resources.app import (
    app,
    audio,
    chat,
    completions,
    conversations,
    end_users,
    files,
    forms,
    messages,
    workflows,
)
from dify_async.resources.app.annotations import Annotations as AsyncAnnotations
from dify_async.sync._base import ClientWithUsers, client_view
from dify_async.sync.wrap import (
    Blocking,
    blocking,
    blocking_batch,
    blocking_pager,
    blocking_stream,
    blocking_view,
    resource,
    with_arguments_of,
)


class FollowedRuns(Blocking):
    """Runs of workflows and chatflows, by their ids or handles."""

    attach = blocking_stream(followed_runs.FollowedRuns.attach)
    wait = blocking(followed_runs.FollowedRuns.wait)
    resume = blocking_stream(followed_runs.FollowedRuns.resume)
    stop = blocking(followed_runs.FollowedRuns.stop)


class Workflows(FollowedRuns):
    """Run workflows, and wait for, follow, stop and inspect runs. For keys of workflow apps."""

    run = blocking(workflows.Workflows.run)
    stream = blocking_stream(workflows.Workflows.stream)
    submit = blocking(workflows.Workflows.submit)
    run_many = blocking_batch(workflows.Workflows.run_many)
    get = blocking(workflows.Workflows.get)
    logs = blocking_pager(workflows.Workflows.logs)


class ChatConversation(Blocking):
    """A conversation: each message follows the last one, so that the model remembers.

    ```python
    conversation = client.chat.conversation()
    conversation.send("My name is Ada.")
    print(conversation.send("What is my name?").answer)
    ```

    Send one message at a time: a message that is sent before the last answer has begun starts another
    conversation, or follows the same message as the last one.
    """

    @property
    def user(self) -> str | None:
        """The end user. None if the server chooses one, as it does for visitors of a web app."""
        return self._wrapped.user  # type: ignore[no-any-return]

    @property
    def conversation_id(self) -> str | None:
        """The conversation's id. None before the first answer has begun."""
        return self._wrapped.conversation_id  # type: ignore[no-any-return]

    @property
    def last_message_id(self) -> str | None:
        """Id of the message that the next one will follow. None before the first answer has begun."""
        return self._wrapped.last_message_id  # type: ignore[no-any-return]

    send = blocking(conversation.ChatConversation.send)
    stream = blocking_stream(conversation.ChatConversation.stream)


class Chat(Blocking):
    """Chat with chat, agent and chatflow apps."""

    send = blocking(chat.Chat.send)
    stream = blocking_stream(chat.Chat.stream)
    send_many = blocking_batch(chat.Chat.send_many)
    conversation = blocking_view(chat.Chat.conversation, ChatConversation)
    stop = blocking(chat.Chat.stop)


class Completions(Blocking):
    """Generate text with completion apps."""

    create = blocking(completions.Completions.create)
    create_many = blocking_batch(completions.Completions.create_many)
    stream = blocking_stream(completions.Completions.stream)
    stop = blocking(completions.Completions.stop)


class Conversations(Blocking):
    """Conversations of the end user that were started through this API."""

    list = blocking_pager(conversations.Conversations.list)
    delete = blocking(conversations.Conversations.delete)
    rename = blocking(conversations.Conversations.rename)
    variables = blocking_pager(conversations.Conversations.variables)
    update_variable = blocking(conversations.Conversations.update_variable)


class Messages(Blocking):
    """The messages of conversations."""

    list = blocking_pager(messages.Messages.list)
    feedback = blocking(messages.Messages.feedback)
    suggested = blocking(messages.Messages.suggested)


class Files(Blocking):
    """Upload files, and read the files of messages."""

    upload = blocking(files.Files.upload)
    preview = blocking(files.Files.preview)
    download = blocking(files.Files.download)


class Audio(Blocking):
    """Turn speech into text, and text into speech."""

    transcribe = blocking(audio.Audio.transcribe)
    speak = blocking(audio.Audio.speak)


class Forms(Blocking):
    """Forms that paused runs wait for."""

    get = blocking(forms.Forms.get)
    submit = blocking(forms.Forms.submit)


class App(Blocking):
    """Information about the app that the key belongs to. These calls need no end user."""

    info = blocking(app.App.info)
    parameters = blocking(app.App.parameters)
    meta = blocking(app.App.meta)
    site = blocking(app.App.site)
    feedbacks = blocking_pager(app.App.feedbacks)


class Annotations(Blocking):
    """The app's annotations, and whether it replies with them. None of these calls needs an end user.

    ```python
    job = client.annotations.switch_reply(
        "enable", score_threshold=0.9, embedding_provider_name="openai", embedding_model_name="..."
    )
    client.annotations.wait(job)
    ```
    """

    list = blocking_pager(AsyncAnnotations.list)
    create = blocking(AsyncAnnotations.create)
    update = blocking(AsyncAnnotations.update)
    delete = blocking(AsyncAnnotations.delete)
    switch_reply = blocking(AsyncAnnotations.switch_reply)
    job = blocking(AsyncAnnotations.job)
    wait = blocking(AsyncAnnotations.wait)


class EndUsers(Blocking):
    """The end users of the app."""

    get = blocking(end_users.EndUsers.get)


class AppClient(ClientWithUsers):
    """A blocking client of the Service API for one Dify app, with an API key.

    ```python
    with AppClient("app-...", user="ada") as client:
        result = client.workflows.run({"city": "Lisbon"})
    ```

    It takes the same arguments as `dify_async.AppClient`, except `session`: a session belongs to an event
    loop. A `limiter` is entered in the event loop of the blocking clients. Any number of threads may share a
    client. A forked child may use it too, and opens its own connections. A client can be pickled: the pickle
    contains its settings, including the key.
    """

    workflows = resource(Workflows)
    chat = resource(Chat)
    completions = resource(Completions)
    conversations = resource(Conversations)
    messages = resource(Messages)
    files = resource(Files)
    audio = resource(Audio)
    forms = resource(Forms)
    app = resource(App)
    annotations = resource(Annotations)
    end_users = resource(EndUsers)

    @with_arguments_of(clients.AppClient)
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        args, kwargs = tuple(map(hidden, args)), hidden_settings(kwargs)
        super().__init__(clients.AppClient, args, kwargs)

    for_key = client_view(clients.AppClient.for_key)
