"""The operations, one line each: the blocking side of `dify_async.resources`."""

from __future__ import annotations

from dify_async import _probe
from dify_async.resources import (
    app,
    audio,
    auth,
    chat,
    completions,
    conversations,
    files,
    following,
    forms,
    messages,
    web,
    workflows,
)
from dify_async.sync.wrap import (
    Resource,
    blocking,
    blocking_batch,
    blocking_function,
    blocking_pager,
    blocking_stream,
    blocking_view,
)


class StoredRuns(Resource):
    """Runs of workflows and chatflows, found again by their ids or handles."""

    attach = blocking_stream(following.StoredRuns.attach)
    wait = blocking(following.StoredRuns.wait)
    resume = blocking_stream(following.StoredRuns.resume)
    stop = blocking(following.StoredRuns.stop)


class Workflows(StoredRuns):
    """Run workflows, and find their runs again. For keys of workflow apps."""

    run = blocking(workflows.Workflows.run)
    stream = blocking_stream(workflows.Workflows.stream)
    submit = blocking(workflows.Workflows.submit)
    run_many = blocking_batch(workflows.Workflows.run_many)
    get = blocking(workflows.Workflows.get)
    logs = blocking_pager(workflows.Workflows.logs)


class WebWorkflows(StoredRuns):
    """Run workflows, and find their runs again."""

    run = blocking(web.WebWorkflows.run)
    stream = blocking_stream(web.WebWorkflows.stream)
    submit = blocking(web.WebWorkflows.submit)


class Chat(Resource):
    """Ask chat, agent and chatflow apps."""

    send = blocking(chat.Chat.send)
    stream = blocking_stream(chat.Chat.stream)
    send_many = blocking_batch(chat.Chat.send_many)
    stop = blocking(chat.Chat.stop)


class WebConversation(Resource):
    """A conversation of the Web API: each message follows the last one, so that the model remembers."""

    @property
    def conversation_id(self) -> str | None:
        """Its id; None before the first answer has begun."""
        return self._twin.conversation_id  # type: ignore[no-any-return]

    @property
    def last_message_id(self) -> str | None:
        """The message that the next one will follow."""
        return self._twin.last_message_id  # type: ignore[no-any-return]

    send = blocking(chat.WebConversation.send)
    stream = blocking_stream(chat.WebConversation.stream)


class WebChat(Resource):
    """Ask chat, agent and chatflow apps."""

    send = blocking(chat.WebChat.send)
    stream = blocking_stream(chat.WebChat.stream)
    stop = blocking(chat.WebChat.stop)
    conversation = blocking_view(chat.WebChat.conversation, WebConversation)


class Completions(Resource):
    """Ask completion apps."""

    create = blocking(completions.Completions.create)
    create_many = blocking_batch(completions.Completions.create_many)
    stream = blocking_stream(completions.Completions.stream)
    stop = blocking(completions.Completions.stop)


class Conversations(Resource):
    """Conversations of the end user that were started through this API."""

    list = blocking_pager(conversations.Conversations.list)
    delete = blocking(conversations.Conversations.delete)
    rename = blocking(conversations.Conversations.rename)
    variables = blocking_pager(conversations.Conversations.variables)
    update_variable = blocking(conversations.Conversations.update_variable)


class WebConversations(Resource):
    """Conversations of the end user that were started through this API."""

    list = blocking_pager(conversations.WebConversations.list)
    delete = blocking(conversations.WebConversations.delete)
    rename = blocking(conversations.WebConversations.rename)
    pin = blocking(conversations.WebConversations.pin)
    unpin = blocking(conversations.WebConversations.unpin)


class Messages(Resource):
    """The messages of conversations."""

    list = blocking_pager(messages.Messages.list)
    feedback = blocking(messages.Messages.feedback)
    suggested = blocking(messages.Messages.suggested)


class WebMessages(Messages):
    """The messages of conversations, and of completions."""

    more_like_this = blocking(messages.WebMessages.more_like_this)


class SavedMessages(Resource):
    """Answers of completion apps that the end user has kept."""

    list = blocking_pager(messages.SavedMessages.list)
    save = blocking(messages.SavedMessages.save)
    delete = blocking(messages.SavedMessages.delete)


class Files(Resource):
    """Upload files, and read those of messages again."""

    upload = blocking(files.Files.upload)
    preview = blocking(files.Files.preview)
    save_preview = blocking(files.Files.save_preview)


class WebFiles(Resource):
    """Upload files for inputs and messages."""

    upload = blocking(web.WebFiles.upload)


class RemoteFiles(Resource):
    """Files at addresses, which the server fetches."""

    info = blocking(web.RemoteFiles.info)
    upload = blocking(web.RemoteFiles.upload)


class Audio(Resource):
    """Turn speech into text, and text into speech."""

    transcribe = blocking(audio.Audio.transcribe)
    speak = blocking(audio.Audio.speak)


class Forms(Resource):
    """The forms of paused runs, by their tokens."""

    get = blocking(forms.Forms.get)
    submit = blocking(forms.Forms.submit)


class WebForms(Forms):
    """The forms of paused runs, by their tokens, with files for them."""

    upload_token = blocking(forms.WebForms.upload_token)
    upload = blocking(forms.WebForms.upload)


class Auth(Resource):
    """Log in to web apps that are not public. Community servers and the cloud have only public ones."""

    passport = blocking(auth.Auth.passport)
    login = blocking(auth.Auth.login)
    send_login_code = blocking(auth.Auth.send_login_code)
    login_with_code = blocking(auth.Auth.login_with_code)
    send_password_reset = blocking(auth.Auth.send_password_reset)
    check_password_reset = blocking(auth.Auth.check_password_reset)
    reset_password = blocking(auth.Auth.reset_password)
    status = blocking(auth.Auth.status)
    logout = blocking(auth.Auth.logout)


class App(Resource):
    """The app that the key opens. None of these calls needs an end user."""

    info = blocking(app.App.info)
    parameters = blocking(app.App.parameters)
    meta = blocking(app.App.meta)
    site = blocking(app.App.site)
    feedbacks = blocking_pager(app.App.feedbacks)


class WebApp(Resource):
    """The web app: its page, its form, who may use it."""

    site = blocking(web.WebApp.site)
    parameters = blocking(web.WebApp.parameters)
    meta = blocking(web.WebApp.meta)
    access_mode = blocking(web.WebApp.access_mode)
    permission = blocking(web.WebApp.permission)


class System(Resource):
    """The server."""

    features = blocking(web.System.features)


probe = blocking_function(_probe.probe)
